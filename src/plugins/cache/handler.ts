import { type Answer, emptyAnswer, noReply } from '../../core/answer.ts';
import { type Handler, type Outcome, QueryError } from '../../core/handler.ts';
import type { Env } from '../../core/plugin.ts';
import type { Query } from '../../core/query.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import { RCODE } from '../../dns/codes.ts';
import type { Answers } from './answers.ts';
import { askAuthentic } from './authentic.ts';
import type { CacheConfig, ServeStale } from './config.ts';
import { type Entry, pick, staleVariants } from './entry.ts';
import type { CacheMetrics, Cells } from './metrics.ts';
import { Refresher } from './refresh.ts';

export interface CacheParts {
  readonly config: CacheConfig;
  readonly answers: Answers;
  readonly metrics: CacheMetrics;
  readonly env: Env;
}

/** Answers from what is stored, else from the next plugin, whose answers it stores. */
export class CacheHandler {
  readonly #config: CacheConfig;
  readonly #answers: Answers;
  readonly #metrics: CacheMetrics;
  readonly #now: () => number;
  readonly #next: Handler;
  readonly #zones: ZoneSet;
  readonly #refresher: Refresher;

  constructor({ config, answers, metrics, env }: CacheParts, next: Handler) {
    this.#config = config;
    this.#answers = answers;
    this.#metrics = metrics;
    this.#now = () => env.clock.now();
    this.#next = next;
    this.#zones = new ZoneSet(config.zones);
    this.#refresher = new Refresher(next, {
      answers,
      clock: env.clock,
      log: env.log,
      preferPositive: config.preferPositive,
      recheckMs: config.stale?.recheckMs ?? 0,
    });
  }

  answer(query: Query): Outcome {
    if (!this.#zones.covers(query)) return this.#next(query);
    const cells = this.#metrics.of(query.peer.server);
    cells.requests.inc();
    const entry = this.#answers.find(query);
    if (entry === undefined) {
      cells.misses.inc();
      return this.#fetch(query, cells);
    }
    cells.hits[entry.shelf].inc();
    const { stale } = this.#config;
    if (entry.left <= 0 && stale !== undefined) return this.#expired(query, entry, stale, cells);
    if (this.#isPrefetchDue(entry)) this.#refresher.inBackground(query, entry, cells);
    return pick(entry.fresh, query);
  }

  #fetch(query: Query, cells: Cells): Outcome {
    const outcome = askAuthentic(this.#next, query);
    if (!(outcome instanceof Promise)) return this.#pass(query, outcome, cells);
    return outcome.then(
      (answer) => this.#pass(query, answer, cells),
      (error: unknown) => {
        this.#rememberFailure(query, error, cells);
        throw error;
      },
    );
  }

  #pass(query: Query, answer: Answer, cells: Cells): Answer {
    if (answer.live) return this.#answers.level(answer);
    return answer === noReply ? answer : this.#answers.receive(query, answer, cells).answer;
  }

  /** Remembers that there was no answer, since finding out took time. What failed at once may do so again. */
  #rememberFailure(query: Query, error: unknown, cells: Cells): void {
    if (!(error instanceof QueryError) || error.rcode !== RCODE.SERVFAIL) return;
    this.#answers.receive(query, emptyAnswer(RCODE.SERVFAIL, '', error.message), cells);
  }

  #isPrefetchDue(entry: Entry): boolean {
    const { prefetch } = this.#config;
    if (prefetch === undefined) return false;
    const nowMs = this.#now();
    entry.hits = nowMs - entry.hitAtMs > prefetch.windowMs ? 1 : entry.hits + 1;
    entry.hitAtMs = nowMs;
    const isPopular = entry.hits >= prefetch.amount;
    return isPopular && !entry.refreshing && entry.left <= Math.ceil((prefetch.percentage / 100) * entry.ttl);
  }

  #expired(query: Query, entry: Entry, stale: ServeStale, cells: Cells): Outcome {
    const mayRefresh = this.#refresher.mayRefresh(entry, this.#now());
    if (stale.mode === 'immediate') {
      if (mayRefresh) this.#refresher.inBackground(query, entry, cells);
    } else if (mayRefresh || stale.recheckMs === 0) {
      return this.#verify(query, entry, stale.timeoutMs, cells);
    }
    return this.#giveStale(query, entry, cells);
  }

  #verify(query: Query, entry: Entry, timeoutMs: number, cells: Cells): Promise<Answer> {
    const verified =
      timeoutMs === 0
        ? this.#refresher.refresh(query, entry, cells)
        : this.#refresher.within(timeoutMs, query, entry, cells);
    return verified.then((fresh) => fresh ?? this.#giveStale(query, entry, cells));
  }

  #giveStale(query: Query, entry: Entry, cells: Cells): Answer {
    cells.servedStale.inc();
    const { stale, keepTtl } = this.#config;
    const ttl = stale?.ttl ?? 0;
    return pick(staleVariants(entry, keepTtl && ttl === 0 ? entry.ttl : ttl), query);
  }
}
