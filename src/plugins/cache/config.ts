import { zonesOfWord } from '../../corefile/address.ts';
import { type LineCursor, readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface CacheConfig {
  readonly zones: readonly string[];
  readonly success: ShelfConfig;
  readonly denial: ShelfConfig;
  /** How long a failure is remembered, in seconds; 0: not at all. */
  readonly failureTtl: number;
  readonly prefetch: Prefetch | undefined;
  readonly stale: ServeStale | undefined;
  /** A positive answer wins over later denials, and only a positive answer replaces it. */
  readonly preferPositive: boolean;
  /** Cached answers keep the TTL that they were stored with. */
  readonly keepTtl: boolean;
}

export interface ShelfConfig {
  /** How many answers it holds. */
  readonly capacity: number;
  /** In seconds. */
  readonly maxTtl: number;
  /** In seconds; `maxTtl` wins over it. */
  readonly minTtl: number;
  /** Zones whose answers are not stored. */
  readonly disabled: readonly string[];
}

export interface Prefetch {
  /** From so many hits on, each at most `windowMs` after the one before it, an answer is fetched before it expires. */
  readonly amount: number;
  readonly windowMs: number;
  /** When that much of its TTL is left, 10 to 90. */
  readonly percentage: number;
}

export interface ServeStale {
  /** For how long after it expired an answer may be given, in seconds. */
  readonly seconds: number;
  readonly mode: 'immediate' | 'verify';
  /** How long `verify` waits for an upstream; 0: as long as it takes. */
  readonly timeoutMs: number;
  /** The TTL of stale answers, in seconds. */
  readonly ttl: number;
  /** How long after a failed refresh none is tried. */
  readonly recheckMs: number;
}

type Draft = {
  -readonly [Key in keyof CacheConfig]: CacheConfig[Key];
};

const DEFAULT_CAPACITY = 10_000;
const DEFAULT_MIN_TTL = 5;
const LONGEST_TTL = 0x7fff_ffff;
const SHARDS = 256;
const LEAST_PER_SHARD = 4;
/** More would be reserved at once than a cluster's DNS server is given. */
const LARGEST_CAPACITY = 2 ** 20;
const HOUR_MS = 3_600_000;
const FIVE_MINUTES_MS = 300_000;

/** Throws CorefileError. */
export function parseCache(directives: readonly Directive[], scope: BlockScope): CacheConfig {
  const shelf = { capacity: effectiveCapacity(DEFAULT_CAPACITY), minTtl: DEFAULT_MIN_TTL, disabled: [] };
  const draft: Draft = {
    zones: [],
    success: { ...shelf, maxTtl: 3600 },
    denial: { ...shelf, maxTtl: 1800 },
    failureTtl: 5,
    prefetch: undefined,
    stale: undefined,
    preferPositive: false,
    keepTtl: false,
  };
  const startsWithTtl = /^[+-]?\d+$/.test(directives[0]?.args[0]?.text ?? '');
  let hasStale = false;
  readOnce(directives, scope, (directive) => {
    directive.attempt(() => {
      if (!startsWithTtl) return;
      const maxTtl = readMaxTtl(directive);
      draft.success = { ...draft.success, maxTtl };
      draft.denial = { ...draft.denial, maxTtl };
    });
    draft.zones = directive.zones();
    directive.options(
      {
        success: (option) => void (draft.success = readShelf(option, draft.success)),
        denial: (option) => void (draft.denial = readShelf(option, draft.denial)),
        prefetch: (option) => void (draft.prefetch = readPrefetch(option)),
        serve_stale(option) {
          hasStale = true;
          draft.stale = readStale(option);
        },
        serve_stale_policy(option) {
          if (draft.preferPositive) throw option.error('serve_stale_policy can only be specified once');
          draft.preferPositive = readPolicy(option);
        },
        servfail: (option) => void (draft.failureTtl = readFailureTtl(option)),
        disable(option) {
          const { shelf, zones } = readDisable(option);
          draft[shelf] = { ...draft[shelf], disabled: zones };
        },
        keepttl: () => void (draft.keepTtl = true),
      },
      (option) => {
        throw option.wrongArgumentCount();
      },
    );
    if (draft.preferPositive && !hasStale) throw directive.error('serve_stale_policy requires serve_stale');
  });
  return draft;
}

/** What the reference makes of a capacity: 256 parts of equal size, each of four answers at least. */
function effectiveCapacity(capacity: number): number {
  const perShard = Math.max(Math.trunc(capacity / SHARDS), LEAST_PER_SHARD);
  return Math.min(SHARDS * perShard, LARGEST_CAPACITY);
}

function readMaxTtl(line: LineCursor): number {
  const ttl = line.integer();
  if (ttl <= 0) throw line.error(`cache TTL can not be zero or negative: ${ttl}`);
  return Math.min(ttl, LONGEST_TTL);
}

function readMinTtl(line: LineCursor): number {
  const ttl = line.integer();
  if (ttl < 0) throw line.error(`cache min TTL can not be negative: ${ttl}`);
  return Math.min(ttl, LONGEST_TTL);
}

function readShelf(option: LineCursor, before: ShelfConfig): ShelfConfig {
  const capacity = effectiveCapacity(option.integer());
  const maxTtl = option.left > 0 ? readMaxTtl(option) : before.maxTtl;
  const minTtl = option.left > 0 ? readMinTtl(option) : before.minTtl;
  option.ignoreRest();
  return { ...before, capacity, maxTtl, minTtl };
}

function readPrefetch(option: LineCursor): Prefetch | undefined {
  const amount = option.integer();
  if (amount < 0) throw option.error(`prefetch amount should be positive: ${amount}`);
  const windowMs = option.left > 0 ? option.duration() : 60_000;
  const percentage = option.left > 0 ? readPercentage(option) : 10;
  return amount === 0 ? undefined : { amount, windowMs, percentage };
}

function readPercentage(option: LineCursor): number {
  const word = option.arg();
  if (!word.endsWith('%')) {
    throw option.error(`last character of percentage should be \`%\`, but is: '${word.slice(-1)}'`);
  }
  const number = word.slice(0, -1);
  if (!/^[+-]?\d+$/.test(number)) {
    throw option.error(`strconv.Atoi: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  const percentage = Number(number);
  if (percentage < 10 || percentage > 90) {
    throw option.error(`percentage should fall in range [10, 90]: ${percentage}`);
  }
  return percentage;
}

/** `serve_stale [DURATION [immediate [RESPTTL [RECHECK]] | verify [TIMEOUT [RESPTTL [RECHECK]]]]]` */
function readStale(option: LineCursor): ServeStale | undefined {
  const forMs = option.left > 0 ? option.duration() : HOUR_MS;
  if (forMs < 0) throw option.error('invalid negative duration for serve_stale');
  const mode = (option.optionalArg() ?? 'immediate').toLowerCase();
  if (mode !== 'immediate' && mode !== 'verify') {
    throw option.error(`invalid value for serve_stale refresh mode: ${mode}`);
  }
  const timeoutMs = mode === 'verify' && option.left > 0 ? readTimeout(option) : 0;
  const ttl = option.left > 0 ? readStaleTtl(option) : 0;
  const recheckMs = option.left > 0 ? readRecheck(option) : 0;
  const seconds = Math.floor(forMs / 1000);
  return seconds === 0 ? undefined : { seconds, mode, timeoutMs, ttl, recheckMs };
}

function readTimeout(option: LineCursor): number {
  const timeoutMs = option.duration((problem) => option.error(`invalid serve_stale verify timeout: ${problem}`));
  if (timeoutMs < 0) throw option.error('invalid negative timeout for serve_stale verify');
  return timeoutMs;
}

function readStaleTtl(option: LineCursor): number {
  const ms = option.duration((problem) => option.error(`invalid serve_stale response TTL: ${problem}`));
  if (ms < 0) throw option.error('invalid negative response TTL for serve_stale');
  if (ms % 1000 !== 0) throw option.error('serve_stale response TTL must be a whole number of seconds');
  if (ms / 1000 > 0xffff_ffff) throw option.error('serve_stale response TTL exceeds the DNS TTL range');
  return ms / 1000;
}

function readRecheck(option: LineCursor): number {
  const recheckMs = option.duration((problem) => option.error(`invalid serve_stale failure recheck: ${problem}`));
  if (recheckMs < 0) throw option.error('invalid negative failure recheck for serve_stale');
  if (recheckMs > FIVE_MINUTES_MS) throw option.error('serve_stale failure recheck cannot exceed 5 minutes');
  return recheckMs;
}

function readPolicy(option: LineCursor): true {
  const policy = option.arg().toLowerCase();
  if (policy !== 'prefer_positive') throw option.error(`invalid serve_stale_policy: ${policy}`);
  return true;
}

function readFailureTtl(option: LineCursor): number {
  const ms = option.duration();
  if (ms < 0) throw option.error('invalid negative ttl for servfail');
  // RFC 2308 section 7.1.
  if (ms > FIVE_MINUTES_MS) throw option.error('caching SERVFAIL responses over 5 minutes is not permitted');
  return Math.floor(ms / 1000);
}

function readDisable(option: LineCursor): { shelf: 'success' | 'denial'; zones: readonly string[] } {
  const shelf = option.arg();
  if (shelf !== 'success' && shelf !== 'denial') {
    throw option.error('cache type for disable must be "success" or "denial"');
  }
  const zones = option.args().flatMap((word) => {
    const found = zonesOfWord(word);
    if (found.length === 0) throw option.error(`invalid disabled zone: ${word}`);
    return found;
  });
  return { shelf, zones: zones.length === 0 ? ['.'] : zones };
}
