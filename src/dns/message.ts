import { FLAG, TYPE } from './codes.ts';
import { readRdata } from './rdata.ts';
import { FormatError, Reader } from './reader.ts';
import type { ResourceRecord } from './record.ts';
import { Writer } from './writer.ts';

/**
 * A whole message as a value: the plain form that slow paths and tests work on. OPT is lifted out of the additional
 * section, since it describes the message and not a name (RFC 6891 6.1.1).
 */
export interface Message {
  readonly id: number;
  readonly opcode: number;
  /** 0 to 4095: with the upper bits that an OPT record brings. */
  readonly rcode: number;
  /** The bits of `FLAG`, without opcode and rcode. */
  readonly flags: number;
  readonly questions: readonly Question[];
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly edns: Edns | undefined;
}

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** EDNS(0), RFC 6891. */
export interface Edns {
  readonly version: number;
  readonly udpSize: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export const HEADER_BYTES = 12;
const FLAG_BITS = FLAG.QR | FLAG.AA | FLAG.TC | FLAG.RD | FLAG.RA | FLAG.Z | FLAG.AD | FLAG.CD;
const DNSSEC_OK = 0x8000;

/** Reads a message; bytes after its last record are ignored, and of several OPT records all but the last. Throws FormatError. */
export function parseMessage(wire: Uint8Array): Message {
  const reader = new Reader(wire);
  const id = reader.u16();
  const word = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  const questions = Array.from({ length: counts[0] }, () => readQuestion(reader));
  const answer = readRecords(reader, counts[1]);
  const authority = readRecords(reader, counts[2]);
  const all = readRecords(reader, counts[3]);
  const opt = all.findLast((record) => record.type === TYPE.OPT);
  return {
    id,
    opcode: (word >> 11) & 15,
    rcode: (word & 15) | (opt === undefined ? 0 : Math.floor(opt.ttl / 0x100_0000) << 4),
    flags: word & FLAG_BITS,
    questions,
    answer,
    authority,
    additional: all.filter((record) => record.type !== TYPE.OPT),
    edns: opt && readEdns(opt),
  };
}

function readQuestion(reader: Reader): Question {
  return { name: reader.name(), type: reader.u16(), class: reader.u16() };
}

/** The next `count` records. Throws FormatError. */
export function readRecords(reader: Reader, count: number): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.name();
    const type = reader.u16();
    const rclass = reader.u16();
    const ttl = reader.u32();
    records.push({ name, type, class: rclass, ttl, data: readRdata(reader, type, reader.u16()) });
  }
  return records;
}

function readEdns(opt: ResourceRecord): Edns {
  if (opt.data.shape !== 'opaque') throw new FormatError('OPT of an odd shape', 0);
  return {
    version: Math.floor(opt.ttl / 0x1_0000) & 0xff,
    udpSize: opt.class,
    dnssecOk: (opt.ttl & DNSSEC_OK) !== 0,
    options: readOptions(opt.data.bytes),
  };
}

/** The options in an OPT record's data. Throws FormatError when they do not fill it. */
export function readOptions(bytes: Uint8Array): EdnsOption[] {
  const reader = new Reader(bytes);
  const options: EdnsOption[] = [];
  while (!reader.done) options.push({ code: reader.u16(), data: reader.bytes(reader.u16()) });
  return options;
}

/** A message as wire, names compressed, OPT last. Throws as `Writer` does. */
export function encodeMessage(message: Message): Buffer {
  const writer = new Writer();
  const { edns } = message;
  writer.u16(message.id);
  writer.u16(message.flags | (message.opcode << 11) | (message.rcode & 15));
  writer.u16(message.questions.length);
  writer.u16(message.answer.length);
  writer.u16(message.authority.length);
  writer.u16(message.additional.length + (edns === undefined ? 0 : 1));
  for (const question of message.questions) writer.question(question.name, question.type, question.class);
  for (const section of [message.answer, message.authority, message.additional]) {
    for (const record of section) writer.record(record);
  }
  if (edns !== undefined) writeOpt(writer, edns, message.rcode);
  return writer.finish();
}

function writeOpt(writer: Writer, edns: Edns, rcode: number): void {
  writer.u8(0);
  writer.u16(TYPE.OPT);
  writer.u16(edns.udpSize);
  writer.u8(rcode >> 4);
  writer.u8(edns.version);
  writer.u16(edns.dnssecOk ? DNSSEC_OK : 0);
  const options = encodeOptions(edns.options);
  writer.u16(options.length);
  writer.bytes(options);
}

/** Options as an OPT record's data. */
export function encodeOptions(options: readonly EdnsOption[]): Buffer {
  const writer = new Writer(64);
  for (const { code, data } of options) {
    writer.u16(code);
    writer.u16(data.length);
    writer.bytes(data);
  }
  return writer.finish();
}
