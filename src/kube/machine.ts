/**
 * List and watch of one kind, as a machine with named states:
 *
 *     streaming --end mark--> (the same response goes on as a watch) --its end--> watching
 *     paging ----last page----------------------------------------------------> watching
 *     watching --its end--> watching, from where it ended; too old, or in doubt: a list
 *     each of them --fault--> waiting --> the same again, or a list
 *
 * A list is a streaming one (a watch that begins with every object) until the API server refuses that; then it is read in
 * pages. Both are consistent reads. `resourceVersion=0` would be cheaper, but the API server ignores `limit` with it and sends
 * all at once, and its answer may be older than what we know: after an API server's restart names would go back in time.
 * For the same reason an expired list is begun anew, although its Status offers a token to continue it inconsistently.
 *
 * The machine ends only when it is aborted. A fault is a value it yields before it tries again.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { Backoff } from '../runtime/backoff.ts';
import { pause } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { BodyTooLarge, LineSplitter, readText } from './body.ts';
import { EventReader, eventsOf } from './events.ts';
import type { ListReason, StreamEnd, WatchEvent } from './events.ts';
import { Exchange, Silence } from './exchange.ts';
import type { ExchangeDeps } from './exchange.ts';
import { faultOf, faultOfRefusal, refusalOfResponse } from './fault.ts';
import type { FaultCode, Refusal } from './fault.ts';
import { pathOf } from './resources.ts';
import type { Selection } from './resources.ts';
import { fields, list, MalformedObject, requiredText, text } from './slim.ts';

export interface MachineDeps extends ExchangeDeps {
  readonly random: Random;
}

interface Streaming {
  readonly is: 'streaming';
  readonly reason: ListReason;
}

interface Paging {
  readonly is: 'paging';
  readonly reason: ListReason;
  /** '' for the first page. */
  readonly token: string;
}

interface Watching {
  readonly is: 'watching';
  readonly resourceVersion: string;
}

interface Waiting {
  readonly is: 'waiting';
  readonly delayMs: number;
  readonly next: State;
}

/** The states that stand for a request. */
type Asking = Streaming | Paging | Watching;

type State = Asking | Waiting;

/** Yields what one read of the network brought, and returns the state that follows. */
type Step = AsyncGenerator<readonly WatchEvent[], State, undefined>;

/** How a watch ended; `closed` covers a broken connection, as the next request will tell whether that matters. */
type Ending = StreamEnd | { readonly is: 'silent'; readonly problem: string } | { readonly is: 'closed' };

/** After what the API server refused or broke off: it may be in trouble, and is left more and more alone. */
const refusalBackoff = { firstMs: 200, ceilingMs: 30_000 };
/**
 * While it cannot be reached a try costs it nothing, and to take up a watch that was cut off, without a list, next to nothing:
 * names are stale until we are back.
 */
const briefBackoff = { firstMs: 100, ceilingMs: 1_000 };
/** The API server sends a page, and initial events, without a pause. */
const pageSilenceMs = 30_000;
const markSilenceMs = 10_000;
/** A watch has a bookmark every 60 s, and nothing else that is regular. */
const watchSilenceMs = 100_000;
/** A watch that ends sooner was not wanted; one that lived longer is no failure to back off from. */
const shortWatchMs = 1_000;
const steadyWatchMs = 10_000;
/** One line of a watch, one page of a list. The API server stores no object a tenth as large. */
const pieceBytes = 16 * 1024 * 1024;
const largestPage = 500;

/** Watches the selected objects until `signal` aborts. */
export function watchResource(
  selection: Selection,
  deps: MachineDeps,
  signal: AbortSignal,
): AsyncGenerator<readonly WatchEvent[], void, undefined> {
  return new Machine(selection, deps, signal).run();
}

class Machine {
  readonly #selection: Selection;
  readonly #deps: MachineDeps;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  readonly #reach: Backoff;
  readonly #cut: Backoff;
  #streams = true;
  #pageSize = largestPage;

  constructor(selection: Selection, deps: MachineDeps, signal: AbortSignal) {
    this.#selection = selection;
    this.#deps = deps;
    this.#signal = signal;
    this.#backoff = new Backoff(refusalBackoff, deps.random);
    this.#reach = new Backoff(briefBackoff, deps.random);
    this.#cut = new Backoff(briefBackoff, deps.random);
  }

  async *run(): AsyncGenerator<readonly WatchEvent[], void, undefined> {
    let state: State = this.#list('start');
    while (!this.#signal.aborted) state = yield* this.#step(state);
  }

  async *#step(state: State): Step {
    switch (state.is) {
      case 'streaming': {
        const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', ...this.#watchQuery() };
        return yield* this.#ask(state, query, (exchange) => this.#follow(state, exchange));
      }
      case 'paging': {
        const query = { limit: String(this.#pageSize), ...(state.token === '' ? {} : { continue: state.token }) };
        return yield* this.#ask(state, query, (exchange) => this.#page(state, exchange));
      }
      case 'watching': {
        const query = { resourceVersion: state.resourceVersion, ...this.#watchQuery() };
        return yield* this.#ask(state, query, (exchange) => this.#follow(state, exchange));
      }
      case 'waiting':
        await pause(this.#deps.clock, state.delayMs, this.#signal);
        return state.next;
      default:
        return state satisfies never;
    }
  }

  #watchQuery(): Readonly<Record<string, string>> {
    // Spread, so that the watches of many servers do not end together.
    const timeoutSeconds = String(300 + this.#deps.random.below(301));
    return { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds };
  }

  async *#ask(state: Asking, query: Readonly<Record<string, string>>, read: (exchange: Exchange) => Step): Step {
    const { kind, labelSelector, fieldSelector } = this.#selection;
    const parameters = new URLSearchParams(query);
    if (labelSelector !== undefined) parameters.set('labelSelector', labelSelector);
    if (fieldSelector !== undefined) parameters.set('fieldSelector', fieldSelector);
    const target = `${pathOf(kind)}?${parameters.toString()}`;
    const headers = { accept: 'application/json', ...(state.is === 'paging' ? { 'accept-encoding': 'gzip' } : {}) };
    try {
      using exchange = await Exchange.open(this.#deps, target, headers, this.#signal);
      this.#reach.reset();
      if (exchange.status !== 200) return yield* this.#refused(state, await refusalOfResponse(exchange));
      return yield* read(exchange);
    } catch (error) {
      return yield* this.#failed(state, error);
    }
  }

  async *#page(state: Paging, exchange: Exchange): Step {
    const body = await readText(
      exchange.chunks(() => pageSilenceMs),
      pieceBytes,
    );
    const { metadata, items } = fields(JSON.parse(body), 'list');
    const { resourceVersion, continue: next } = fields(metadata, 'list.metadata');
    const version = requiredText(resourceVersion, 'list.metadata.resourceVersion');
    const token = text(next, 'list.metadata.continue');
    const events = list(items, 'list.items').flatMap((item) => eventsOf(this.#selection, item));
    if (state.token === '') yield [{ type: 'listing', reason: state.reason }];
    yield events;
    if (token !== '') return { is: 'paging', reason: state.reason, token };
    yield [{ type: 'listed' }];
    return { is: 'watching', resourceVersion: version };
  }

  async *#follow(state: Streaming | Watching, exchange: Exchange): Step {
    const { clock } = this.#deps;
    const openedMs = clock.now();
    const reader = new EventReader(this.#selection, state.is === 'streaming' ? 'listing' : state);
    if (state.is === 'streaming') yield [{ type: 'listing', reason: state.reason }];
    const ending = yield* readEvents(exchange, reader);
    if (this.#signal.aborted) return state;
    const livedMs = clock.now() - openedMs;
    if (livedMs >= steadyWatchMs) this.#backoff.reset();
    if (livedMs >= shortWatchMs || reader.heard) this.#cut.reset();
    const here = reader.listing ? state : { is: 'watching' as const, resourceVersion: reader.resourceVersion };
    switch (ending.is) {
      case 'refused':
        return yield* this.#refused(here, ending.refusal);
      case 'garbled':
        yield* this.#fault('garbled', here, ending.problem);
        return this.#wait(this.#list('garbled'));
      case 'silent':
        if (here.is === 'streaming') {
          // It took the request for a plain watch, as one that does not know streaming lists does: no end mark will come.
          this.#streams = false;
          return this.#list('unmarked');
        }
        yield* this.#fault('silent', here, ending.problem);
        // A watch from a resourceVersion that the API server has yet to reach is silent for ever: list, if nothing came at all.
        return reader.heard ? here : this.#list('silent');
      case 'closed':
        if (here.is === 'watching' && livedMs >= shortWatchMs) return here;
        yield* this.#fault('closed', here, `the API server ended it after ${Math.round(livedMs)} ms`);
        if (here.is === 'watching') return { is: 'waiting', delayMs: this.#cut.next(), next: here };
        return this.#wait(here);
      default:
        return ending satisfies never;
    }
  }

  /** The API server said no, by a status or by an ERROR event. */
  async *#refused(state: Asking, refusal: Refusal): Step {
    const { code, retryAfterMs } = refusal;
    if (code === 410) return this.#wait(this.#list('expired'), retryAfterMs);
    if (code === 401) this.#deps.transport.renew();
    const passing = code === 401 || code === 429 || (code >= 502 && code <= 504);
    if (state.is === 'streaming' && code < 500 && !passing) {
      // Either streaming is not known, or the kind is not ours to watch: a plain list finds out which, and may still work.
      this.#streams = code === 403 || code === 404;
      return { is: 'paging', reason: state.reason, token: '' };
    }
    yield [{ type: 'fault', fault: faultOfRefusal(verbOf(state), this.#selection.kind, refusal) }];
    const anew = this.#list(state.is === 'watching' ? 'refused' : state.reason);
    return this.#wait(passing ? state : anew, retryAfterMs);
  }

  /** There was no response, or a page that broke off or was not one. */
  async *#failed(state: Asking, error: unknown): Step {
    if (this.#signal.aborted) return state;
    if (error instanceof BodyTooLarge && this.#pageSize > 1) {
      this.#pageSize >>= 1;
      return this.#list('oversize');
    }
    const code = codeOf(error);
    yield* this.#fault(code, state, error instanceof Error ? error.message : String(error));
    return code === 'unreachable' ? { is: 'waiting', delayMs: this.#reach.next(), next: state } : this.#wait(state);
  }

  #list(reason: ListReason): Streaming | Paging {
    return this.#streams ? { is: 'streaming', reason } : { is: 'paging', reason, token: '' };
  }

  /** `askedMs`: what the API server asks for, which comes before the jitter, since it asks many the same. */
  #wait(next: State, askedMs = 0): Waiting {
    return { is: 'waiting', delayMs: askedMs + this.#backoff.next(), next };
  }

  *#fault(code: FaultCode, state: Asking, cause: string): Generator<readonly WatchEvent[], void> {
    yield [{ type: 'fault', fault: faultOf(code, verbOf(state), this.#selection.kind, cause) }];
  }
}

/** Reads a stream of events for as long as it can be read. */
async function* readEvents(
  exchange: Exchange,
  reader: EventReader,
): AsyncGenerator<readonly WatchEvent[], Ending, undefined> {
  const lines = new LineSplitter(pieceBytes);
  try {
    for await (const chunk of exchange.chunks(() => (reader.listing ? markSilenceMs : watchSilenceMs))) {
      const events = reader.read(lines.push(chunk));
      if (events.length > 0) yield events;
      if (reader.end !== undefined) return reader.end;
    }
    return { is: 'closed' };
  } catch (error) {
    if (error instanceof Silence) return { is: 'silent', problem: error.message };
    if (error instanceof BodyTooLarge) return { is: 'garbled', problem: error.message };
    return { is: 'closed' };
  }
}

function codeOf(error: unknown): FaultCode {
  if (error instanceof Silence) return 'silent';
  const garbled = error instanceof BodyTooLarge || error instanceof MalformedObject || error instanceof SyntaxError;
  return garbled ? 'garbled' : 'unreachable';
}

function verbOf(state: Asking): 'list' | 'watch' {
  return state.is === 'watching' ? 'watch' : 'list';
}
