import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly firstMs: number;
  readonly ceilingMs: number;
}

/**
 * Exponential back-off with full jitter: the n-th delay is drawn from 0 to `firstMs * 2^n`, at most `ceilingMs`,
 * so that many clients that failed together do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #failures = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** The delay before the next attempt, in milliseconds, at least 1. */
  next(): number {
    const { firstMs, ceilingMs } = this.#options;
    const span = Math.min(ceilingMs, firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return 1 + this.#random.below(Math.max(1, Math.floor(span)));
  }

  /** An attempt succeeded: the next failure starts from the first delay again. */
  reset(): void {
    this.#failures = 0;
  }
}
