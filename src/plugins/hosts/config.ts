import { isAbsolute, join } from 'node:path';
import { type LineCursor, readOnce } from '../../corefile/cursor.ts';
import { formatGoDuration } from '../../corefile/go-values.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface HostsConfig {
  readonly file: string;
  /** Whether the Corefile names the file: then it is told when it is not there. */
  readonly isFileNamed: boolean;
  readonly zones: readonly string[];
  /** Lines of the hosts format that stand in the Corefile. */
  readonly lines: readonly string[];
  /** Of all records, in seconds. */
  readonly ttl: number;
  /** Whether addresses lead back to names. */
  readonly hasReverse: boolean;
  /** How often the file is looked at; 0 for once. */
  readonly reloadMs: number;
  /** Zones whose unknown names are left to the next plugin. */
  readonly fallthrough: readonly string[];
  /** Whether types other than A, AAAA and PTR fall through, also for known names. */
  readonly fallthroughUnsupported: boolean;
}

type Draft = { -readonly [Key in keyof HostsConfig]: HostsConfig[Key] };

const MAX_TTL = 65_535;

/** Throws CorefileError. */
export function parseHosts(directives: readonly Directive[], scope: BlockScope): HostsConfig {
  const draft: Draft = {
    file: '/etc/hosts',
    isFileNamed: false,
    zones: [],
    lines: [],
    ttl: 3600,
    hasReverse: true,
    reloadMs: 5000,
    fallthrough: [],
    fallthroughUnsupported: false,
  };
  readOnce(directives, scope, (directive) => {
    const file = directive.optionalArg();
    if (file !== undefined) {
      draft.file = isAbsolute(file) ? file : join(scope.directory, file);
      draft.isFileNamed = true;
    }
    draft.zones = directive.zones();
    const table = optionsFor(draft);
    directive.options(table, (option) => {
      // Any other word begins a line of hosts, up to the fallthrough.
      if (draft.fallthrough.length > 0) throw option.unknownProperty(Object.keys(table));
      draft.lines = [...draft.lines, [option.name, ...option.args()].join(' ')];
    });
    if (draft.fallthroughUnsupported && draft.fallthrough.length === 0) {
      throw directive.parseError('fallthrough_unsupported requires fallthrough');
    }
  });
  return draft;
}

function optionsFor(draft: Draft): Record<string, (option: LineCursor) => void> {
  return {
    fallthrough: (option) => void (draft.fallthrough = option.zones(['.'])),
    fallthrough_unsupported: () => void (draft.fallthroughUnsupported = true),
    no_reverse: () => void (draft.hasReverse = false),
    ttl: (option) => void (draft.ttl = readTtl(option)),
    reload: (option) => void (draft.reloadMs = readReload(option)),
  };
}

function readTtl(option: LineCursor): number {
  if (option.left === 0) throw option.parseError('ttl needs a time in second');
  const ttl = option.integer(() => option.parseError('ttl needs a number of second'));
  if (ttl <= 0 || ttl > MAX_TTL) throw option.parseError('ttl provided is invalid');
  option.ignoreRest();
  return ttl;
}

function readReload(option: LineCursor): number {
  if (option.left !== 1) throw option.parseError('reload needs a duration (zero seconds to disable)');
  const reloadMs = option.duration((_problem, word) => option.parseError(`invalid duration for reload '${word}'`));
  if (reloadMs < 0) throw option.parseError(`invalid negative duration for reload '${formatGoDuration(reloadMs)}'`);
  return reloadMs;
}
