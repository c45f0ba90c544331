import { LRUCache } from 'lru-cache';
import type { Query } from '../../core/query.ts';
import { type Entry, matches } from './entry.ts';

/** Bytes of names and records for each answer that a shelf may hold: it then fills within known memory. */
const BYTES_PER_ANSWER = 1024;

/** Without any, each `get` would make its own. */
const GET_OPTIONS = {};

/**
 * The answers of one sort, by question; the one unused for longest makes room. Finding one makes no string: the key is a
 * number that two questions may share, so the whole question is compared. Of these two the newer one is held.
 */
export class Shelf {
  readonly #entries: LRUCache<number, Entry>;
  #evicted = 0;

  constructor(capacity: number) {
    this.#entries = new LRUCache({
      max: capacity,
      maxSize: capacity * BYTES_PER_ANSWER,
      sizeCalculation: (entry) => entry.bytes,
      dispose: (_entry, _slot, reason) => {
        if (reason === 'evict') this.#evicted++;
      },
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer to the query's question, however old. `slot`: the question's. */
  find(query: Query, slot: number): Entry | undefined {
    const entry = this.#entries.get(slot, GET_OPTIONS);
    return entry !== undefined && matches(entry, query) ? entry : undefined;
  }

  /** How many others had to go for it. */
  keep(entry: Entry): number {
    this.#evicted = 0;
    this.#entries.set(entry.slot, entry);
    return this.#evicted;
  }

  drop(query: Query, slot: number): void {
    if (this.find(query, slot) !== undefined) this.#entries.delete(slot);
  }
}
