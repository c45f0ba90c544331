import type { Random } from '../../src/runtime/random.ts';

/** A repeatable source (mulberry32): the same seed gives the same numbers. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  function u32(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  return { u16: () => u32() & 0xffff, below: (limit) => Math.floor((u32() / 0x1_0000_0000) * limit) };
}
