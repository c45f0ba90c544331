import { randomBytes } from 'node:crypto';
import { FLAG, OPCODE, OPTION, TYPE } from '../dns/codes.ts';
import { HEADER_BYTES } from '../dns/message.ts';
import { LOWER, MAX_LABEL_BYTES, MAX_NAME_BYTES } from '../dns/name.ts';
import type { Peer, Query } from './query.ts';

/**
 * What becomes of a packet, decided before any plugin sees it.
 *
 *     accept      the query is filled and goes to the chain
 *     ignore      no reply: too short to answer, or itself a response (two servers would talk for ever)
 *     notimp      a bare header NOTIMP: an opcode that is not served
 *     formerr     a bare header FORMERR: no question can be read
 *     servfail    a bare header SERVFAIL: one question is announced and nothing follows
 *     malformed   FORMERR with the question: something after it can not be read
 *     badvers     BADVERS: an EDNS version other than 0 (RFC 6891 6.1.3)
 */
export type Verdict = 'accept' | 'ignore' | 'notimp' | 'formerr' | 'servfail' | 'malformed' | 'badvers';

const SEED = randomBytes(4).readUInt32LE();
const FNV_PRIME = 0x0100_0193;
const EDNS_DO = 0x80;

/**
 * Reads a packet into `query`. Everything a reply needs is filled for each verdict but `ignore`. Never throws; the work is
 * bounded by the packet's length, since only four records besides the question are taken.
 */
export function parseQuery(query: Query, wire: Buffer, peer: Peer): Verdict {
  query.wire = wire;
  query.peer = peer;
  query.clear();
  if (wire.length < HEADER_BYTES) return 'ignore';
  query.id = (wire[0]! << 8) | wire[1]!;
  query.flags = (wire[2]! << 8) | wire[3]!;
  query.opcode = (query.flags >> 11) & 15;
  if ((query.flags & FLAG.QR) !== 0) return 'ignore';
  if (query.opcode !== OPCODE.QUERY && query.opcode !== OPCODE.NOTIFY) return 'notimp';
  const answers = (wire[6]! << 8) | wire[7]!;
  const authorities = (wire[8]! << 8) | wire[9]!;
  const additionals = (wire[10]! << 8) | wire[11]!;
  if (wire[4] !== 0 || wire[5] !== 1 || answers > 1 || authorities > 1 || additionals > 2) return 'formerr';
  if (wire.length === HEADER_BYTES) return 'servfail';
  if (!readQuestion(query, wire)) {
    query.clear();
    return 'formerr';
  }
  return readRecords(query, answers + authorities, additionals);
}

/** The question, which stands uncompressed: nothing before it could be pointed to. A missing type or class counts as 0. */
function readQuestion(query: Query, wire: Buffer): boolean {
  const { name } = query;
  const limit = Math.min(wire.length, HEADER_BYTES + MAX_NAME_BYTES);
  let hash = SEED;
  let mixed = 0;
  let at = HEADER_BYTES;
  for (;;) {
    if (at >= limit) return false;
    const length = wire[at]!;
    if (length > MAX_LABEL_BYTES) return false;
    const end = at + 1 + length;
    name[at - HEADER_BYTES] = length;
    hash = Math.imul(hash ^ length, FNV_PRIME);
    at++;
    if (length === 0) break;
    if (end > limit) return false;
    for (; at < end; at++) {
      const byte = wire[at]!;
      const lower = LOWER[byte]!;
      mixed |= byte ^ lower;
      name[at - HEADER_BYTES] = lower;
      hash = Math.imul(hash ^ lower, FNV_PRIME);
    }
  }
  query.nameLength = at - HEADER_BYTES;
  query.hash = hash;
  query.mixedCase = mixed !== 0;
  query.type = at + 2 <= wire.length ? (wire[at]! << 8) | wire[at + 1]! : 0;
  query.class = at + 4 <= wire.length ? (wire[at + 2]! << 8) | wire[at + 3]! : 0;
  query.questionEnd = Math.min(at + 4, wire.length);
  return at === wire.length || at + 2 === wire.length || at + 4 <= wire.length;
}

/** The records after the question, of which only OPT in the additional section matters; of two, the last. */
function readRecords(query: Query, skipped: number, additionals: number): Verdict {
  const { wire } = query;
  let at = query.questionEnd;
  let optAt = -1;
  // Counts may promise more than the packet holds, as long as it ends where a record does.
  for (let i = 0; i < skipped + additionals && at < wire.length; i++) {
    const fixed = skipName(wire, at);
    if (fixed < 0 || fixed + 10 > wire.length) return 'malformed';
    const type = (wire[fixed]! << 8) | wire[fixed + 1]!;
    const dataAt = fixed + 10;
    const end = dataAt + ((wire[fixed + 8]! << 8) | wire[fixed + 9]!);
    if (end > wire.length) return 'malformed';
    if (type === TYPE.OPT) {
      if (!optionsAreWhole(wire, dataAt, end)) return 'malformed';
      if (i >= skipped) optAt = fixed;
    }
    at = end;
  }
  if (optAt < 0) return 'accept';
  query.hasEdns = true;
  query.udpSize = (wire[optAt + 2]! << 8) | wire[optAt + 3]!;
  query.dnssecOk = (wire[optAt + 6]! & EDNS_DO) !== 0;
  return wire[optAt + 5] === 0 ? 'accept' : 'badvers';
}

/** The offset after a name, or -1 when it is broken. Pointers must lead backwards; what they lead to is not looked at. */
function skipName(wire: Buffer, start: number): number {
  let at = start;
  while (at < wire.length && at - start < MAX_NAME_BYTES) {
    const length = wire[at]!;
    if (length === 0) return at + 1;
    if (length >= 0xc0) {
      if (at + 1 >= wire.length) return -1;
      const target = ((length & 0x3f) << 8) | wire[at + 1]!;
      return target >= HEADER_BYTES && target < start ? at + 2 : -1;
    }
    if (length > MAX_LABEL_BYTES) return -1;
    at += 1 + length;
  }
  return -1;
}

function optionsAreWhole(wire: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    if (at + 4 > end) return false;
    const code = (wire[at]! << 8) | wire[at + 1]!;
    const length = (wire[at + 2]! << 8) | wire[at + 3]!;
    if (at + 4 + length > end || !optionIsValid(code, wire, at + 4, length)) return false;
    at += 4 + length;
  }
  return true;
}

/** Whether an option has a length that it may have; one that is not known may have any. */
function optionIsValid(code: number, wire: Buffer, at: number, length: number): boolean {
  switch (code) {
    case OPTION.SUBNET:
      return subnetIsValid(wire, at, length);
    case OPTION.LONG_LIVED_QUERY: // RFC 8764 3.2
      return length >= 18;
    case OPTION.UPDATE_LEASE: // RFC 9664 4
      return length === 4 || length === 8;
    case OPTION.EXPIRE: // RFC 7314 2
      return length === 0 || length >= 4;
    case OPTION.TCP_KEEPALIVE: // RFC 7828 3.1
      return length === 0 || length === 2;
    case OPTION.EXTENDED_ERROR: // RFC 8914 2
      return length >= 2;
    default:
      return true;
  }
}

/** A client subnet (RFC 7871 6): a known family, prefixes and an address not longer than the family's. */
function subnetIsValid(wire: Buffer, at: number, length: number): boolean {
  if (length < 4) return false;
  const family = (wire[at]! << 8) | wire[at + 1]!;
  const sourceBits = wire[at + 2]!;
  const familyBits = family === 0 ? 0 : family === 1 ? 32 : family === 2 ? 128 : -1;
  return sourceBits <= familyBits && wire[at + 3]! <= familyBits && length - 4 <= Math.ceil(familyBits / 8);
}
