import type { NotedLabels } from '../../core/metadata.ts';
import type { Query } from '../../core/query.ts';

const UPSTREAM = 'forward/upstream';

/** The exchange with servers that a query waits for, perhaps together with equal ones. */
export interface Attempt {
  /** The server whose answer is given, or that was asked last; undefined before one is. */
  endpoint: string | undefined;
}

/** `forward/upstream`: the address and port of the server that a query was passed on to. */
export class UpstreamLabel implements NotedLabels {
  readonly kind = 'noted';
  readonly prefix = 'forward';
  readonly labels = [UPSTREAM];
  readonly #attempts = new WeakMap<Query, Attempt>();

  note(query: Query, attempt: Attempt): void {
    this.#attempts.set(query, attempt);
  }

  value(query: Query): string | undefined {
    return this.#attempts.get(query)?.endpoint;
  }

  forget(query: Query): void {
    this.#attempts.delete(query);
  }

  carry(asked: Query, query: Query): void {
    const attempt = this.#attempts.get(asked);
    if (attempt !== undefined) this.#attempts.set(query, attempt);
  }
}
