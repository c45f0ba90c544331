/** One value for each label name; an instrument without labels takes `{}`. */
export type LabelSet<L extends string> = { readonly [name in L]: string };

/** One line of the exposition: `metricName` where it is not the instrument's own name (`x_bucket`). */
export interface Sample {
  readonly metricName?: string;
  readonly labels: LabelSet<string>;
  readonly value: number;
}

const FIRST_ROWS = 4;

/**
 * The numbers of one instrument: a row of `width` numbers for each label set, all in one array. Rows are never moved
 * within the array nor given to another label set, so a cell may keep its row's offset for ever; it must read `values`
 * anew each time, because a full array is replaced by one twice as long.
 */
export class SeriesTable {
  /** Each row's numbers from its offset on. */
  values: Float64Array;
  /** Sorted, as the exposition prints them. */
  readonly labelNames: readonly string[];
  readonly #width: number;
  readonly #fill: number;
  readonly #rows = new Map<string, { readonly labels: LabelSet<string>; readonly offset: number }>();

  /** `fill`: what the numbers of a new row are. */
  constructor(labelNames: readonly string[], width: number, fill: number) {
    this.labelNames = [...labelNames].sort();
    this.#width = width;
    this.#fill = fill;
    this.values = new Float64Array(FIRST_ROWS * width).fill(fill);
  }

  /** The offset in `values` of this label set's row, which is made when it is new. Throws an Error when a label is missing. */
  offset(labels: LabelSet<string>): number {
    const values = this.labelNames.map((name) => {
      const value = labels[name];
      if (value === undefined) throw new Error(`label ${name} has no value`);
      return value;
    });
    const key = JSON.stringify(values);
    const known = this.#rows.get(key);
    if (known !== undefined) return known.offset;

    const offset = this.#rows.size * this.#width;
    if (offset === this.values.length) this.#grow();
    const sorted = Object.fromEntries(this.labelNames.map((name, i) => [name, values[i] ?? '']));
    this.#rows.set(key, { labels: sorted, offset });
    return offset;
  }

  /** Every row in order of its making. */
  rows(): Iterable<{ readonly labels: LabelSet<string>; readonly offset: number }> {
    return this.#rows.values();
  }

  #grow(): void {
    const larger = new Float64Array(this.values.length * 2).fill(this.#fill);
    larger.set(this.values);
    this.values = larger;
  }
}
