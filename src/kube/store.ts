import type { Clock } from '../runtime/clock.ts';
import { keyOf } from './batch.ts';
import type { Batch, Change } from './batch.ts';
import type {
  EndpointSlice,
  Kind,
  KubeObject,
  MulticlusterSlice,
  Namespace,
  Pod,
  Service,
  ServiceImport,
} from './objects.ts';
import { change, emptyShelves, serviceKey } from './shelves.ts';
import type { Shelves } from './shelves.ts';

/**
 * The cluster as last confirmed by the API server, for those who read it. It shows complete states only: all of a list or
 * nothing of it, all of a batch or nothing. Lookups are by the very text of the objects; an address is found as it is written
 * there, which is the canonical form except in objects of old API servers.
 */
export interface Cluster {
  /** Whether every watched kind has been listed once; it stays true from then on, whatever becomes of the API server. */
  readonly synced: boolean;
  /** As `synced`, for one kind; true for a kind that is not watched. */
  hasSynced(kind: Kind): boolean;
  count(kind: Kind): number;
  /** When the API server last confirmed that the kind is current, on the clock's monotonic scale; undefined before the first time. */
  confirmedMs(kind: Kind): number | undefined;

  service(namespace: string, name: string): Service | undefined;
  services(): Iterable<Service>;
  servicesIn(namespace: string): Iterable<Service>;
  /** Services one of whose cluster addresses this is. */
  servicesByIP(ip: string): readonly Service[];
  slicesOf(namespace: string, service: string): readonly EndpointSlice[];
  /** Slices with a ready endpoint of this address. */
  slicesByAddress(ip: string): readonly EndpointSlice[];
  /** Pods share an address when they use that of their node. */
  podsByIP(ip: string): readonly Pod[];
  namespace(name: string): Namespace | undefined;
  namespaces(): Iterable<Namespace>;
  serviceImport(namespace: string, name: string): ServiceImport | undefined;
  serviceImports(): Iterable<ServiceImport>;
  multiclusterSlicesOf(namespace: string, service: string): readonly MulticlusterSlice[];

  /** Tells `subscriber` of all changes from now on; returns how to stop that. */
  subscribe(subscriber: Subscriber): () => void;
}

/** One object came (no `before`), changed, or went (no `after`). */
export interface ClusterChange {
  readonly kind: Kind;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

/** Is called while the store shows the state after the whole batch. */
export interface Subscriber {
  /** Each change of a batch, in order. */
  onChange?(change: ClusterChange): void;
  /** Once after the changes of a batch, and when a kind has been listed. */
  onApplied?(): void;
}

/** A list that is not complete yet. */
type Unfinished =
  /** The first of its kind is built up aside and shown when it is complete, so that even a large one comes without a halt. */
  | { readonly is: 'first'; readonly shelves: Shelves }
  /** A later one brings but what changed, which is applied when it is complete. */
  | { readonly is: 'later'; readonly changes: Change[] };

/** The writer's side: one for each serving thread, fed by the watch. */
export class ClusterStore implements Cluster {
  readonly #clock: Clock;
  readonly #unsynced: Set<Kind>;
  #shown = emptyShelves();
  readonly #lists = new Map<Kind, Unfinished>();
  readonly #confirmedMs = new Map<Kind, number>();
  readonly #subscribers = new Set<Subscriber>();

  /** `watched`: the kinds that will be fed. */
  constructor(watched: Iterable<Kind>, clock: Clock) {
    this.#clock = clock;
    this.#unsynced = new Set(watched);
  }

  apply(batch: Batch): void {
    const { kind } = batch;
    switch (batch.type) {
      case 'listing':
        this.#lists.set(
          kind,
          this.#unsynced.has(kind) ? { is: 'first', shelves: emptyShelves() } : { is: 'later', changes: [] },
        );
        return;
      case 'changes': {
        const list = this.#lists.get(kind);
        if (list === undefined) this.#notify(this.#change(kind, batch.changes));
        else if (list.is === 'later') list.changes.push(...batch.changes);
        else for (const one of batch.changes) change(list.shelves, kind, one);
        return;
      }
      case 'listed': {
        const list = this.#lists.get(kind);
        this.#lists.delete(kind);
        this.#unsynced.delete(kind);
        this.#confirmedMs.set(kind, this.#clock.now());
        if (list !== undefined) this.#notify(this.#finish(kind, list));
        return;
      }
      case 'alive':
        this.#confirmedMs.set(kind, this.#clock.now());
        return;
      default:
        batch satisfies never;
    }
  }

  /** What is known of a kind, key to resourceVersion: where a watch that begins anew must start its comparison from. */
  versions(kind: Kind): Map<string, string> {
    const versions = new Map<string, string>();
    for (const object of this.#shown[kind].table.all()) versions.set(keyOf(object), object.resourceVersion);
    return versions;
  }

  #change(kind: Kind, changes: readonly Change[]): readonly ClusterChange[] {
    const done: ClusterChange[] = [];
    for (const one of changes) {
      const before = change(this.#shown, kind, one);
      const after = 'put' in one ? one.put : undefined;
      if (before !== undefined || after !== undefined) done.push({ kind, before, after });
    }
    return done;
  }

  #finish(kind: Kind, list: Unfinished): readonly ClusterChange[] {
    if (list.is === 'later') return this.#change(kind, list.changes);
    this.#shown = { ...this.#shown, [kind]: list.shelves[kind] };
    return Array.from<KubeObject, ClusterChange>(list.shelves[kind].table.all(), (after) => ({
      kind,
      before: undefined,
      after,
    }));
  }

  #notify(changes: readonly ClusterChange[]): void {
    for (const subscriber of this.#subscribers) {
      for (const change of changes) subscriber.onChange?.(change);
      subscriber.onApplied?.();
    }
  }

  get synced(): boolean {
    return this.#unsynced.size === 0;
  }

  hasSynced(kind: Kind): boolean {
    return !this.#unsynced.has(kind);
  }

  count(kind: Kind): number {
    return this.#shown[kind].table.size;
  }

  confirmedMs(kind: Kind): number | undefined {
    return this.#confirmedMs.get(kind);
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#shown.Service.table.get(namespace, name);
  }

  services(): Iterable<Service> {
    return this.#shown.Service.table.all();
  }

  servicesIn(namespace: string): Iterable<Service> {
    return this.#shown.Service.table.in(namespace);
  }

  servicesByIP(ip: string): readonly Service[] {
    return this.#shown.Service.byIP.get(ip);
  }

  slicesOf(namespace: string, service: string): readonly EndpointSlice[] {
    return this.#shown.EndpointSlice.byService.get(serviceKey(namespace, service));
  }

  slicesByAddress(ip: string): readonly EndpointSlice[] {
    return this.#shown.EndpointSlice.byAddress.get(ip);
  }

  podsByIP(ip: string): readonly Pod[] {
    return this.#shown.Pod.byIP.get(ip);
  }

  namespace(name: string): Namespace | undefined {
    return this.#shown.Namespace.table.get('', name);
  }

  namespaces(): Iterable<Namespace> {
    return this.#shown.Namespace.table.all();
  }

  serviceImport(namespace: string, name: string): ServiceImport | undefined {
    return this.#shown.ServiceImport.table.get(namespace, name);
  }

  serviceImports(): Iterable<ServiceImport> {
    return this.#shown.ServiceImport.table.all();
  }

  multiclusterSlicesOf(namespace: string, service: string): readonly MulticlusterSlice[] {
    return this.#shown.MulticlusterSlice.byService.get(serviceKey(namespace, service));
  }

  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }
}
