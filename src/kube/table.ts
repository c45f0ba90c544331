import type { ObjectName } from './objects.ts';

/** Objects of one kind by namespace and name, and by whatever its indexes add to that. */
export class Table<T extends ObjectName> {
  readonly #indexes: readonly Index<T>[];
  readonly #namespaces = new Map<string, Map<string, T>>();
  #size = 0;

  constructor(...indexes: readonly Index<T>[]) {
    this.#indexes = indexes;
  }

  get size(): number {
    return this.#size;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  in(namespace: string): Iterable<T> {
    return this.#namespaces.get(namespace)?.values() ?? [];
  }

  *all(): Generator<T, void, undefined> {
    for (const objects of this.#namespaces.values()) yield* objects.values();
  }

  /** Returns the object it replaces. */
  put(object: T): T | undefined {
    const objects = this.#namespaces.getOrInsertComputed(object.namespace, () => new Map<string, T>());
    const before = objects.get(object.name);
    objects.set(object.name, object);
    if (before === undefined) this.#size++;
    for (const index of this.#indexes) {
      if (before !== undefined) index.remove(before);
      index.add(object);
    }
    return before;
  }

  /** Returns the object it removes. */
  remove({ namespace, name }: ObjectName): T | undefined {
    const objects = this.#namespaces.get(namespace);
    const before = objects?.get(name);
    if (objects === undefined || before === undefined) return undefined;
    objects.delete(name);
    if (objects.size === 0) this.#namespaces.delete(namespace);
    this.#size--;
    for (const index of this.#indexes) index.remove(before);
    return before;
  }
}

/** Objects by keys of which one may have many and which many may share. The arrays it hands out never change. */
export class Index<T> {
  readonly #keysOf: (object: T) => readonly string[];
  readonly #entries = new Map<string, readonly T[]>();

  constructor(keysOf: (object: T) => readonly string[]) {
    this.#keysOf = keysOf;
  }

  get(key: string): readonly T[] {
    return this.#entries.get(key) ?? [];
  }

  add(object: T): void {
    for (const key of this.#keysOf(object)) {
      const objects = this.#entries.get(key);
      if (objects === undefined) this.#entries.set(key, [object]);
      // The last one is the object itself when it has a key twice.
      else if (objects.at(-1) !== object) this.#entries.set(key, [...objects, object]);
    }
  }

  remove(object: T): void {
    for (const key of this.#keysOf(object)) {
      const rest = this.get(key).filter((other) => other !== object);
      if (rest.length === 0) this.#entries.delete(key);
      else this.#entries.set(key, rest);
    }
  }
}
