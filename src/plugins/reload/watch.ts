import { CorefileError } from '../../corefile/mistake.ts';
import type { Env } from '../../core/plugin.ts';
import type { CounterCell, Gauge } from '../../metrics/metrics.ts';
import type { Timer } from '../../runtime/clock.ts';

type WatchParts = Pick<Env, 'clock' | 'control' | 'log' | 'metrics'>;

/** One instance that asked for the watch. */
interface Holder {
  readonly intervalMs: number;
}

/**
 * The process's watch over its Corefile. Every instance of `reload`, whichever block or configuration it belongs to, holds
 * the same one; the interval is that of the last to come. So a reload, in which the instances of both configurations are
 * there for a while, neither stops the watch nor doubles it.
 */
export class CorefileWatch {
  readonly #parts: WatchParts;
  readonly #failed: CounterCell;
  readonly #version: Gauge<'hash' | 'value'>;
  readonly #holders: Holder[] = [];
  #timer: Timer | undefined;
  #isChecking = false;
  #announced = '';
  /** The fingerprint of a content that could not be put to work: it is not tried again. */
  #refused = '';
  /** What was last wrong with reading the Corefile: it is told once. */
  #problem = '';

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#failed = parts.metrics
      .counter({ name: 'coredns_reload_failed_total', help: 'Counter of the number of failed reload attempts.' })
      .with({});
    this.#version = parts.metrics.gauge({
      name: 'coredns_reload_version_info',
      help: "A metric with a constant '1' value labeled by hash, and value which type of hash generated.",
      labels: ['hash', 'value'],
    });
  }

  /** Returns what ends this hold on the watch; without any it rests. */
  join(intervalMs: number): () => void {
    const holder: Holder = { intervalMs };
    const isFirst = this.#holders.length === 0;
    this.#holders.push(holder);
    if (isFirst) this.#announce();
    this.#arm();
    return () => this.#leave(holder);
  }

  #leave(holder: Holder): void {
    const index = this.#holders.indexOf(holder);
    this.#holders.splice(index, 1);
    // Another one that came later and stays: its configuration has taken over.
    if (index < this.#holders.length) this.#takenOver();
    this.#arm();
  }

  #takenOver(): void {
    const before = this.#announced;
    if (!this.#announce() || before === '') return;
    this.#version.remove({ hash: 'sha512', value: before });
    this.#version.with({ hash: 'sha512', value: this.#announced }).set(1);
  }

  /** False when it was told before. */
  #announce(): boolean {
    const { control, log } = this.#parts;
    const fingerprint = control.fingerprint();
    if (fingerprint === this.#announced) return false;
    this.#announced = fingerprint;
    log.info(`Running configuration SHA512 = ${fingerprint}`);
    return true;
  }

  #arm(): void {
    this.#timer?.cancel();
    const newest = this.#holders.at(-1);
    if (newest === undefined || this.#isChecking) return;
    this.#timer = this.#parts.clock.after(newest.intervalMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    this.#isChecking = true;
    const found = this.#read();
    if (found !== undefined) await this.#compare(found);
    this.#isChecking = false;
    this.#arm();
  }

  /** The fingerprint of the Corefile on disk; undefined when it can not be had. */
  #read(): string | undefined {
    const { control, log } = this.#parts;
    try {
      const found = control.readFingerprint();
      this.#problem = '';
      return found;
    } catch (error) {
      const problem = `Corefile ${error instanceof CorefileError ? 'parse failed' : 'can not be read'}: ${messageOf(error)}`;
      if (problem !== this.#problem) log.warning(problem);
      this.#problem = problem;
      return undefined;
    }
  }

  async #compare(found: string): Promise<void> {
    const { control, log } = this.#parts;
    if (found === control.fingerprint()) {
      this.#refused = '';
      return;
    }
    if (found === this.#refused) return;
    try {
      await control.reload();
      this.#refused = '';
    } catch (error) {
      this.#refused = found;
      this.#failed.inc();
      log.error(`Corefile changed but reload failed: ${messageOf(error)}`);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
