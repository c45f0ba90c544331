import { formatGoDuration } from '../../corefile/go-values.ts';
import type { CounterCell, HistogramCell, Metrics } from '../../metrics/metrics.ts';
import { type Clock, every, type Timer } from '../../runtime/clock.ts';
import type { HostPort } from '../../runtime/http.ts';
import type { Log } from '../../runtime/log.ts';
import type { Probe } from './probe.ts';

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 3000;
const SLOW_MS = 1000;
const BUCKETS = [0.00025, 0.0025, 0.025, 0.25, 2.5];

export interface SelfCheckParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly probe: Probe;
}

/**
 * Asks the process every second whether it is well, the way a kubelet does, and measures how long that takes: an
 * overloaded process shows here first.
 */
export class SelfCheck {
  readonly #parts: SelfCheckParts;
  readonly #target: HostPort;
  readonly #url: string;
  readonly #duration: HistogramCell;
  readonly #failures: CounterCell;
  readonly #timer: Timer;
  #running: AbortController | undefined;
  #isStopped = false;

  /** Starts at once. `url` is what log lines call the target. */
  constructor(url: string, target: HostPort, parts: SelfCheckParts) {
    const { clock, metrics } = parts;
    this.#parts = parts;
    this.#url = url;
    this.#target = target;
    this.#duration = metrics
      .histogram({
        name: 'coredns_health_request_duration_seconds',
        help: 'Histogram of the time (in seconds) each request took.',
        buckets: BUCKETS,
      })
      .with({});
    this.#failures = metrics
      .counter({
        name: 'coredns_health_request_failures_total',
        help: 'The number of times the health check failed.',
      })
      .with({});
    this.#timer = every(clock, INTERVAL_MS, () => void this.#check());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
    this.#running?.abort();
  }

  async #check(): Promise<void> {
    if (this.#running !== undefined) return;
    const { clock, probe, log } = this.#parts;
    const abort = new AbortController();
    this.#running = abort;
    const limit = clock.after(TIMEOUT_MS, () => abort.abort(new Error(`no response within ${TIMEOUT_MS / 1000}s`)));
    const startMs = clock.now();
    const failure = await probe(this.#target, abort.signal).then(() => undefined, reasonOf);
    const elapsedMs = clock.now() - startMs;
    limit.cancel();
    this.#running = undefined;
    if (this.#isStopped) return;
    this.#duration.observe(elapsedMs / 1000);
    const request = `Local health request to ${JSON.stringify(this.#url)}`;
    if (failure !== undefined) {
      this.#failures.inc();
      log.warning(`${request} failed: ${failure}`);
    } else if (elapsedMs > SLOW_MS) {
      log.warning(`${request} took more than 1s: ${formatGoDuration(elapsedMs)}`);
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
