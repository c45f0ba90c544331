import { FLAG, OPCODE, TYPE } from '../dns/codes.ts';
import type { Random } from '../runtime/random.ts';
import type { Answer } from './answer.ts';
import { type Query, UDP_BYTES } from './query.ts';

/**
 * An Answer and the query it belongs to as a packet: id, question with the client's letters, body, OPT. Records that do
 * not fit are cut off at a record's end and TC is set (RFC 2181 9). Plain copying: nothing is parsed or encoded here.
 */

const HEADER_BYTES = 12;
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

/** The packet for `answer`; always a buffer of its own, since a socket may hold on to it. */
export function encodeReply(query: Query, answer: Answer, tools: ReplyTools): Buffer {
  const limit = query.peer.transport === 'udp' ? Math.max(UDP_BYTES, query.udpSize) : STREAM_BYTES;
  const questionBytes = query.nameLength + 4;
  const opt = query.hasEdns ? OPT_BYTES + answer.options.length : 0;
  const room = limit - HEADER_BYTES - questionBytes - opt;
  const bodyBytes = answer.body.length <= room ? answer.body.length : fitting(answer, room);
  const packet = Buffer.allocUnsafe(HEADER_BYTES + questionBytes + bodyBytes + opt);
  const cut = bodyBytes < answer.body.length;
  writeHead(packet, query, answer.flags | (cut ? FLAG.TC : 0), answer.rcode);
  if (cut) writeCounts(packet, countRecords(answer, bodyBytes), answer, query.hasEdns);
  else writeCounts(packet, answer.recordEnds.length, answer, query.hasEdns);
  writeQuestion(packet, query);
  const bodyAt = HEADER_BYTES + questionBytes;
  answer.body.copy(packet, bodyAt, 0, bodyBytes);
  if (answer.bornMs >= 0) age(packet, bodyAt, bodyBytes, answer, tools.now());
  if (query.shuffle) shuffleAddresses(packet, bodyAt, bodyBytes, answer, tools.random);
  if (query.hasEdns) writeOpt(packet, bodyAt + bodyBytes, query, answer);
  return packet;
}

/** A reply of twelve bytes for a packet whose question can not be told; `opcode` as it is to be echoed. */
export function bareReply(query: Query, rcode: number, opcode: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES);
  packet.writeUInt16BE(query.id, 0);
  const echoed = query.flags & (FLAG.AA | FLAG.TC | FLAG.RD | FLAG.RA | FLAG.Z | FLAG.AD | FLAG.CD);
  packet.writeUInt16BE(FLAG.QR | echoed | (opcode << 11) | rcode, 2);
  return packet;
}

/** RFC 6891 6.1.3: an extended rcode of BADVERS, the version that is spoken, and nothing else. */
export function badVersionReply(query: Query): Buffer {
  const questionBytes = query.nameLength + 4;
  const packet = Buffer.alloc(HEADER_BYTES + questionBytes + OPT_BYTES);
  writeHead(packet, query, 0, 0);
  packet[11] = 1;
  writeQuestion(packet, query);
  const at = HEADER_BYTES + questionBytes;
  packet[at + 2] = TYPE.OPT;
  packet[at + 5] = 1;
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
  packet.fill(0, 6, HEADER_BYTES);
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

/** How much of the body fits into `room` bytes without cutting a record. */
function fitting(answer: Answer, room: number): number {
  const { recordEnds } = answer;
  let end = 0;
  for (let i = 0; i < recordEnds.length && recordEnds[i]! <= room; i++) end = recordEnds[i]!;
  return end;
}

function countRecords(answer: Answer, bodyBytes: number): number {
  const { recordEnds } = answer;
  let count = 0;
  while (count < recordEnds.length && recordEnds[count]! <= bodyBytes) count++;
  return count;
}

/** Lowers every TTL by the answer's age in whole seconds, at most to 0. */
function age(packet: Buffer, bodyAt: number, bodyBytes: number, answer: Answer, nowMs: number): void {
  const seconds = Math.floor((nowMs - answer.bornMs) / 1000);
  if (seconds <= 0) return;
  for (const offset of answer.ttlOffsets) {
    if (offset >= bodyBytes) return;
    const at = bodyAt + offset;
    packet.writeUInt32BE(Math.max(0, packet.readUInt32BE(at) - seconds), at);
  }
}

/** Each run of equal address records into a random order (Fisher-Yates), where it lies whole in the packet. */
function shuffleAddresses(packet: Buffer, bodyAt: number, bodyBytes: number, answer: Answer, random: Random): void {
  const runs = answer.addressRuns;
  for (let i = 0; i < runs.length; i += 3) {
    const start = bodyAt + runs[i]!;
    const size = runs[i + 1]!;
    const count = Math.min(runs[i + 2]!, Math.floor((bodyBytes - runs[i]!) / size));
    for (let last = count - 1; last > 0; last--) {
      const other = random.below(last + 1);
      if (other !== last) swap(packet, start + last * size, start + other * size, size);
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

function writeOpt(packet: Buffer, at: number, query: Query, answer: Answer): void {
  const { options, rcode } = answer;
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
