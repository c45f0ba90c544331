import { Shared } from '../runtime/shared.ts';
import type { Host } from './plugin.ts';

/**
 * What instances of one plugin share with each other and hand on over a reload, such as the watch of a cluster: for each
 * process a `Shared` of its own.
 */
export class ProcessWide<T> {
  readonly #byHost = new WeakMap<Host, Shared<T>>();

  of(host: Host): Shared<T> {
    const known = this.#byHost.get(host);
    if (known !== undefined) return known;
    const shared = new Shared<T>();
    this.#byHost.set(host, shared);
    return shared;
  }
}
