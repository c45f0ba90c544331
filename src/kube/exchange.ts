import type { Clock } from '../runtime/clock.ts';
import type { RequestGate } from './request-gate.ts';
import type { Response, Transport } from './transport.ts';

/** Nothing came for so long that the connection must be taken for dead. */
export class Silence extends Error {}

/** How long the head of a response may take: that of a watch comes at once, that of a page of a list soon. */
const headMs = 30_000;

export interface ExchangeDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Holds requests back; absent where nothing limits them. */
  readonly gate?: RequestGate | undefined;
}

/**
 * One request and its response under a watchdog, so that a connection which died without a word never holds anything up.
 * Disposing it gives up what is still unread.
 */
export class Exchange implements Disposable {
  readonly #response: Response;
  readonly #watchdog: Watchdog;
  #finished = false;

  private constructor(response: Response, watchdog: Watchdog) {
    this.#response = response;
    this.#watchdog = watchdog;
  }

  /** Rejects with `Silence`, or with what the transport says, when no response comes. */
  static async open(
    { transport, clock, gate }: ExchangeDeps,
    target: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Exchange> {
    const waitedMs = gate === undefined ? 0 : await gate.enter(signal);
    const watchdog = new Watchdog(clock, signal);
    try {
      const response = transport.get(target, headers, watchdog.signal, waitedMs);
      return new Exchange(await watchdog.within(headMs, response), watchdog);
    } catch (error) {
      watchdog.release(true);
      throw error;
    } finally {
      gate?.leave();
    }
  }

  get status(): number {
    return this.#response.status;
  }

  /** A header's value; '' when it is absent. */
  header(name: string): string {
    const value = this.#response.headers[name];
    return typeof value === 'string' ? value : '';
  }

  /** The body. Throws `Silence` when nothing comes for `silenceMs()`, which is asked before each read. */
  async *chunks(silenceMs: () => number): AsyncGenerator<Uint8Array, void, undefined> {
    const body = this.#response.body[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#watchdog.within(silenceMs(), body.next());
      if (next.done === true) break;
      yield next.value;
    }
    this.#finished = true;
  }

  [Symbol.dispose](): void {
    this.#watchdog.release(!this.#finished);
  }
}

/** Aborts a request when its caller does, or when one step of it takes too long. */
class Watchdog {
  readonly #clock: Clock;
  readonly #caller: AbortSignal;
  readonly #abort = new AbortController();
  readonly #give = (): void => this.#abort.abort();

  constructor(clock: Clock, caller: AbortSignal) {
    this.#clock = clock;
    this.#caller = caller;
    caller.addEventListener('abort', this.#give, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Rejects with `Silence` when `step` is not done in time, even if it then never is. */
  within<T>(limitMs: number, step: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(limitMs, () =>
        reject(new Silence(`nothing came from the API server for ${limitMs / 1000} s`)),
      );
      step.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  release(abort: boolean): void {
    this.#caller.removeEventListener('abort', this.#give);
    if (abort) this.#abort.abort();
  }
}
