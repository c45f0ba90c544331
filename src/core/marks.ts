import { CLASS, TYPE } from '../dns/codes.ts';
import { FormatError, Reader } from '../dns/reader.ts';
import { shapeOf } from '../dns/record.ts';
import { NO_TTL, type Answer } from './answer.ts';

/** What an Answer must know of its records, so that nobody has to read them again. */
export type Marks = Pick<Answer, 'body' | 'ttlOffsets' | 'recordEnds' | 'addressRuns' | 'minTtl' | 'wholeBytes'>;

interface RecordSpan {
  readonly start: number;
  readonly end: number;
  readonly ttlAt: number;
  readonly type: number;
  readonly ttl: number;
  readonly isAddress: boolean;
}

/**
 * Walks the records of a message from `bodyAt` on, as many as the sections' counts say. `optIndex` is the OPT record's
 * place among them, -1 where there is none. Throws FormatError.
 */
export function markRecords(
  wire: Buffer,
  bodyAt: number,
  counts: readonly [number, number, number],
): { marks: Marks; optIndex: number } {
  const walk = new Walk(wire, bodyAt);
  const sections = counts.map((count) => Array.from({ length: count }, () => walk.record()));
  const records = sections.flat();
  const dated = records.filter((record) => record.type !== TYPE.OPT);
  const runs = sections.flatMap((section) => addressRuns(section).filter((run) => !walk.isPointedInto(run)));
  return {
    marks: {
      body: wire.subarray(bodyAt, walk.offset),
      ttlOffsets: Uint16Array.from(records, (record) => record.ttlAt - bodyAt),
      recordEnds: Uint16Array.from(records, (record) => record.end - bodyAt),
      addressRuns: Uint16Array.from(runs.flatMap((run) => [run.start - bodyAt, run.size, run.count])),
      minTtl: dated.reduce((least, record) => Math.min(least, record.ttl), NO_TTL),
      wholeBytes: walk.wholeBytes,
    },
    optIndex: records.findIndex((record) => record.type === TYPE.OPT),
  };
}

interface Run {
  readonly start: number;
  readonly size: number;
  readonly count: number;
}

/** The stretches of two or more address records of one size. */
function addressRuns(records: readonly RecordSpan[]): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < records.length;) {
    const first = records[i]!;
    const size = first.end - first.start;
    let next = i + 1;
    while (first.isAddress && records[next]?.isAddress === true && records[next]!.end - records[next]!.start === size) {
      next++;
    }
    if (next - i > 1) runs.push({ start: first.start, size, count: next - i });
    i = next;
  }
  return runs;
}

/** Steps over records, adding up what they would take uncompressed and noting where names point to. */
class Walk {
  readonly #reader: Reader;
  readonly #targets = new Set<number>();
  wholeBytes = 0;

  constructor(wire: Buffer, offset: number) {
    this.#reader = new Reader(wire, offset, (target) => this.#targets.add(target));
  }

  get offset(): number {
    return this.#reader.offset;
  }

  record(): RecordSpan {
    const reader = this.#reader;
    const start = reader.offset;
    this.#name();
    const type = reader.u16();
    const rclass = reader.u16();
    const ttlAt = reader.offset;
    const ttl = reader.u32();
    this.#data(type, reader.u16());
    this.wholeBytes += 10;
    const isAddress = (type === TYPE.A || type === TYPE.AAAA) && rclass === CLASS.IN;
    return { start, end: reader.offset, ttlAt, type, ttl, isAddress };
  }

  isPointedInto(run: Run): boolean {
    const end = run.start + run.size * run.count;
    return [...this.#targets].some((target) => target >= run.start && target < end);
  }

  #data(type: number, length: number): void {
    const reader = this.#reader;
    const end = reader.offset + length;
    const shape = shapeOf(type);
    switch (shape) {
      case 'name':
        this.#name();
        break;
      case 'soa':
        this.#name();
        this.#name();
        this.#plain(20);
        break;
      case 'mx':
        this.#plain(2);
        this.#name();
        break;
      case 'srv':
        this.#plain(6);
        this.#name();
        break;
      case 'address':
        this.#plain(type === TYPE.A ? 4 : 16);
        break;
      case 'strings':
      case 'opaque':
        this.#plain(length);
        break;
      default:
        shape satisfies never;
    }
    if (reader.offset !== end) throw new FormatError('record data of the wrong length', end - length);
  }

  #plain(length: number): void {
    this.#reader.bytes(length);
    this.wholeBytes += length;
  }

  #name(): void {
    this.wholeBytes += this.#reader.nameWire().length;
  }
}
