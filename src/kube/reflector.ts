import { keyOf, nameOf } from './batch.ts';
import type { Batch, Change } from './batch.ts';
import type { WatchEvent } from './events.ts';
import type { Fault } from './fault.ts';
import { watchResource } from './machine.ts';
import type { MachineDeps } from './machine.ts';
import type { Kind, KubeObject, ObjectName } from './objects.ts';
import type { Selection } from './resources.ts';

/** What a reflector reports: batches for the store, and faults for the operator. */
export type Report = Batch | { readonly type: 'fault'; readonly kind: Kind; readonly fault: Fault };

/** Where reports go. */
export interface Outlet<T> {
  say(what: T): void;
  /** Resolves when there is room for more; undefined when there is. Nothing more is read until then. */
  room(): Promise<void> | undefined;
}

/**
 * Watches the selected objects until `signal` aborts. `known`: what the store shows already, key to resourceVersion; it
 * belongs to the reflector from now on.
 */
export async function reflect(
  selection: Selection,
  known: Map<string, string>,
  deps: MachineDeps,
  outlet: Outlet<Report>,
  signal: AbortSignal,
): Promise<void> {
  const reflector = new Reflector(selection.kind, known, (report) => outlet.say(report));
  for await (const events of watchResource(selection, deps, signal)) {
    reflector.accept(events);
    await outlet.room();
  }
}

/** So many changes go over at a time: a larger piece would hold up the thread that takes it. */
const batchSize = 500;

/**
 * Turns the events of one kind's machine into batches for a store that lives elsewhere. Of the objects it keeps only the
 * resourceVersions; with these it hands over, of a list, just what came, changed or vanished since.
 */
export class Reflector {
  readonly #kind: Kind;
  readonly #report: (report: Report) => void;
  /** What the store shows, key to resourceVersion. */
  #known: Map<string, string>;
  /** What a list has brought so far; undefined outside of one. */
  #listed: Map<string, string> | undefined;
  #changes: Change[] = [];

  constructor(kind: Kind, known: Map<string, string>, report: (report: Report) => void) {
    this.#kind = kind;
    this.#known = known;
    this.#report = report;
  }

  /** Takes the events of one read; outside of a list they become one batch. */
  accept(events: readonly WatchEvent[]): void {
    for (const event of events) this.#take(event);
    if (this.#listed === undefined) this.#flush();
  }

  #take(event: WatchEvent): void {
    const kind = this.#kind;
    switch (event.type) {
      case 'listing':
        this.#listed = new Map();
        this.#changes = [];
        this.#report({ type: 'listing', kind, reason: event.reason });
        return;
      case 'put':
        this.#put(event.object);
        return;
      case 'seen':
        this.#seen(keyOf(event.name));
        return;
      case 'gone':
        this.#gone(event.name);
        return;
      case 'listed':
        this.#finishList();
        this.#report({ type: 'listed', kind });
        return;
      case 'alive':
        this.#flush();
        this.#report({ type: 'alive', kind });
        return;
      case 'fault':
        this.#report({ type: 'fault', kind, fault: event.fault });
        return;
      default:
        event satisfies never;
    }
  }

  #put(object: KubeObject): void {
    const key = keyOf(object);
    const { resourceVersion } = object;
    const unchanged = resourceVersion !== '' && this.#known.get(key) === resourceVersion;
    (this.#listed ?? this.#known).set(key, resourceVersion);
    if (!unchanged) this.#add({ put: object });
  }

  #seen(key: string): void {
    const version = this.#known.get(key);
    if (version !== undefined) this.#listed?.set(key, version);
  }

  #gone(name: ObjectName): void {
    const key = keyOf(name);
    if (this.#listed === undefined) {
      if (this.#known.delete(key)) this.#add({ gone: name });
    } else {
      // It may be among what this list has handed over already.
      this.#listed.delete(key);
      this.#add({ gone: name });
    }
  }

  #finishList(): void {
    const listed = this.#listed ?? new Map<string, string>();
    for (const key of this.#known.keys()) {
      if (!listed.has(key)) this.#add({ gone: nameOf(key) });
    }
    this.#flush();
    this.#known = listed;
    this.#listed = undefined;
  }

  #add(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length >= batchSize) this.#flush();
  }

  #flush(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#report({ type: 'changes', kind: this.#kind, changes });
  }
}
