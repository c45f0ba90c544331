import assert from 'node:assert/strict';
import { parseQuery } from '../../src/core/accept.ts';
import type { Answer } from '../../src/core/answer.ts';
import type { Sections } from '../../src/core/encode.ts';
import { ownPeer, type Peer, Query } from '../../src/core/query.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { CLASS, FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { type Edns, encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import { addressRecord, type ResourceRecord } from '../../src/dns/record.ts';
import { blankMessage } from '../dns/messages.ts';
import { ManualClock } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';

/** Questions as clients put them, and replies as clients read them. */

export const udpPeer: Peer = { ...ownPeer, transport: 'udp' };
export const tcpPeer: Peer = ownPeer;

/** A message of one question, RD set. */
export function questionMessage(name: string, type: number = TYPE.A): Message {
  return { ...blankMessage, id: 0x1234, flags: FLAG.RD, questions: [{ name, type, class: CLASS.IN }] };
}

/** EDNS as a client sends it. */
export function ednsOf(udpSize: number, dnssecOk = false): Edns {
  return { version: 0, udpSize, dnssecOk, options: [] };
}

interface Asked extends Partial<Message> {
  readonly type?: number;
  readonly peer?: Peer;
}

/** The query that a client's packet becomes; over UDP and without EDNS unless told otherwise. */
export function ask(name: string, { type = TYPE.A, peer = udpPeer, ...facts }: Asked = {}): Query {
  const query = new Query();
  const verdict = parseQuery(query, encodeMessage({ ...questionMessage(name, type), ...facts }), peer);
  assert.equal(verdict, 'accept');
  return query;
}

/** What `bornMs` is told by, and a source of chance that repeats itself. */
export const clock = new ManualClock();
export const tools = { random: seededRandom(1), now: () => clock.now() };

export const head = { rcode: RCODE.NOERROR, flags: FLAG.AA, source: 'test' };
export const soa = { mname: 'ns.test.', rname: 'admin.test.', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 };

/** The reply to `query`, as its client reads it. */
export function replyOf(query: Query, answer: Answer): Message {
  return parseMessage(encodeReply(query, answer, tools));
}

export function allOf({ answer = [], authority = [], additional = [] }: Sections): ResourceRecord[] {
  return [...answer, ...authority, ...additional];
}

/** `count` A records of one name, 10.0.0.0 and on. */
export function addresses(name: string, count: number, ttl = 30): ResourceRecord[] {
  return Array.from({ length: count }, (_, i) => addressRecord(name, ttl, `10.0.${i >> 8}.${i & 255}`));
}
