import { type Answer, blankAnswer, NO_TTL } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import { FLAG, RCODE } from '../../dns/codes.ts';
import type { Clock } from '../../runtime/clock.ts';
import { classify, type Kind } from './classify.ts';
import type { CacheConfig, ShelfConfig } from './config.ts';
import { type Entry, makeEntry, slotOf, wantsAuthentic } from './entry.ts';
import type { Cells } from './metrics.ts';
import { Shelf } from './shelf.ts';
import { ageAt, withTtl } from './ttl.ts';

/** The TTL of an answer that has none, and of one that is not for keeping. */
const DEFAULT_TTL = 5;

/** What became of an answer of the next plugin. */
export interface Receipt {
  /** As the client gets it. */
  readonly answer: Answer;
  readonly kind: Kind;
  /** As it was stored, if it was. */
  readonly entry: Entry | undefined;
}

/**
 * The stored answers. There is one truth about a question, so an answer puts out what the other shelf holds; a failure
 * does not, since it says nothing about the data, nor does a denial where `prefer_positive` keeps positive answers.
 */
export class Answers {
  readonly success: Shelf;
  readonly denial: Shelf;
  readonly #config: CacheConfig;
  readonly #clock: Clock;
  readonly #disabled: { readonly success: ZoneSet; readonly denial: ZoneSet };
  readonly #staleSeconds: number;

  constructor(config: CacheConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.success = new Shelf(config.success.capacity);
    this.denial = new Shelf(config.denial.capacity);
    this.#disabled = {
      success: new ZoneSet(config.success.disabled),
      denial: new ZoneSet(config.denial.disabled),
    };
    this.#staleSeconds = config.stale?.seconds ?? 0;
  }

  /** The stored answer that is to be given, be it stale. */
  find(query: Query): Entry | undefined {
    const slot = slotOf(query);
    const denial = this.denial.find(query, slot);
    const success = this.success.find(query, slot);
    if (denial === undefined && success === undefined) return undefined;
    const nowMs = this.#clock.now();
    const usable = success !== undefined && this.#isUsable(success, nowMs) ? success : undefined;
    if (denial === undefined || !this.#isUsable(denial, nowMs)) return usable;
    const isPreferred = this.#config.preferPositive && usable?.kind === 'positive';
    return isPreferred || denial.kind === 'failure' ? (usable ?? denial) : denial;
  }

  /** Drops what is stored of the query's question. */
  forget(query: Query): void {
    const slot = slotOf(query);
    this.success.drop(query, slot);
    this.denial.drop(query, slot);
  }

  /** Gives `answer`, which is not live, one TTL, and stores it where it may be. */
  receive(query: Query, answer: Answer, cells: Cells): Receipt {
    const nowMs = this.#clock.now();
    const kind = classify(query, answer, this.#clock.wall());
    const ttl = this.#ttlOf(kind, answer);
    // An OPT record belongs to one hop (RFC 6891 6.1.1).
    const levelled = { ...withTtl(answer, ttl), options: blankAnswer.options };
    const shelf = shelfOf(kind);
    const isWhole = (answer.flags & FLAG.TC) === 0;
    let entry: Entry | undefined;
    if (shelf !== undefined && isWhole && ttl > 0 && !this.#disabled[shelf].covers(query)) {
      const { keepTtl } = this.#config;
      entry = this.#keep(query, makeEntry(query, levelled, { shelf, kind, ttl, nowMs, keepTtl }), cells);
    }
    const flags = wantsAuthentic(query) ? levelled.flags : levelled.flags & ~FLAG.AD;
    return { answer: { ...levelled, flags }, kind, entry };
  }

  /**
   * A live answer as the client gets it: itself, unless its TTLs are above the maximum or differ. Such answers are never
   * stored, since their owner knows when they change, and for the same reason their TTLs are never raised.
   */
  level(answer: Answer): Answer {
    const { success, denial } = this.#config;
    const isPositive = answer.rcode === RCODE.NOERROR && answer.answerCount > 0;
    return withTtl(answer, Math.min(this.#leastTtl(answer), isPositive ? success.maxTtl : denial.maxTtl));
  }

  #isUsable(entry: Entry, nowMs: number): boolean {
    const graceSeconds = entry.kind === 'failure' ? 0 : this.#staleSeconds;
    entry.left = entry.ttl - ageAt(entry.bornMs, nowMs);
    return entry.left > -graceSeconds;
  }

  #leastTtl({ minTtl, bornMs }: Answer): number {
    return bornMs < 0 ? minTtl : Math.max(0, minTtl - ageAt(bornMs, this.#clock.now()));
  }

  #ttlOf(kind: Kind, answer: Answer): number {
    const { success, denial, failureTtl } = this.#config;
    const ttl = answer.minTtl === NO_TTL ? DEFAULT_TTL : this.#leastTtl(answer);
    switch (kind) {
      case 'failure':
        return failureTtl;
      case 'nodata':
      case 'nxdomain':
      case 'unbounded':
        return within(ttl, denial);
      case 'positive':
      case 'empty':
      case 'incomplete':
        return within(ttl, success);
      case 'delegation':
      case 'other':
      case 'meta':
        return within(DEFAULT_TTL, success);
      default:
        return kind satisfies never;
    }
  }

  #keep(query: Query, entry: Entry, cells: Cells): Entry | undefined {
    const { preferPositive } = this.#config;
    const { slot, kind, shelf } = entry;
    if (shelf === 'success') {
      const before = preferPositive && kind !== 'positive' ? this.success.find(query, slot) : undefined;
      if (before?.kind === 'positive' && this.#isUsable(before, entry.bornMs)) return undefined;
      if (!preferPositive || kind === 'positive') this.denial.drop(query, slot);
    } else if (!preferPositive && kind !== 'failure') {
      this.success.drop(query, slot);
    }
    const evicted = this[shelf].keep(entry);
    if (evicted > 0) cells.evictions[shelf].inc(evicted);
    return entry;
  }
}

function within(ttl: number, { minTtl, maxTtl }: ShelfConfig): number {
  return Math.min(Math.max(ttl, minTtl), maxTtl);
}

function shelfOf(kind: Kind): 'success' | 'denial' | undefined {
  switch (kind) {
    case 'positive':
    case 'empty':
    case 'delegation':
      return 'success';
    case 'nodata':
    case 'nxdomain':
    case 'failure':
      return 'denial';
    case 'incomplete':
    case 'unbounded':
    case 'other':
    case 'meta':
      return undefined;
    default:
      return kind satisfies never;
  }
}
