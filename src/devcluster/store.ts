import type { Log } from '../runtime/log.ts';
import { resources, type Kind, type KubeObject, type ObjectOf } from './objects/kinds.ts';

/** One change, as a watch tells it. */
export interface StoreEvent {
  /** The resource version the change made; every change has its own and they only rise. */
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The object after the change; for DELETED the last one, with the resource version of the deletion. */
  readonly object: KubeObject;
  /** The object before the change; undefined for ADDED. */
  readonly previous: KubeObject | undefined;
}

export interface Observer {
  /** Called for every change, in order of the revisions. */
  observe(event: StoreEvent): void;
  /** Called when every observer has seen every change: here a controller acts, which may bring more changes. */
  settle?(): void;
}

/** How many changes are remembered by default: a watch from before them is told 410. */
const HISTORY_LIMIT = 10_000;

/**
 * The objects of the cluster with their history: what etcd and the API server's watch cache are to the real one.
 *
 *     put, remove --> object at a new revision --> history --> observers (watches, controllers)
 *
 * A change made while observers are being told of another waits its turn, so each sees the revisions in order; when a
 * write returns, the controllers have acted on it.
 */
export class Store {
  readonly #objects = new Map<Kind, Map<string, KubeObject>>(resources.map(({ kind }) => [kind, new Map()]));
  readonly #observers = new Set<Observer>();
  readonly #log: Log;
  readonly #historyLimit: number;
  #history: StoreEvent[] = [];
  #horizon = 0;
  #revision = 0;
  #untold: StoreEvent[] = [];
  #telling = false;

  constructor(log: Log, historyLimit = HISTORY_LIMIT) {
    this.#log = log;
    this.#historyLimit = historyLimit;
  }

  /** The newest resource version. */
  get revision(): number {
    return this.#revision;
  }

  /** The oldest resource version a watch may start from. */
  get horizon(): number {
    return this.#horizon;
  }

  get<K extends Kind>(kind: K, namespace: string | undefined, name: string): ObjectOf<K> | undefined {
    const found = this.#ofKind(kind).get(keyOf(namespace, name));
    return found !== undefined && isOfKind(found, kind) ? found : undefined;
  }

  /** The objects of a kind, of one namespace or of all, ordered as their keys in etcd are. */
  list<K extends Kind>(kind: K, namespace?: string): readonly ObjectOf<K>[] {
    return inKeyOrder(this.#ofKind(kind), namespace).filter((object) => isOfKind(object, kind));
  }

  /** The same list as it was at `revision`, which is not below the horizon. */
  listAt(revision: number, kind: Kind, namespace?: string): readonly KubeObject[] {
    if (revision === this.#revision) return this.list(kind, namespace);
    const then = new Map(this.#ofKind(kind));
    for (const event of this.since(revision).reverse()) {
      if (event.object.kind !== kind) continue;
      if (event.previous === undefined) then.delete(keyOfObject(event.object));
      else then.set(keyOfObject(event.previous), event.previous);
    }
    return inKeyOrder(then, namespace);
  }

  /** The changes after `revision`, which is not below the horizon. */
  since(revision: number): StoreEvent[] {
    return this.#history.filter((event) => event.revision > revision);
  }

  /** Stores `object` under its name; returns it with its new resource version. */
  put(object: KubeObject): KubeObject {
    const previous = this.#ofKind(object.kind).get(keyOfObject(object));
    const stored = this.#atNewRevision(object);
    this.#ofKind(object.kind).set(keyOfObject(object), stored);
    this.#happened({ revision: this.#revision, type: previous ? 'MODIFIED' : 'ADDED', object: stored, previous });
    return stored;
  }

  /** Takes `object` out; returns it with the resource version of its deletion. */
  remove(object: KubeObject): KubeObject {
    const last = this.#atNewRevision(object);
    this.#ofKind(object.kind).delete(keyOfObject(object));
    this.#happened({ revision: this.#revision, type: 'DELETED', object: last, previous: object });
    return last;
  }

  /** Tells `observer` of every change from now on, until the function returned is called. */
  subscribe(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Forgets the history, as a restarted API server has: every watch and continue token from before now is too old. */
  expireHistory(): void {
    this.#history = [];
    this.#horizon = this.#revision;
  }

  #ofKind(kind: Kind): Map<string, KubeObject> {
    const objects = this.#objects.get(kind);
    if (objects === undefined) throw new Error(`kind ${kind} is missing in the table of resources`);
    return objects;
  }

  #atNewRevision(object: KubeObject): KubeObject {
    this.#revision++;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
  }

  #happened(event: StoreEvent): void {
    this.#history.push(event);
    if (this.#history.length > this.#historyLimit) this.#horizon = this.#history.shift()?.revision ?? this.#horizon;
    this.#untold.push(event);
    if (!this.#telling) this.#tell();
  }

  #tell(): void {
    this.#telling = true;
    do {
      const events = this.#untold;
      this.#untold = [];
      for (const event of events) this.#each((observer) => observer.observe(event));
      if (this.#untold.length === 0) this.#each((observer) => observer.settle?.());
    } while (this.#untold.length > 0);
    this.#telling = false;
  }

  /** A failing observer costs neither the write that called it nor the others their turn. */
  #each(tell: (observer: Observer) => void): void {
    for (const observer of this.#observers) {
      try {
        tell(observer);
      } catch (error) {
        this.#log.error(
          `devcluster: a change could not be followed up: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}

function isOfKind<K extends Kind>(object: KubeObject, kind: K): object is ObjectOf<K> {
  return object.kind === kind;
}

function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function keyOfObject({ metadata }: KubeObject): string {
  return keyOf(metadata.namespace, metadata.name);
}

function inKeyOrder(objects: ReadonlyMap<string, KubeObject>, namespace: string | undefined): readonly KubeObject[] {
  const wanted = [...objects].filter(([, { metadata }]) => namespace === undefined || metadata.namespace === namespace);
  return wanted.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}
