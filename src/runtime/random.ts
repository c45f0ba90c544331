import { randomFillSync } from 'node:crypto';

/** A source of random numbers; the system's one is a CSPRNG, since query ids and source ports rest on it. */
export interface Random {
  /** An integer, 0 to 65535. */
  u16(): number;
  /** An integer, 0 to `limit` - 1; `limit` is 1 to 2^32. */
  below(limit: number): number;
}

const POOL_WORDS = 1024;

/** Numbers from the system's CSPRNG, fetched a pool at a time: one call a query would cost more than the query. */
export function systemRandom(): Random {
  const pool = new Uint32Array(POOL_WORDS);
  let next = POOL_WORDS;

  function u32(): number {
    if (next === POOL_WORDS) {
      randomFillSync(pool);
      next = 0;
    }
    return pool[next++] ?? 0;
  }

  return {
    u16: () => u32() & 0xffff,
    below: (limit) => Math.floor((u32() / 0x1_0000_0000) * limit),
  };
}
