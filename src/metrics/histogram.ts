import { SeriesTable, type LabelSet, type Sample } from './series.ts';

/** `count` upper bounds, the first `start`, each `factor` times the one before it. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}

/**
 * A histogram. A row holds the number of observations in each bucket (not cumulated, the last one without upper bound)
 * and then their sum. See `Histogram` for the contract.
 */
export class HistogramFamily {
  readonly #name: string;
  readonly #bounds: Float64Array;
  readonly #table: SeriesTable;

  constructor(name: string, labelNames: readonly string[], buckets: readonly number[]) {
    if (buckets.some((bound, i) => !Number.isFinite(bound) || bound <= (buckets[i - 1] ?? -Infinity))) {
      throw new Error(`metric ${name}: buckets must be finite and ascend`);
    }
    if (labelNames.includes('le')) throw new Error(`metric ${name}: label le is taken by the buckets`);
    this.#name = name;
    this.#bounds = Float64Array.from(buckets);
    this.#table = new SeriesTable(labelNames, buckets.length + 2, 0);
    if (labelNames.length === 0) this.#table.offset({});
  }

  get labelNames(): readonly string[] {
    return this.#table.labelNames;
  }

  get buckets(): readonly number[] {
    return [...this.#bounds];
  }

  with(labels: LabelSet<string>): HistogramCell {
    return new HistogramCell(this.#table, this.#table.offset(labels), this.#bounds);
  }

  /** What is exposed now, in order of the label sets' first appearance. */
  samples(): Sample[] {
    const samples: Sample[] = [];
    for (const { labels, offset } of this.#table.rows()) {
      const [counts, sum] = this.#row(offset);
      const observations = counts.reduce((total, count) => total + count, 0);
      if (observations === 0 && this.labelNames.length > 0) continue;
      let cumulated = 0;
      for (const [i, count] of counts.entries()) {
        cumulated += count;
        const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf';
        samples.push({ metricName: `${this.#name}_bucket`, labels: { ...labels, le }, value: cumulated });
      }
      samples.push({ metricName: `${this.#name}_sum`, labels, value: sum });
      samples.push({ metricName: `${this.#name}_count`, labels, value: observations });
    }
    return samples;
  }

  #row(offset: number): [counts: Float64Array, sum: number] {
    const sumAt = offset + this.#bounds.length + 1;
    return [this.#table.values.subarray(offset, sumAt), this.#table.values[sumAt] ?? 0];
  }
}

class HistogramCell {
  readonly #table: SeriesTable;
  readonly #offset: number;
  readonly #bounds: Float64Array;

  constructor(table: SeriesTable, offset: number, bounds: Float64Array) {
    this.#table = table;
    this.#offset = offset;
    this.#bounds = bounds;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    const values = this.#table.values;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket++;
    const countAt = this.#offset + bucket;
    const sumAt = this.#offset + bounds.length + 1;
    values[countAt] = (values[countAt] ?? 0) + 1;
    values[sumAt] = (values[sumAt] ?? 0) + value;
  }
}
