import { BlockList, isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { type DirectiveCursor, type LineCursor, readEach } from '../../corefile/cursor.ts';
import { formatGoDuration } from '../../corefile/go-values.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface LoadbalanceConfig {
  readonly policy: Policy;
  /** Address ranges in falling order of preference. */
  readonly prefer: readonly BlockList[];
}

export type Policy =
  | { readonly kind: 'round_robin' }
  /** `reloadMs`: how often the weight file is looked at; 0 for never again. */
  | { readonly kind: 'weighted'; readonly file: string; readonly reloadMs: number };

const DEFAULT_RELOAD_MS = 30_000;

/** Throws CorefileError. Of several directives the last one's policy counts; their preferred ranges add up. */
export function parseLoadbalance(directives: readonly Directive[], scope: BlockScope): LoadbalanceConfig {
  let policy: Policy = { kind: 'round_robin' };
  const prefer: BlockList[] = [];
  readEach(directives, scope, (directive) => {
    policy = readPolicy(directive, scope);
    const readPrefer = (option: LineCursor): void =>
      void prefer.push(...option.args().map((word) => range(option, word)));
    if (policy.kind === 'round_robin') return directive.options({ prefer: readPrefer });
    let { reloadMs } = policy;
    directive.options({ prefer: readPrefer, reload: (option) => void (reloadMs = readReload(option)) });
    policy = { ...policy, reloadMs };
  });
  return { policy, prefer };
}

function readPolicy(directive: DirectiveCursor, scope: BlockScope): Policy {
  const [kind = 'round_robin', file, ...others] = directive.args();
  switch (kind) {
    case 'round_robin':
      if (file !== undefined) throw directive.parseError(`unknown property for ${kind}`);
      return { kind };
    case 'weighted':
      if (file === undefined) throw directive.parseError('missing weight file argument');
      if (others.length > 0) throw directive.parseError('unexpected argument(s)');
      return { kind, file: isAbsolute(file) ? file : join(scope.directory, file), reloadMs: DEFAULT_RELOAD_MS };
    default:
      throw directive.error(`unknown policy: ${kind}`);
  }
}

function readReload(option: LineCursor): number {
  if (option.left === 0) throw option.parseError('reload duration value is missing');
  const reloadMs = option.duration((_problem, word) => option.parseError(`invalid reload duration '${word}'`));
  if (reloadMs < 0) throw option.parseError(`invalid reload duration '${formatGoDuration(reloadMs)}'`);
  if (option.left > 0) throw option.parseError('unexpected argument');
  return reloadMs;
}

function range(option: LineCursor, word: string): BlockList {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(word) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(length) > (family === 4 ? 32 : 128)) {
    throw option.parseError(`invalid CIDR ${JSON.stringify(word)}: invalid CIDR address: ${word}`);
  }
  const list = new BlockList();
  list.addSubnet(address, Number(length), family === 4 ? 'ipv4' : 'ipv6');
  return list;
}
