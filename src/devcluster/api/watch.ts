import { every, type Clock, type Timer } from '../../runtime/clock.ts';
import { apiVersionOf, type KubeObject } from '../objects/kinds.ts';
import { expired, tooLargeResourceVersion, type Status } from '../objects/status.ts';
import type { Store, StoreEvent } from '../store.ts';
import type { ListOptions } from './list-options.ts';
import type { Scope } from './list.ts';

/** Where a watch writes: one line of JSON a call, newline included. */
export interface WatchSink {
  send(line: string): void;
  end(): void;
}

const BOOKMARK_EVERY_MS = 60_000;
/** The last bookmark comes so long before the watch times out. */
const LAST_BOOKMARK_MS = 2_000;
/** How long the server waits for a resource version from the future before it says so. */
export const FUTURE_WAIT_MS = 3_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * One open WATCH.
 *
 *     start ---+-- from a resource version: the changes since ---------------+--> changes as they come, bookmarks
 *              +-- with initial events: ADDED for all there is, then a mark -+
 *              +-- too old: one ERROR event with a Status 410, and the end
 *
 * An object that stops to match the selectors is told as DELETED, one that begins to match as ADDED. The mark and the
 * bookmarks are for clients that allow them. It ends after `timeoutMs`, with no event.
 */
export class Watch {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #scope: Scope;
  readonly #options: ListOptions;
  readonly #sink: WatchSink;
  readonly #timeoutMs: number;
  readonly #timers: Timer[] = [];
  #unsubscribe: (() => void) | undefined;
  #from = 0;

  constructor(store: Store, clock: Clock, scope: Scope, options: ListOptions, timeoutMs: number, sink: WatchSink) {
    this.#store = store;
    this.#clock = clock;
    this.#scope = scope;
    this.#options = options;
    this.#timeoutMs = timeoutMs;
    this.#sink = sink;
  }

  start(): void {
    const { resourceVersion = 0, sendInitialEvents } = this.#options;
    this.#timers.push(this.#clock.after(this.#timeoutMs, () => this.end()));
    if (!sendInitialEvents) this.#startFrom(resourceVersion === 0 ? this.#store.revision : resourceVersion);
    else if (resourceVersion <= this.#store.revision) this.#startWithAll();
    else this.#timers.push(this.#clock.after(FUTURE_WAIT_MS, () => this.#startLate(resourceVersion)));
  }

  /** Sends the end of the stream; nothing comes after it. */
  end(): void {
    this.abandon();
    this.#sink.end();
  }

  /** Stops without a word: the client is gone, or shall think the connection is. */
  abandon(): void {
    this.#unsubscribe?.();
    for (const timer of this.#timers) timer.cancel();
  }

  #startWithAll(): void {
    const { resource, namespace } = this.#scope;
    const objects = this.#store.list(resource.kind, namespace).filter(this.#options.matches);
    for (const object of objects) this.#send('ADDED', object);
    this.#from = this.#store.revision;
    if (this.#options.bookmarks) this.#sendBookmark({ [INITIAL_EVENTS_END]: 'true' });
    this.#follow();
  }

  #startLate(resourceVersion: number): void {
    if (resourceVersion <= this.#store.revision) return this.#startWithAll();
    this.#fail(tooLargeResourceVersion(resourceVersion, this.#store.revision).status);
  }

  #startFrom(revision: number): void {
    const { horizon } = this.#store;
    if (revision < horizon) return this.#fail(expired(`too old resource version: ${revision} (${horizon})`).status);
    this.#from = revision;
    for (const event of this.#store.since(revision)) this.#tell(event);
    this.#follow();
  }

  #fail(status: Status): void {
    this.#send('ERROR', status);
    this.end();
  }

  #follow(): void {
    this.#unsubscribe = this.#store.subscribe({ observe: (event) => this.#tell(event) });
    if (!this.#options.bookmarks) return;
    this.#timers.push(every(this.#clock, BOOKMARK_EVERY_MS, () => this.#sendBookmark()));
    if (this.#timeoutMs > LAST_BOOKMARK_MS) {
      this.#timers.push(this.#clock.after(this.#timeoutMs - LAST_BOOKMARK_MS, () => this.#sendBookmark()));
    }
  }

  #tell({ revision, type, object, previous }: StoreEvent): void {
    const { resource, namespace } = this.#scope;
    if (object.kind !== resource.kind || revision <= this.#from) return;
    if (namespace !== undefined && object.metadata.namespace !== namespace) return;
    const { matches } = this.#options;
    const before = previous !== undefined && matches(previous);
    const after = type !== 'DELETED' && matches(object);
    if (after) this.#send(before ? 'MODIFIED' : 'ADDED', object);
    else if (before) this.#send('DELETED', lastSeen(previous, object.metadata.resourceVersion));
  }

  #send(type: StoreEvent['type'] | 'ERROR', object: KubeObject | Status): void {
    this.#sink.send(`${JSON.stringify({ type, object })}\n`);
  }

  /** A bookmark is an object without name and content; its resource version rises though nothing of its kind changed. */
  #sendBookmark(annotations?: { readonly [key: string]: string }): void {
    const { resource } = this.#scope;
    const metadata = { resourceVersion: String(this.#store.revision), ...(annotations ? { annotations } : {}) };
    const object = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata, ...resource.empty };
    this.#sink.send(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }
}

/** The object as the watcher knew it, at the resource version at which it went out of sight. */
function lastSeen(object: KubeObject, resourceVersion: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}
