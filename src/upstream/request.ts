import type { Query } from '../core/query.ts';
import { CLASS, FLAG, OPCODE, TYPE } from '../dns/codes.ts';
import { encodeMessage, HEADER_BYTES } from '../dns/message.ts';
import { LOWER } from '../dns/name.ts';
import { Reader } from '../dns/reader.ts';

/** A question as it goes out. Every exchange sends a copy with an id of its own. */
export interface Request {
  /** A whole message, its id 0. */
  readonly wire: Buffer;
  /** First byte after the question. */
  readonly questionEnd: number;
}

/** A question of the server's own, class IN, without EDNS. `flags` are of `FLAG`. Throws NameError. */
export function requestFor(name: string, type: number, flags: number): Request {
  const wire = encodeMessage({
    id: 0,
    opcode: OPCODE.QUERY,
    rcode: 0,
    flags,
    questions: [{ name, type, class: CLASS.IN }],
    answer: [],
    authority: [],
    additional: [],
    edns: undefined,
  });
  return { wire, questionEnd: wire.length };
}

const OPT_BYTES = 11;
const DNSSEC_OK = 0x80;

/**
 * A client's question passed on: header bits, letters and records as they came, EDNS options too, but for what plugins
 * changed in the Query since. Throws FormatError when the records after the question can not be read.
 */
export function requestFrom(query: Query): Request {
  const questionEnd = HEADER_BYTES + query.nameLength + 4;
  const { counts, end, optAt } = readRecords(query);
  const recordsEnd = questionEnd + end - query.questionEnd;
  const addsOpt = query.hasEdns && optAt < 0;
  const wire = Buffer.alloc(recordsEnd + (addsOpt ? OPT_BYTES : 0));
  wire.writeUInt16BE(query.flags & ~FLAG.QR, 2);
  wire.writeUInt16BE(1, 4);
  wire.writeUInt16BE(counts[0], 6);
  wire.writeUInt16BE(counts[1], 8);
  wire.writeUInt16BE(counts[2] + (addsOpt ? 1 : 0), 10);
  query.wire.copy(wire, HEADER_BYTES, HEADER_BYTES, HEADER_BYTES + query.nameLength);
  wire.writeUInt16BE(query.type, questionEnd - 4);
  wire.writeUInt16BE(query.class, questionEnd - 2);
  query.wire.copy(wire, questionEnd, query.questionEnd, end);
  if (addsOpt) wire.writeUInt16BE(TYPE.OPT, recordsEnd + 1);
  if (query.hasEdns) writeEdns(wire, addsOpt ? recordsEnd + 3 : optAt + questionEnd - query.questionEnd, query);
  return { wire, questionEnd };
}

/** `at`: the class field of an OPT record, which holds the UDP size (RFC 6891 6.1.2). */
function writeEdns(wire: Buffer, at: number, query: Query): void {
  wire.writeUInt16BE(query.udpSize, at);
  const flags = wire.readUInt8(at + 4);
  wire.writeUInt8(query.dnssecOk ? flags | DNSSEC_OK : flags & ~DNSSEC_OK, at + 4);
}

interface Records {
  /** How many there are in answer, authority and additional section: a header may promise more than its packet holds. */
  readonly counts: readonly [number, number, number];
  /** Where the last of them ends. */
  readonly end: number;
  /** Where the class field of the OPT record stands, -1 without one. */
  readonly optAt: number;
}

function readRecords({ wire, questionEnd }: Query): Records {
  const counts: [number, number, number] = [0, 0, 0];
  const reader = new Reader(wire, questionEnd);
  let optAt = -1;
  for (const section of [0, 1, 2] as const) {
    const announced = wire.readUInt16BE(6 + 2 * section);
    for (; counts[section] < announced && !reader.done; counts[section]++) {
      reader.skipName();
      if (reader.u16() === TYPE.OPT && section === 2) optAt = reader.offset;
      reader.skip(6);
      reader.skip(reader.u16());
    }
  }
  return { counts, end: reader.offset, optAt };
}

/**
 * Whether `reply`, whose id fits, answers `request`: it is a response and repeats the question, in whatever letter case.
 * An error without any question passes too, since a server that could not read the question can not repeat it.
 */
export function isReplyTo(request: Request, reply: Buffer): boolean {
  if (reply.length < HEADER_BYTES || (reply.readUInt16BE(2) & FLAG.QR) === 0) return false;
  const questions = reply.readUInt16BE(4);
  if (questions === 0) return isBareError(reply);
  if (questions !== 1 || reply.length < request.questionEnd) return false;
  const nameEnd = request.questionEnd - 4;
  for (let at = HEADER_BYTES; at < nameEnd; at++) {
    if (LOWER[reply[at]!] !== LOWER[request.wire[at]!]) return false;
  }
  return reply.compare(request.wire, nameEnd, request.questionEnd, nameEnd, request.questionEnd) === 0;
}

/** True for a reply of an error code and nothing else. */
export function isBareError(reply: Buffer): boolean {
  return reply.length === HEADER_BYTES && (reply.readUInt8(3) & 15) !== 0 && reply.readUInt16BE(4) === 0;
}
