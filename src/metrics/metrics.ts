/**
 * What the server counts, and how a scraper reads it.
 *
 *     plugin, built     counter.with({ server, zone })  ->  cell          once for each block: label sets become rows
 *     query             cell.inc()                                        one store into a Float64Array, no allocation
 *     GET /metrics      metrics.exposition()            ->  text          prom-client reads the rows and prints them
 *
 * Counting is the server's own since several numbers change with every query; registry, checks of names, text format
 * and the metrics of the process are prom-client's.
 *
 * Invariants:
 * - there is one `Metrics` in a process; an instrument lives as long as it does, so counters go on over a reload;
 * - a name asked for again gives the same instrument, and the same label set the same numbers, for whoever asks;
 * - a series with labels is exposed from its first use on, an instrument without labels from the start, at 0.
 */
import { collectDefaultMetrics, Gauge as PrometheusGauge, Registry } from 'prom-client';
import { HistogramFamily } from './histogram.ts';
import { ScalarFamily } from './scalar.ts';
import type { LabelSet } from './series.ts';

/** The reference's `Content-Type` of the exposition. */
export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** The sampling interval which, in effect, turns sampling of the event loop off. */
const NEVER_MS = 24 * 3_600_000;

/** The number of one label set of a counter. */
export interface CounterCell {
  /** Adds `n`, 0 or more; 1 by default. */
  inc(n?: number): void;
}

/** The number of one label set of a gauge. */
export interface GaugeCell {
  /** NaN takes the series out of the exposition. */
  set(value: number): void;
  /** Adds `n`, 1 by default; an untouched gauge counts as 0. */
  inc(n?: number): void;
  /** Subtracts `n`, 1 by default; an untouched gauge counts as 0. */
  dec(n?: number): void;
}

/** The distribution of one label set of a histogram. */
export interface HistogramCell {
  /** Counts `value`, a number in the unit of the metric's name, in the first bucket whose bound is not below it. */
  observe(value: number): void;
}

/** A count that only rises, for each label set. */
export interface Counter<L extends string> {
  /** The number of this label set: ask once, when a block is built. Throws an Error when a label is missing. */
  with(labels: LabelSet<L>): CounterCell;
  /**
   * From now on `read` gives the number of this label set, at each scrape, in place of what was counted; NaN means "none".
   * Of several readers the newest is asked. Returns what ends this.
   */
  collect(labels: LabelSet<L>, read: () => number): () => void;
}

/** A number that goes up and down, for each label set. */
export interface Gauge<L extends string> {
  /** As `Counter.with`. */
  with(labels: LabelSet<L>): GaugeCell;
  /** As `Counter.collect`. */
  collect(labels: LabelSet<L>, read: () => number): () => void;
  /** Takes the series out of the exposition until it is set again: what it spoke of is gone. */
  remove(labels: LabelSet<L>): void;
}

/** A distribution over fixed buckets, for each label set. */
export interface Histogram<L extends string> {
  /** As `Counter.with`. */
  with(labels: LabelSet<L>): HistogramCell;
}

/** What an instrument is called. */
export interface InstrumentSpec<L extends string> {
  /** With its unit, and `_total` for a counter: `coredns_dns_requests_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

/** What a histogram is called and how it divides its range. */
export interface HistogramSpec<L extends string> extends InstrumentSpec<L> {
  /** Upper bounds, inclusive and ascending; `+Inf` is added. */
  readonly buckets: readonly number[];
}

/** The instruments of the process. All methods throw an Error for what only a mistake in the program can cause. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #families = new Map<string, ScalarFamily | HistogramFamily>();

  /** Throws an Error when the name is no metric name, or names an instrument of another kind or with other labels. */
  counter<L extends string = never>(spec: InstrumentSpec<L>): Counter<L> {
    return this.#scalar('counter', spec);
  }

  /** Throws as `counter` does. */
  gauge<L extends string = never>(spec: InstrumentSpec<L>): Gauge<L> {
    return this.#scalar('gauge', spec);
  }

  /** Throws as `counter` does, and when the buckets do not ascend or differ from those of the same name. */
  histogram<L extends string = never>(spec: HistogramSpec<L>): Histogram<L> {
    const { name, labels = [], buckets } = spec;
    const known = this.#families.get(name);
    if (known === undefined) return this.#add(spec, 'histogram', new HistogramFamily(name, labels, buckets));
    const same = known instanceof HistogramFamily && alike(known.labelNames, labels) && alike(known.buckets, buckets);
    if (same) return known;
    throw conflict(name);
  }

  /** Exposes CPU, memory, file descriptors and garbage collection of the process: `process_*` and `nodejs_*`. Call it once. */
  addProcess(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    // Sampling the delay of the event loop would wake an idle process 100 times a second; unsampled, these are wrong.
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (name.startsWith('nodejs_eventloop_lag')) this.#registry.removeSingleMetric(name);
    }
  }

  /** All series in the Prometheus text format 0.0.4, as the reference writes them: sorted by metric name, none empty. */
  async exposition(): Promise<string> {
    const families = (await this.#registry.metrics()).trimEnd().split('\n\n');
    return families
      .filter((family) => /^[^#]/m.test(family))
      .sort()
      .map((family) => `${family}\n`)
      .join('');
  }

  #scalar(kind: 'counter' | 'gauge', spec: InstrumentSpec<string>): ScalarFamily {
    const { name, labels = [] } = spec;
    const known = this.#families.get(name);
    if (known === undefined) return this.#add(spec, kind, new ScalarFamily(kind, labels));
    if (known instanceof ScalarFamily && known.kind === kind && alike(known.labelNames, labels)) return known;
    throw conflict(name);
  }

  #add<F extends ScalarFamily | HistogramFamily>(
    { name, help, labels = [] }: InstrumentSpec<string>,
    type: string,
    family: F,
  ): F {
    // prom-client has no metric that is filled from outside: one of its own registers itself, with its checks, and is
    // then asked for our type and values instead.
    const registered = new PrometheusGauge({ name, help, labelNames: labels, registers: [this.#registry] });
    Object.assign(registered, { get: async () => ({ name, help, type, values: family.samples() }) });
    this.#families.set(name, family);
    return family;
  }
}

function alike<T extends string | number>(a: readonly T[], b: readonly T[]): boolean {
  const other = new Set(b);
  return a.length === b.length && a.every((item) => other.has(item));
}

function conflict(name: string): Error {
  return new Error(`metric ${name} exists with another type, other labels or other buckets`);
}
