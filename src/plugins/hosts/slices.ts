import { setImmediate } from 'node:timers/promises';

/** Work that can be laid aside at each `yield`. */
export type Slices<T> = Generator<void, T, void>;

/** How many names, or lines, are worked on before others get their turn: a millisecond or two. */
export const SLICE = 1000;

/** Does the work at a stretch. */
export function atOnce<T>(work: Slices<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Does the work between other things, so that a long blocklist keeps no query waiting. */
export async function unhurried<T>(work: Slices<T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await setImmediate();
  }
}
