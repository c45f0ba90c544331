import { CLASS, TYPE } from '../dns/codes.ts';
import { skipRdata } from '../dns/rdata.ts';
import { FormatError, Reader } from '../dns/reader.ts';
import { NO_TTL, type Answer } from './answer.ts';

/** What an Answer must know of its records, so that nobody has to read them again. */
export type Marks = Pick<Answer, 'body' | 'ttlOffsets' | 'recordEnds' | 'addressRuns' | 'minTtl' | 'wholeBytes'>;

interface RecordSpan {
  readonly start: number;
  readonly ttlAt: number;
  readonly end: number;
  readonly type: number;
  readonly ttl: number;
  readonly isAddress: boolean;
}

/** Address records that may change places: they lie side by side and have their fields at the same places. */
interface Run {
  readonly first: RecordSpan;
  count: number;
}

/**
 * Walks the records of a message from `bodyAt` on, as many as the sections' counts say; the marks' body is a view into
 * `wire`. `optIndex` is the OPT record's place among them, -1 where there is none. Throws FormatError, also for an OPT
 * record outside the additional section and for a second one (RFC 6891 6.1.1).
 */
export function markRecords(
  wire: Buffer,
  bodyAt: number,
  counts: readonly [number, number, number],
): { marks: Marks; optIndex: number } {
  const pointedTo = new Set<number>();
  const reader = new Reader(wire, bodyAt, (target) => void (target >= bodyAt && pointedTo.add(target)));
  const ttlOffsets: number[] = [];
  const recordEnds: number[] = [];
  const runs: Run[] = [];
  let minTtl = NO_TTL;
  let optIndex = -1;
  for (const [section, count] of counts.entries()) {
    let run: Run | undefined;
    for (let i = 0; i < count; i++) {
      const record = readSpan(reader);
      if (record.type === TYPE.OPT) {
        if (section !== 2 || optIndex >= 0) throw new FormatError('OPT record out of place', record.start);
        optIndex = recordEnds.length;
      } else {
        minTtl = Math.min(minTtl, record.ttl);
      }
      ttlOffsets.push(record.ttlAt - bodyAt);
      recordEnds.push(record.end - bodyAt);
      if (run !== undefined && areAlike(run.first, record)) run.count++;
      else runs.push((run = { first: record, count: 1 }));
    }
  }
  const shufflable = runs.filter((run) => run.count > 1 && !isPointedInto(run, pointedTo));
  return {
    marks: {
      body: wire.subarray(bodyAt, reader.offset),
      ttlOffsets: new Uint16Array(ttlOffsets),
      recordEnds: new Uint16Array(recordEnds),
      addressRuns: new Uint16Array(
        shufflable.flatMap(({ first, count }) => [first.start - bodyAt, sizeOf(first), count]),
      ),
      minTtl,
      wholeBytes: reader.offset - bodyAt + reader.savedBytes,
    },
    optIndex,
  };
}

function readSpan(reader: Reader): RecordSpan {
  const start = reader.offset;
  reader.skipName();
  const type = reader.u16();
  const rclass = reader.u16();
  const ttlAt = reader.offset;
  const ttl = reader.u32();
  skipRdata(reader, type, reader.u16());
  const isAddress = (type === TYPE.A || type === TYPE.AAAA) && rclass === CLASS.IN;
  return { start, ttlAt, end: reader.offset, type, ttl, isAddress };
}

function areAlike(a: RecordSpan, b: RecordSpan): boolean {
  return a.isAddress && b.isAddress && sizeOf(a) === sizeOf(b) && a.ttlAt - a.start === b.ttlAt - b.start;
}

function sizeOf(record: RecordSpan): number {
  return record.end - record.start;
}

function isPointedInto({ first, count }: Run, pointedTo: ReadonlySet<number>): boolean {
  if (pointedTo.size === 0) return false;
  const end = first.start + sizeOf(first) * count;
  for (let at = first.start; at < end; at++) if (pointedTo.has(at)) return true;
  return false;
}
