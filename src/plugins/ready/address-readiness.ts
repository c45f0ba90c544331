import type { Readiness } from '../../core/capability.ts';
import type { Handler } from '../../core/handler.ts';
import type { Monitor } from './config.ts';

/** One block's plugins that can say whether they are ready. */
export class BlockReadiness {
  readonly #monitor: Monitor;
  #asked: readonly Readiness[];

  constructor(plugins: readonly Readiness[], monitor: Monitor) {
    this.#asked = plugins;
    this.#monitor = monitor;
  }

  /** The names of those that are not ready now. */
  missing(): string[] {
    const missing = this.#asked.filter((plugin) => !plugin.ready());
    if (this.#monitor === 'until-ready') this.#asked = missing;
    return missing.map((plugin) => plugin.name);
  }
}

/**
 * All blocks that answer at one address. While a reload makes the next configuration ready, two of them are there, and
 * the older one counts, as it is the one that answers queries.
 */
export class AddressReadiness {
  /** By configuration, the oldest first. */
  readonly #blocks = new Map<Handler, Set<BlockReadiness>>();

  /** `configuration`: its `Env.resolve`, which its blocks have in common. Returns what ends the membership. */
  join(configuration: Handler, block: BlockReadiness): () => void {
    const blocks = this.#blocks.get(configuration) ?? new Set();
    this.#blocks.set(configuration, blocks.add(block));
    return () => {
      blocks.delete(block);
      if (blocks.size === 0) this.#blocks.delete(configuration);
    };
  }

  /** The names of the plugins that are not ready, sorted, each once. */
  missing(): string[] {
    const [oldest] = this.#blocks.values();
    const names = [...(oldest ?? [])].flatMap((block) => block.missing());
    return [...new Set(names)].sort();
  }
}
