import { formatGoDuration } from '../../corefile/go-values.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { ConsolidateRule } from './config.ts';

/** The errors of one `consolidate` rule: counted from the first one on, told in one line when the period is over. */
export class Consolidation {
  readonly rule: ConsolidateRule;
  readonly #clock: Clock;
  readonly #log: Log;
  #count = 0;
  #period: Timer | undefined;

  constructor(rule: ConsolidateRule, clock: Clock, log: Log) {
    this.rule = rule;
    this.#clock = clock;
    this.#log = log;
  }

  /** Counts an error. True when it is to be logged nevertheless. */
  add(): boolean {
    this.#count++;
    if (this.#count > 1) return false;
    this.#period = this.#clock.after(this.rule.periodMs, () => this.finish());
    return this.rule.showFirst;
  }

  /** Ends the period, and tells what was not told yet. */
  finish(): void {
    this.#period?.cancel();
    const count = this.#count;
    this.#count = 0;
    const { level, periodMs, showFirst, text } = this.rule;
    if (count === 0 || (count === 1 && showFirst)) return;
    this.#log[level](`${count} errors like '${text}' occurred in last ${formatGoDuration(periodMs)}`);
  }
}
