import { pause } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';

/** How many requests the API server may be sent. Plain data: it crosses to the watch thread. 0: not said. */
export interface RequestLimits {
  /** A second, in the long run; a fraction is welcome. */
  readonly qps: number;
  /** At once, after a time without any. */
  readonly burst: number;
  /** At the same time, each until the head of its response is there: an open watch is none. */
  readonly maxInflight: number;
}

/** What the Kubernetes clients take for the one of the two that is not said. */
const usualQps = 5;
const usualBurst = 10;

/** Lets requests through one after the other, as fast as the limits allow. */
export class RequestGate {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #places: number;
  /** When the burst would be whole again, were there no further requests. */
  #wholeAtMs = 0;
  #inFlight = 0;
  readonly #waiting = new Set<() => void>();

  constructor({ qps, burst, maxInflight }: RequestLimits, clock: Clock) {
    this.#clock = clock;
    this.#intervalMs = qps === 0 && burst === 0 ? 0 : 1000 / (qps || usualQps);
    this.#burst = burst || usualBurst;
    this.#places = maxInflight || Infinity;
  }

  /** Resolves when a request may be sent, or at once when `signal` aborts: with the milliseconds that it had to wait. */
  async enter(signal: AbortSignal): Promise<number> {
    const nowMs = this.#clock.now();
    this.#wholeAtMs = Math.max(nowMs, this.#wholeAtMs) + this.#intervalMs;
    const waitMs = this.#wholeAtMs - this.#burst * this.#intervalMs - nowMs;
    if (waitMs > 0) await pause(this.#clock, waitMs, signal);
    if (this.#inFlight < this.#places) this.#inFlight++;
    else await this.#place(signal);
    return this.#clock.now() - nowMs;
  }

  /** Follows once on each `enter`. */
  leave(): void {
    const [first] = this.#waiting;
    if (first === undefined) this.#inFlight--;
    else first();
  }

  /** Waits for the place of another, who hands it over; who gives up goes without one, as its request will. */
  #place(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#inFlight++;
        done();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }
}
