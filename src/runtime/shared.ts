/** A resource as its opener hands it over. */
export interface Resource<T> {
  readonly value: T;
  /** Called once, when nobody holds the resource any more; the key may be opened again when it has settled. */
  close(): void | Promise<void>;
}

/** One holder's share of a resource. */
export interface Lease<T> {
  readonly value: T;
  /**
   * Gives the share back; again does nothing. Resolves, for the last holder, when the resource is closed; rejects with
   * what `close` threw.
   */
  release(): Promise<void>;
}

interface Holding<T> {
  holders: number;
  readonly opened: Promise<Resource<T>>;
}

/**
 * Resources of one kind (sockets, HTTP endpoints, API watches) that outlive a configuration. Those who acquire the same
 * key share one resource, which is closed when the last of them releases it. A reload acquires for the new configuration
 * before it releases the old one's leases, so that what both name never closes in between.
 */
export class Shared<T> {
  readonly #holdings = new Map<string, Holding<T>>();
  readonly #closing = new Map<string, Promise<void>>();

  /**
   * A lease on the resource of `key`, which `open` makes when there is none; while one of that key is being closed, `open`
   * waits for it. Rejects with what `open` threw, for all who wait for it; the next one to come tries again.
   */
  async acquire(key: string, open: () => Resource<T> | Promise<Resource<T>>): Promise<Lease<T>> {
    const holding = this.#holdings.get(key) ?? this.#hold(key, open);
    holding.holders++;
    const resource = await holding.opened;
    let released: Promise<void> | undefined;
    return { value: resource.value, release: () => (released ??= this.#release(key, holding, resource)) };
  }

  #hold(key: string, open: () => Resource<T> | Promise<Resource<T>>): Holding<T> {
    const holding = { holders: 0, opened: this.#open(key, open) };
    this.#holdings.set(key, holding);
    holding.opened.catch(() => this.#holdings.delete(key));
    return holding;
  }

  async #open(key: string, open: () => Resource<T> | Promise<Resource<T>>): Promise<Resource<T>> {
    // A failure to close is told to the one who released; here only the end of it matters.
    await this.#closing.get(key)?.catch(() => undefined);
    return open();
  }

  async #release(key: string, holding: Holding<T>, resource: Resource<T>): Promise<void> {
    holding.holders--;
    if (holding.holders > 0) return;
    this.#holdings.delete(key);
    const closing = Promise.resolve()
      .then(() => resource.close())
      .finally(() => this.#closing.delete(key));
    this.#closing.set(key, closing);
    await closing;
  }
}
