import type { Clock, Timer } from '../../src/runtime/clock.ts';

/** A clock that stands still until a test moves it; timers fire in order of their time, ties in order of their setting. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  readonly #epochMs: number;
  #pending: { readonly atMs: number; readonly task: () => void }[] = [];

  /** `epoch`: what `wall()` says at first, ISO 8601. */
  constructor(epoch = '2026-01-01T00:00:00Z') {
    this.#epochMs = Date.parse(epoch) - this.#nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return this.#epochMs + this.#nowMs;
  }

  after(delayMs: number, task: () => void): Timer {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), task };
    this.#pending.push(entry);
    this.#pending.sort((a, b) => a.atMs - b.atMs);
    return { cancel: () => void (this.#pending = this.#pending.filter((other) => other !== entry)) };
  }

  /** Moves time by `ms` and runs what falls due, letting promise reactions run between two timers. */
  async advance(ms: number): Promise<void> {
    const target = this.#nowMs + ms;
    await settled();
    for (;;) {
      const due = this.#pending[0];
      if (due === undefined || due.atMs > target) break;
      this.#pending.shift();
      this.#nowMs = due.atMs;
      due.task();
      await settled();
    }
    this.#nowMs = target;
  }

  /** How many timers wait: a test of clean-up asserts 0. */
  get pending(): number {
    return this.#pending.length;
  }
}

/** Lets every promise reaction and immediate that is due run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
