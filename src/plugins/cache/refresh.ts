import { type Answer, isTruncated, noReply } from '../../core/answer.ts';
import { type Handler, QueryError } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { RCODE, typeName } from '../../dns/codes.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Answers } from './answers.ts';
import { askAuthentic } from './authentic.ts';
import type { Entry } from './entry.ts';
import type { Cells } from './metrics.ts';

export interface RefreshOptions {
  readonly answers: Answers;
  readonly clock: Clock;
  readonly log: Log;
  /** Only a positive answer is better than a stored one. */
  readonly preferPositive: boolean;
  /** How long after a failed refresh of an answer none is tried. */
  readonly recheckMs: number;
}

/**
 * Fetches stored answers anew: in the background, before they expire or after, or while a client waits. Only a whole
 * NOERROR or NXDOMAIN (RFC 8767 section 4) takes the place of what is stored; whatever else comes, or does not come,
 * leaves it as it is.
 */
export class Refresher {
  readonly #next: Handler;
  readonly #options: RefreshOptions;

  constructor(next: Handler, options: RefreshOptions) {
    this.#next = next;
    this.#options = options;
  }

  mayRefresh(entry: Entry, nowMs: number): boolean {
    return !entry.refreshing && nowMs >= entry.retryAtMs;
  }

  /** Returns at once. Asks as a TCP client does, so that nothing is cut off. */
  inBackground(query: Query, entry: Entry, cells: Cells): void {
    cells.prefetches.inc();
    const copy = query.copy();
    copy.peer = { ...query.peer, transport: 'tcp' };
    void this.refresh(copy, entry, cells);
  }

  /** The new answer; undefined when there is none after `limitMs`, although it may still come and be stored. */
  within(limitMs: number, query: Query, entry: Entry, cells: Cells): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(limitMs, () => resolve(undefined));
      void this.refresh(query.copy(), entry, cells).then((fresh) => {
        timer.cancel();
        resolve(fresh);
      });
    });
  }

  /** The new answer, or undefined when the stored one is better; never rejects. */
  async refresh(query: Query, entry: Entry, cells: Cells): Promise<Answer | undefined> {
    const { clock, recheckMs } = this.#options;
    entry.refreshing = true;
    let fresh: Answer | undefined;
    try {
      fresh = this.#accept(query, entry, await askAuthentic(this.#next, query), cells);
    } catch (error) {
      this.#report(query, error);
    }
    entry.refreshing = false;
    entry.retryAtMs = fresh === undefined ? clock.now() + recheckMs : Number.NEGATIVE_INFINITY;
    return fresh;
  }

  #accept(query: Query, before: Entry, answer: Answer, cells: Cells): Answer | undefined {
    const { answers, preferPositive } = this.#options;
    if (answer === noReply || isTruncated(answer)) return undefined;
    if (answer.live) {
      answers.forget(query);
      return answers.level(answer);
    }
    const isSound = answer.rcode === RCODE.NOERROR || answer.rcode === RCODE.NXDOMAIN;
    if (!isSound && !preferPositive) return undefined;
    const { answer: fresh, kind, entry } = answers.receive(query, answer, cells);
    if (entry !== undefined) {
      entry.hits = before.hits;
      entry.hitAtMs = before.hitAtMs;
    }
    if (preferPositive) return kind === 'positive' ? fresh : undefined;
    return kind === 'other' || kind === 'meta' ? undefined : fresh;
  }

  #report(query: Query, error: unknown): void {
    const { log } = this.#options;
    const what = `refreshing ${query.key} ${typeName(query.type)} failed`;
    if (error instanceof QueryError) log.debug(`${what}: ${error.message}`);
    else log.error(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
