import { FLAG, TYPE } from '../dns/codes.ts';
import { encodeOptions, HEADER_BYTES, readOptions, readRecords, type EdnsOption } from '../dns/message.ts';
import { FormatError, Reader } from '../dns/reader.ts';
import type { ResourceRecord } from '../dns/record.ts';
import { TooLongError, Writer } from '../dns/writer.ts';
import { blankAnswer, type Answer } from './answer.ts';
import { markRecords } from './marks.ts';
import type { Query } from './query.ts';

/** The only way from records or foreign bytes to an Answer. */

export interface Sections {
  readonly answer?: readonly ResourceRecord[];
  readonly authority?: readonly ResourceRecord[];
  readonly additional?: readonly ResourceRecord[];
}

export interface AnswerHead extends Sections {
  readonly rcode: number;
  /** Of `FLAG`: AA, TC, RA, AD. */
  readonly flags: number;
  readonly source: string;
  readonly reason?: string;
  readonly live?: boolean;
  readonly options?: readonly EdnsOption[];
}

const MAX_MESSAGE_BYTES = 0xffff;
const KEPT_FLAGS = FLAG.AA | FLAG.TC | FLAG.RA | FLAG.AD;

/**
 * An answer to `query` from records, which must have its spelling of the name where they mean it. What a message of
 * `limit` bytes, EDNS not counted, can not hold is cut off at a record's end, with TC set; the first record stays where it
 * alone is longer. Throws NameError for a broken name, RangeError for a value too large for its field or an address that
 * is none.
 */
export function buildAnswer(query: Query, head: AnswerHead, limit = MAX_MESSAGE_BYTES): Answer {
  const { answer = [], authority = [], additional = [], rcode, flags, source, reason = '', live = false } = head;
  const options = head.options ? encodeOptions(head.options) : blankAnswer.options;
  const empty: Answer = { ...blankAnswer, rcode, flags, source, reason, live, options };
  const records = [...answer, ...authority, ...additional];
  if (records.length === 0) return empty;
  const { wire, bodyAt, count } = writeMessage(query, records, limit);
  const answerCount = Math.min(count, answer.length);
  const authorityCount = Math.min(count - answerCount, authority.length);
  const additionalCount = count - answerCount - authorityCount;
  return {
    ...empty,
    ...markRecords(wire, bodyAt, [answerCount, authorityCount, additionalCount]).marks,
    flags: count < records.length ? flags | FLAG.TC : flags,
    answerCount,
    authorityCount,
    additionalCount,
  };
}

/** A message, its header blank, with as many of the records as it can hold, `count`. */
function writeMessage(
  query: Query,
  records: readonly ResourceRecord[],
  limit: number,
): { wire: Buffer; bodyAt: number; count: number } {
  const writer = new Writer();
  for (let i = 0; i < HEADER_BYTES; i++) writer.u8(0);
  writer.question(query.text, query.type, query.class);
  const bodyAt = writer.length;
  let end = bodyAt;
  let count = 0;
  try {
    for (const record of records) {
      writer.record(record);
      if (writer.length > limit && count > 0) break;
      end = writer.length;
      count++;
    }
  } catch (error) {
    if (!(error instanceof TooLongError)) throw error;
  }
  return { wire: writer.finish(end), bodyAt, count };
}

/**
 * An answer from a whole message of somebody else, whose question must have the length of `query`'s (the caller has
 * compared the names). Its OPT record becomes rcode bits and options. Nothing of `wire` is kept. Throws FormatError.
 */
export function answerFromMessage(query: Query, wire: Buffer, source: string): Answer {
  const reader = new Reader(wire, 2);
  const word = reader.u16();
  if (reader.u16() !== 1) throw new FormatError('not one question', 4);
  const counts = [reader.u16(), reader.u16(), reader.u16()] as const;
  reader.skipName();
  reader.skip(4);
  if (reader.offset !== bodyOffset(query)) throw new FormatError('another question', HEADER_BYTES);
  const { marks, optIndex } = markRecords(wire, reader.offset, counts);
  const answer: Answer = {
    ...blankAnswer,
    ...marks,
    body: Buffer.from(marks.body),
    rcode: word & 15,
    flags: word & KEPT_FLAGS,
    answerCount: counts[0],
    authorityCount: counts[1],
    additionalCount: counts[2],
    source,
  };
  return optIndex < 0 ? answer : liftOpt(query, answer, optIndex);
}

/** Where a body stands in a reply to `query`; its packet may break off within the question. */
function bodyOffset(query: Query): number {
  return HEADER_BYTES + query.nameLength + 4;
}

/** The OPT record out of an answer: a cut where it stands last, else the records are written anew. */
function liftOpt(query: Query, answer: Answer, index: number): Answer {
  const start = index === 0 ? 0 : (answer.recordEnds[index - 1] ?? 0);
  const end = answer.recordEnds[index] ?? 0;
  const ttlAt = answer.ttlOffsets[index] ?? 0;
  const options = Buffer.from(answer.body.subarray(ttlAt + 6, end));
  readOptions(options);
  const rcode = answer.rcode | ((answer.body[ttlAt] ?? 0) << 4);
  if (index !== answer.recordEnds.length - 1) {
    const records = recordsOf(query, answer);
    const additional = records.additional.filter((record) => record.type !== TYPE.OPT);
    const { flags, source } = answer;
    return { ...buildAnswer(query, { ...records, additional, rcode, flags, source }), options };
  }
  return {
    ...answer,
    rcode,
    options,
    additionalCount: answer.additionalCount - 1,
    body: answer.body.subarray(0, start),
    ttlOffsets: answer.ttlOffsets.slice(0, index),
    recordEnds: answer.recordEnds.slice(0, index),
    wholeBytes: answer.wholeBytes - (end - start),
  };
}

/** The records of an answer to `query`, as values again: for those who must change them. TTLs are as encoded. */
export function recordsOf(query: Query, answer: Answer): Required<Sections> {
  const bodyAt = bodyOffset(query);
  const wire = Buffer.alloc(bodyAt + answer.body.length);
  query.wire.copy(wire, 0, 0, query.questionEnd);
  answer.body.copy(wire, bodyAt);
  const reader = new Reader(wire, bodyAt);
  return {
    answer: readRecords(reader, answer.answerCount),
    authority: readRecords(reader, answer.authorityCount),
    additional: readRecords(reader, answer.additionalCount),
  };
}
