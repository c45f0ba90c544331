import { FLAG, TYPE } from '../dns/codes.ts';
import { encodeOptions, HEADER_BYTES, readOptions, readRecords, type EdnsOption } from '../dns/message.ts';
import { FormatError, Reader } from '../dns/reader.ts';
import type { ResourceRecord } from '../dns/record.ts';
import { Writer } from '../dns/writer.ts';
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

const KEPT_FLAGS = FLAG.AA | FLAG.TC | FLAG.RA | FLAG.AD;

/**
 * An answer to `query` from records. Throws NameError or RangeError for what no message can hold.
 */
export function buildAnswer(query: Query, head: AnswerHead): Answer {
  const { answer = [], authority = [], additional = [] } = head;
  if (answer.length + authority.length + additional.length === 0) {
    return { ...blankAnswer, ...facts(head) };
  }
  const writer = new Writer();
  for (let i = 0; i < HEADER_BYTES; i++) writer.u8(0);
  writer.question(query.text, query.type, query.class);
  const bodyAt = writer.length;
  for (const section of [answer, authority, additional]) for (const record of section) writer.record(record);
  const { marks } = markRecords(writer.finish(), bodyAt, [answer.length, authority.length, additional.length]);
  return {
    ...blankAnswer,
    ...facts(head),
    ...marks,
    answerCount: answer.length,
    authorityCount: authority.length,
    additionalCount: additional.length,
  };
}

function facts(head: AnswerHead): Pick<Answer, 'rcode' | 'flags' | 'source' | 'reason' | 'live' | 'options'> {
  const { rcode, flags, source, reason = '', live = false, options } = head;
  return { rcode, flags, source, reason, live, options: options ? encodeOptions(options) : blankAnswer.options };
}

/**
 * An answer from a whole message of somebody else, whose question must have the length of `query`'s (the caller has
 * compared the names). Its OPT record becomes rcode bits and options. Throws FormatError.
 */
export function answerFromMessage(query: Query, wire: Buffer, source: string): Answer {
  const reader = new Reader(wire, 2);
  const word = reader.u16();
  if (reader.u16() !== 1) throw new FormatError('not one question', 4);
  const counts = [reader.u16(), reader.u16(), reader.u16()] as const;
  reader.nameWire();
  reader.bytes(4);
  if (reader.offset !== query.questionEnd) throw new FormatError('another question', HEADER_BYTES);
  const { marks, optIndex } = markRecords(wire, reader.offset, counts);
  const answer: Answer = {
    ...blankAnswer,
    ...marks,
    rcode: word & 15,
    flags: word & KEPT_FLAGS,
    answerCount: counts[0],
    authorityCount: counts[1],
    additionalCount: counts[2],
    source,
  };
  return optIndex < 0 ? answer : liftOpt(query, answer, optIndex);
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
  const wire = Buffer.alloc(query.questionEnd + answer.body.length);
  query.wire.copy(wire, 0, 0, query.questionEnd);
  answer.body.copy(wire, query.questionEnd);
  const reader = new Reader(wire, query.questionEnd);
  return {
    answer: readRecords(reader, answer.answerCount),
    authority: readRecords(reader, answer.authorityCount),
    additional: readRecords(reader, answer.additionalCount),
  };
}
