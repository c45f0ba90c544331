import { type Clock, pause } from '../runtime/clock.ts';

export interface HealthOptions {
  readonly clock: Clock;
  /** From the end of one probe to the next. */
  readonly intervalMs: number;
  /** The server is down when more probes than these failed in a row; 0: it never is, and is never probed. */
  readonly maxFails: number;
  /** Resolves when the server answers, whatever it says. */
  readonly probe: () => Promise<unknown>;
  /** A probe failed. */
  readonly onFailure: () => void;
  /** It went down, because of `problem`, or came up again. */
  readonly onChange: (problem: string | undefined) => void;
}

const LEAST_INTERVAL_MS = 10;

/**
 * Whether a server answers. Nobody asks while all is well: a query that failed starts the probes, the first that succeeds
 * ends them.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #stopped = new AbortController();
  #fails = 0;
  #probing = false;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get down(): boolean {
    const { maxFails } = this.#options;
    return maxFails > 0 && this.#fails > maxFails;
  }

  /** A query failed. */
  suspect(): void {
    if (this.#options.maxFails === 0 || this.#probing || this.#stopped.signal.aborted) return;
    this.#probing = true;
    void this.#probe();
  }

  /** Ends the probes for good. */
  stop(): void {
    this.#stopped.abort();
  }

  async #probe(): Promise<void> {
    const { clock, intervalMs, probe, onChange } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await probe();
        break;
      } catch (error) {
        this.#failed(error);
      }
      await pause(clock, Math.max(LEAST_INTERVAL_MS, intervalMs), signal);
    }
    const wasDown = this.down;
    this.#fails = 0;
    this.#probing = false;
    if (wasDown && !signal.aborted) onChange(undefined);
  }

  #failed(error: unknown): void {
    const { maxFails, onFailure, onChange } = this.#options;
    this.#fails++;
    onFailure();
    if (this.#fails === maxFails + 1) onChange(error instanceof Error ? error.message : String(error));
  }
}
