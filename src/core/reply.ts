import { FLAG, OPCODE, RCODE, TYPE } from '../dns/codes.ts';
import { HEADER_BYTES } from '../dns/message.ts';
import type { Random } from '../runtime/random.ts';
import { type Answer, blankAnswer } from './answer.ts';
import { type Query, UDP_BYTES } from './query.ts';

/**
 * An Answer and the query it belongs to as a packet: id, question with the client's letters, body, OPT. Records that do
 * not fit are cut off at a record's end and TC is set (RFC 2181 9). Plain copying: nothing is parsed or encoded here.
 */

const OPT_BYTES = 11;
const STREAM_BYTES = 0xffff;
const EDNS_DO = 0x80;
const ECHOED = FLAG.RD | FLAG.CD;

export interface ReplyTools {
  /** For the order of addresses. */
  readonly random: Random;
  /** The server's clock, in milliseconds: what `Answer.bornMs` was taken from. */
  readonly now: () => number;
}

/** The packet for `answer`; always bytes of its own, since a socket may hold on to them. */
export function encodeReply(query: Query, answer: Answer, tools: ReplyTools): Buffer {
  const limit = query.peer.transport === 'udp' ? Math.max(UDP_BYTES, query.udpSize) : STREAM_BYTES;
  const { body } = answer;
  const bodyAt = HEADER_BYTES + query.nameLength + 4;
  const options = bodyAt + OPT_BYTES + answer.options.length <= limit ? answer.options : blankAnswer.options;
  const optBytes = query.hasEdns ? OPT_BYTES + options.length : 0;
  const room = limit - bodyAt - optBytes;
  const records = body.length <= room ? answer.recordEnds.length : fitting(answer, room);
  const bodyBytes = records === 0 ? 0 : answer.recordEnds[records - 1]!;
  const isCut = bodyBytes < body.length;
  // Chance decides which addresses outlive a cut, so all of them are there while it is at work.
  const copied = isCut && query.shuffle ? body.length : bodyBytes;
  const end = bodyAt + bodyBytes + optBytes;
  const packet = Buffer.allocUnsafe(Math.max(end, bodyAt + copied));
  const rcode = answer.rcode > 15 && !query.hasEdns ? RCODE.SERVFAIL : answer.rcode;
  writeHead(packet, query, answer.flags | (isCut ? FLAG.TC : 0), rcode);
  writeCounts(packet, records, answer, query.hasEdns);
  writeQuestion(packet, query);
  body.copy(packet, bodyAt, 0, copied);
  if (query.shuffle) shuffleAddresses(packet, bodyAt, bodyBytes, answer.addressRuns, tools.random);
  if (answer.bornMs >= 0) age(packet, bodyAt, records, answer, tools.now());
  if (query.hasEdns) writeOpt(packet, bodyAt + bodyBytes, query, rcode, options);
  return packet.length === end ? packet : packet.subarray(0, end);
}

/** A reply of twelve bytes for a packet whose question can not be told; `opcode` as it is to be echoed. */
export function bareReply(query: Query, rcode: number, opcode: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES);
  writeRejection(packet, query, rcode, opcode);
  return packet;
}

/** SERVFAIL, for a packet that announces a question and has none. */
export function noQuestionReply(query: Query): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES);
  writeHead(packet, query, 0, RCODE.SERVFAIL);
  packet[5] = 0;
  return packet;
}

/** FORMERR with the question, for a packet in which something else can not be read. */
export function malformedReply(query: Query): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + query.nameLength + 4);
  writeRejection(packet, query, RCODE.FORMERR, OPCODE.QUERY);
  packet[5] = 1;
  writeQuestion(packet, query);
  return packet;
}

/** As the reference has it: what is rejected keeps more flags than what is answered. */
function writeRejection(packet: Buffer, query: Query, rcode: number, opcode: number): void {
  const echoed = query.flags & (FLAG.TC | FLAG.RD | FLAG.RA | FLAG.AD | FLAG.CD);
  packet.writeUInt16BE(query.id, 0);
  packet.writeUInt16BE(FLAG.QR | echoed | (opcode << 11) | rcode, 2);
}

/** RFC 6891 6.1.3: an extended rcode of BADVERS, the version that is spoken, and nothing else. */
export function badVersionReply(query: Query): Buffer {
  const optAt = HEADER_BYTES + query.nameLength + 4;
  const packet = Buffer.alloc(optAt + OPT_BYTES);
  writeHead(packet, query, 0, RCODE.BADVERS);
  packet[11] = 1;
  writeQuestion(packet, query);
  packet[optAt + 2] = TYPE.OPT;
  packet[optAt + 5] = RCODE.BADVERS >> 4;
  return packet;
}

function writeHead(packet: Buffer, query: Query, flags: number, rcode: number): void {
  const echoed = query.opcode === OPCODE.QUERY ? query.flags & ECHOED : 0;
  const word = FLAG.QR | (query.opcode << 11) | echoed | flags | (rcode & 15);
  packet[0] = query.id >> 8;
  packet[1] = query.id;
  packet[2] = word >> 8;
  packet[3] = word;
  packet[4] = 0;
  packet[5] = 1;
}

/** The counts when only the first `records` are sent. */
function writeCounts(packet: Buffer, records: number, answer: Answer, hasOpt: boolean): void {
  const answers = Math.min(records, answer.answerCount);
  const authorities = Math.min(records - answers, answer.authorityCount);
  const additionals = records - answers - authorities + (hasOpt ? 1 : 0);
  packet[6] = answers >> 8;
  packet[7] = answers;
  packet[8] = authorities >> 8;
  packet[9] = authorities;
  packet[10] = additionals >> 8;
  packet[11] = additionals;
}

function writeQuestion(packet: Buffer, query: Query): void {
  const end = HEADER_BYTES + query.nameLength;
  query.wire.copy(packet, HEADER_BYTES, HEADER_BYTES, end);
  packet[end] = query.type >> 8;
  packet[end + 1] = query.type;
  packet[end + 2] = query.class >> 8;
  packet[end + 3] = query.class;
}

/** How many records fit into `room` bytes. */
function fitting({ recordEnds }: Answer, room: number): number {
  let count = 0;
  while (count < recordEnds.length && recordEnds[count]! <= room) count++;
  return count;
}

/** Lowers the TTLs of the first `records` by the answer's age in whole seconds, at most to 0. */
function age(packet: Buffer, bodyAt: number, records: number, answer: Answer, nowMs: number): void {
  const seconds = Math.floor((nowMs - answer.bornMs) / 1000);
  if (seconds <= 0) return;
  for (let i = 0; i < records; i++) {
    const at = bodyAt + answer.ttlOffsets[i]!;
    packet.writeUInt32BE(Math.max(0, packet.readUInt32BE(at) - seconds), at);
  }
}

/** Puts random records of each run at the places that the packet has for them (Fisher-Yates, ended early by a cut). */
function shuffleAddresses(
  packet: Buffer,
  bodyAt: number,
  bodyBytes: number,
  runs: Answer['addressRuns'],
  random: Random,
): void {
  for (let i = 0; i < runs.length; i += 3) {
    const start = bodyAt + runs[i]!;
    const size = runs[i + 1]!;
    const count = runs[i + 2]!;
    const places = Math.min(count - 1, Math.floor((bodyBytes - runs[i]!) / size));
    for (let place = 0; place < places; place++) {
      const other = place + random.below(count - place);
      if (other !== place) swap(packet, start + place * size, start + other * size, size);
    }
  }
}

function swap(packet: Buffer, a: number, b: number, size: number): void {
  for (let i = 0; i < size; i++) {
    const byte = packet[a + i]!;
    packet[a + i] = packet[b + i]!;
    packet[b + i] = byte;
  }
}

function writeOpt(packet: Buffer, at: number, query: Query, rcode: number, options: Buffer): void {
  packet[at] = 0;
  packet[at + 1] = 0;
  packet[at + 2] = TYPE.OPT;
  packet[at + 3] = query.udpSize >> 8;
  packet[at + 4] = query.udpSize;
  packet[at + 5] = rcode >> 4;
  packet[at + 6] = 0;
  packet[at + 7] = query.dnssecOk ? EDNS_DO : 0;
  packet[at + 8] = 0;
  packet[at + 9] = options.length >> 8;
  packet[at + 10] = options.length;
  if (options.length > 0) options.copy(packet, at + OPT_BYTES);
}
