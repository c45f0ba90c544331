import type { BlockScope } from './plugin.ts';

/**
 * How plugins of one server block meet without knowing each other: one provides a value, another finds it. Each
 * capability is one constant, such as `export const readiness = new Capability<Readiness>()`.
 */
export class Capability<T> {
  readonly #provided = new WeakMap<BlockScope, T[]>();

  /** Called while a block is built. */
  provide(scope: BlockScope, value: T): void {
    const values = this.#provided.get(scope);
    if (values === undefined) this.#provided.set(scope, [value]);
    else values.push(value);
  }

  /** All that was provided in the block, in plugin order; complete once every instance of the block exists. */
  find(scope: BlockScope): readonly T[] {
    return this.#provided.get(scope) ?? [];
  }
}

/** Whether a part of the server is ready to answer as it should. */
export interface Readiness {
  readonly name: string;
  readonly ready: () => boolean;
}

export const readiness = new Capability<Readiness>();
