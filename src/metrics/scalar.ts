import { SeriesTable, type LabelSet, type Sample } from './series.ts';

/** A number that was never set: its series is not exposed. */
const UNTOUCHED = NaN;

/** A counter or a gauge: one number for each label set. See `Counter` and `Gauge` for the contract. */
export class ScalarFamily {
  readonly kind: 'counter' | 'gauge';
  readonly #table: SeriesTable;
  /** By row: the functions that stand in for the stored number; the last one counts. */
  readonly #readers = new Map<number, (() => number)[]>();

  constructor(kind: 'counter' | 'gauge', labelNames: readonly string[]) {
    this.kind = kind;
    this.#table = new SeriesTable(labelNames, 1, UNTOUCHED);
    if (labelNames.length === 0) this.with({}).set(0);
  }

  get labelNames(): readonly string[] {
    return this.#table.labelNames;
  }

  with(labels: LabelSet<string>): ScalarCell {
    return new ScalarCell(this.#table, this.#table.offset(labels));
  }

  collect(labels: LabelSet<string>, read: () => number): () => void {
    const offset = this.#table.offset(labels);
    const own = (): number => read();
    this.#readers.set(offset, [...(this.#readers.get(offset) ?? []), own]);
    return () => {
      const others = this.#readers.get(offset)?.filter((reader) => reader !== own) ?? [];
      this.#readers.set(offset, others);
    };
  }

  remove(labels: LabelSet<string>): void {
    this.#table.values[this.#table.offset(labels)] = UNTOUCHED;
  }

  /** What is exposed now, in order of the label sets' first appearance. */
  samples(): Sample[] {
    const samples: Sample[] = [];
    for (const { labels, offset } of this.#table.rows()) {
      const read = this.#readers.get(offset)?.at(-1);
      const value = read === undefined ? (this.#table.values[offset] ?? UNTOUCHED) : read();
      if (!Number.isNaN(value)) samples.push({ labels, value });
    }
    return samples;
  }
}

class ScalarCell {
  readonly #table: SeriesTable;
  readonly #offset: number;

  constructor(table: SeriesTable, offset: number) {
    this.#table = table;
    this.#offset = offset;
  }

  set(value: number): void {
    this.#table.values[this.#offset] = value;
  }

  inc(n = 1): void {
    const values = this.#table.values;
    const value = values[this.#offset] ?? UNTOUCHED;
    values[this.#offset] = Number.isNaN(value) ? n : value + n;
  }

  dec(n = 1): void {
    this.inc(-n);
  }
}
