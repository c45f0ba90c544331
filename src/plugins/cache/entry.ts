import type { Answer } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';
import { FLAG } from '../../dns/codes.ts';
import type { Kind } from './classify.ts';
import { withTtl } from './ttl.ts';

/** An answer as those clients get it who do not ask for DNSSEC, without AD, and as those do who do (RFC 6840 5.8). */
export interface Variants {
  readonly plain: Answer;
  readonly authentic: Answer;
}

/** A stored answer, with all that its question is told by. */
export interface Entry {
  readonly slot: number;
  readonly shelf: 'success' | 'denial';
  readonly kind: Kind;
  readonly name: Buffer;
  readonly type: number;
  readonly class: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** The bytes of its name and its records. */
  readonly bytes: number;
  /** In seconds, from `bornMs` on. */
  readonly ttl: number;
  readonly bornMs: number;
  /** How many whole seconds of its TTL were left when it was found last; it is valid while there are any. */
  left: number;
  readonly fresh: Variants;
  /** As it is given when it has expired; made when that happens first. */
  stale: Variants | undefined;
  /** Hits, each within the window of `prefetch` after the one before it. */
  hits: number;
  hitAtMs: number;
  refreshing: boolean;
  /** Until then no refresh is tried, since one has failed. */
  retryAtMs: number;
}

/** What the reply to `query` may say about DNSSEC. */
export function wantsAuthentic(query: Query): boolean {
  return query.dnssecOk || (query.flags & FLAG.AD) !== 0;
}

export function pick(variants: Variants, query: Query): Answer {
  return wantsAuthentic(query) ? variants.authentic : variants.plain;
}

/** The key of a question in a shelf; others may have the same. */
export function slotOf(query: Query): number {
  const marks = (query.dnssecOk ? 1 : 0) | (query.flags & FLAG.CD);
  return query.hash ^ Math.imul((query.type << 16) | query.class, 0x9e37_79b1) ^ Math.imul(marks, 0x85eb_ca6b);
}

export function matches(entry: Entry, query: Query): boolean {
  const { name } = entry;
  if (entry.type !== query.type || entry.class !== query.class || name.length !== query.nameLength) return false;
  if (entry.dnssecOk !== query.dnssecOk || entry.checkingDisabled !== isCheckingDisabled(query)) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== query.name[i]) return false;
  return true;
}

function isCheckingDisabled(query: Query): boolean {
  return (query.flags & FLAG.CD) !== 0;
}

export interface Storing {
  readonly shelf: 'success' | 'denial';
  readonly kind: Kind;
  readonly ttl: number;
  readonly nowMs: number;
  /** Its TTLs stay as they are while it is stored. */
  readonly keepTtl: boolean;
}

/** `answer`, which has the TTL on all its records, as it is stored: in memory of its own, and no longer authoritative. */
export function makeEntry(query: Query, answer: Answer, storing: Storing): Entry {
  const { shelf, kind, ttl, nowMs, keepTtl } = storing;
  // Outside of the pool from which packets are cut: a stored answer would keep its slab alive.
  const memory = Buffer.allocUnsafeSlow(answer.body.length + query.nameLength);
  answer.body.copy(memory);
  query.name.copy(memory, answer.body.length, 0, query.nameLength);
  return {
    slot: slotOf(query),
    shelf,
    kind,
    name: memory.subarray(answer.body.length),
    type: query.type,
    class: query.class,
    dnssecOk: query.dnssecOk,
    checkingDisabled: isCheckingDisabled(query),
    bytes: memory.length,
    ttl,
    bornMs: nowMs,
    left: ttl,
    fresh: variantsOf({
      ...answer,
      flags: answer.flags & ~FLAG.AA,
      body: memory.subarray(0, answer.body.length),
      bornMs: keepTtl ? -1 : nowMs,
      source: 'cache',
      reason: reasonOf(answer),
    }),
    stale: undefined,
    hits: 0,
    hitAtMs: Number.NEGATIVE_INFINITY,
    refreshing: false,
    retryAtMs: Number.NEGATIVE_INFINITY,
  };
}

function reasonOf({ source, reason }: Answer): string {
  const origin = source === '' || source === 'cache' ? 'from the cache' : `from the cache, first given by ${source}`;
  return reason === '' ? origin : `${origin}: ${reason}`;
}

function variantsOf(authentic: Answer): Variants {
  if ((authentic.flags & FLAG.AD) === 0) return { plain: authentic, authentic };
  return { plain: { ...authentic, flags: authentic.flags & ~FLAG.AD }, authentic };
}

/** The entry's answer after its time, with a TTL that does not change. */
export function staleVariants(entry: Entry, ttl: number): Variants {
  entry.stale ??= variantsOf({
    ...withTtl(entry.fresh.authentic, ttl),
    reason: `${entry.fresh.authentic.reason}; expired, served stale`,
  });
  return entry.stale;
}
