import { type LineCursor, readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { absolute, isName, keyOf } from '../../dns/name.ts';

export interface ExternalConfig {
  /** Keys, in the order of the Corefile, one at least. */
  readonly zones: readonly string[];
  /** The labels below each zone that its name servers have, without a last dot. */
  readonly apex: string;
  /** Seconds. */
  readonly ttl: number;
  /** Whether headless services are served by the addresses of their endpoints. */
  readonly headless: boolean;
  /** Names in these zones that do not exist here are left to the next plugin. */
  readonly fallthrough: readonly string[];
}

type Draft = { -readonly [Key in keyof ExternalConfig]: ExternalConfig[Key] };

const MAX_TTL = 3600;

/** Throws CorefileError. */
export function parseExternal(directives: readonly Directive[], scope: BlockScope): ExternalConfig {
  const draft: Draft = { zones: [], apex: 'dns', ttl: 5, headless: false, fallthrough: [] };
  readOnce(directives, scope, (directive) => {
    draft.zones = [...new Set(directive.zones())];
    directive.options(optionsFor(draft));
    if (draft.zones.length === 0) throw directive.error('no zone is left to serve');
    if (!scope.plugins.has('kubernetes')) {
      throw directive.error(`kubernetes plugin not loaded; add 'kubernetes' to this server block`);
    }
  });
  return draft;
}

function optionsFor(draft: Draft): Record<string, (option: LineCursor) => void> {
  return {
    apex(option) {
      draft.apex = readApex(option);
      option.ignoreRest();
    },
    ttl(option) {
      const ttl = option.integer();
      option.ignoreRest();
      if (ttl < 0 || ttl > MAX_TTL) throw option.parseError(`ttl must be in range [0, ${MAX_TTL}]: ${ttl}`);
      draft.ttl = ttl;
    },
    headless(option) {
      draft.headless = true;
      option.ignoreRest();
    },
    fallthrough: (option) => void (draft.fallthrough = option.zones(['.'])),
  };
}

function readApex(option: LineCursor): string {
  const word = option.arg();
  if (!isName(absolute(word))) throw option.error(`apex '${word}' is no domain name`);
  return keyOf(absolute(word).slice(0, -1));
}
