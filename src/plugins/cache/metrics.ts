import type { CounterCell, Metrics } from '../../metrics/metrics.ts';

/** The counters of one listener. */
export interface Cells {
  readonly server: string;
  readonly requests: CounterCell;
  readonly misses: CounterCell;
  readonly prefetches: CounterCell;
  readonly servedStale: CounterCell;
  readonly hits: ByShelf<CounterCell>;
  readonly evictions: ByShelf<CounterCell>;
}

interface ByShelf<T> {
  readonly success: T;
  readonly denial: T;
}

const BLOCK = ['server', 'zones', 'view'] as const;
const SHELF = ['server', 'type', 'zones', 'view'] as const;

/** The metrics of one block's cache; a listener's series appear when it asks first. */
export class CacheMetrics {
  readonly #metrics: Metrics;
  readonly #zones: string;
  readonly #sizes: ByShelf<() => number>;
  readonly #byServer = new Map<string, Cells>();
  readonly #ends: (() => void)[] = [];
  #last: Cells | undefined;

  constructor(metrics: Metrics, zones: readonly string[], sizes: ByShelf<() => number>) {
    this.#metrics = metrics;
    this.#zones = zones.join(',');
    this.#sizes = sizes;
  }

  /** `server`: the listener's name. */
  of(server: string): Cells {
    // Nearly always the listener of the query before.
    if (this.#last?.server === server) return this.#last;
    const cells = this.#byServer.get(server) ?? this.#make(server);
    this.#byServer.set(server, cells);
    this.#last = cells;
    return cells;
  }

  /** The cache is gone: its sizes are not exposed any more. */
  end(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #make(server: string): Cells {
    const labels = { server, zones: this.#zones, view: '' };
    const success = { ...labels, type: 'success' };
    const denial = { ...labels, type: 'denial' };
    const counter = (name: string, help: string): CounterCell =>
      this.#metrics.counter({ name, help, labels: BLOCK }).with(labels);
    const byShelf = (name: string, help: string): ByShelf<CounterCell> => {
      const counters = this.#metrics.counter({ name, help, labels: SHELF });
      return { success: counters.with(success), denial: counters.with(denial) };
    };
    const entries = this.#metrics.gauge({
      name: 'coredns_cache_entries',
      help: 'The number of elements in the cache.',
      labels: SHELF,
    });
    this.#ends.push(entries.collect(success, this.#sizes.success), entries.collect(denial, this.#sizes.denial));
    return {
      server,
      requests: counter('coredns_cache_requests_total', 'The count of cache requests.'),
      misses: counter(
        'coredns_cache_misses_total',
        'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.',
      ),
      prefetches: counter(
        'coredns_cache_prefetch_total',
        'The number of times the cache has prefetched a cached item.',
      ),
      servedStale: counter(
        'coredns_cache_served_stale_total',
        'The number of requests served from stale cache entries.',
      ),
      hits: byShelf('coredns_cache_hits_total', 'The count of cache hits.'),
      evictions: byShelf('coredns_cache_evictions_total', 'The count of cache evictions.'),
    };
  }
}
