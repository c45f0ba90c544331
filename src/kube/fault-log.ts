import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

interface Trouble {
  readonly code: string;
  readonly sinceMs: number;
  readonly loggedMs: number;
  unlogged: number;
}

const repeatMs = 60_000;

/** Writes troubles when they begin, change and end, and once a minute while they last; not once for each attempt. */
export class FaultLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #troubles = new Map<string, Trouble>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `subject` is what cannot be watched, in words; another `code` is another trouble of it. */
  note(subject: string, code: string, message: string): void {
    const nowMs = this.#clock.now();
    const trouble = this.#troubles.get(subject);
    const same = trouble?.code === code ? trouble : undefined;
    if (same !== undefined && nowMs - same.loggedMs < repeatMs) {
      same.unlogged++;
      return;
    }
    const times = same === undefined ? '' : ` (${same.unlogged + 1} times in ${seconds(nowMs - same.loggedMs)})`;
    this.#log.error(message + times);
    this.#troubles.set(subject, { code, sinceMs: trouble?.sinceMs ?? nowMs, loggedMs: nowMs, unlogged: 0 });
  }

  recovered(subject: string): void {
    const trouble = this.#troubles.get(subject);
    if (trouble === undefined) return;
    this.#troubles.delete(subject);
    this.#log.info(`Watching ${subject} again after ${seconds(this.#clock.now() - trouble.sinceMs)}`);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
