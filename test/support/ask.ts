import { parseQuery } from '../../src/core/accept.ts';
import { type Answer, noReply } from '../../src/core/answer.ts';
import { recordsOf } from '../../src/core/encode.ts';
import type { Handler } from '../../src/core/handler.ts';
import { type Peer, Query } from '../../src/core/query.ts';
import { CLASS, classCode, FLAG, OPCODE, rcodeName, typeCode } from '../../src/dns/codes.ts';
import { type EdnsOption, encodeMessage } from '../../src/dns/message.ts';
import { flagWords, recordText } from '../../src/dns/text.ts';

/** A client that asks over UDP from 127.0.0.1. */
export const testPeer: Peer = {
  transport: 'udp',
  address: '127.0.0.1',
  port: 40_212,
  family: 4,
  localAddress: '127.0.0.1',
  localPort: 53,
  server: 'dns://:53',
};

/** How a question is put; without any of it over UDP, RD set, without EDNS. */
export interface Asking {
  readonly id?: number;
  readonly opcode?: number;
  /** Of `FLAG`. */
  readonly flags?: number;
  /** The UDP size of an OPT record; none unless given, but for `dnssecOk` and `options`. */
  readonly edns?: number;
  readonly dnssecOk?: boolean;
  readonly options?: readonly EdnsOption[];
  readonly peer?: Partial<Peer>;
}

/** The query of `question`, a name and a type, and a class if not IN: `web.test. A`, `version.bind. TXT CH`. */
export function queryFor(question: string, asking: Asking = {}): Query {
  const { id = 4711, opcode = OPCODE.QUERY, flags = FLAG.RD, dnssecOk = false, edns, options, peer } = asking;
  const hasEdns = edns !== undefined || dnssecOk || options !== undefined;
  const [name = '', typeText = 'A', classText = 'IN'] = question.split(' ');
  const type = typeCode(typeText);
  const qclass = classCode(classText) ?? CLASS.IN;
  if (type === undefined) throw new Error(`no type: ${question}`);
  const wire = encodeMessage({
    id,
    opcode,
    rcode: 0,
    flags,
    questions: [{ name, type, class: qclass }],
    answer: [],
    authority: [],
    additional: [],
    edns: hasEdns ? { version: 0, udpSize: edns ?? 1232, dnssecOk, options: options ?? [] } : undefined,
  });
  const query = new Query();
  const verdict = parseQuery(query, wire, { ...testPeer, ...peer });
  if (verdict !== 'accept') throw new Error(`${question}: ${verdict}`);
  return query;
}

/** Asks, and gives the answer as `answerText` has it; rejects where the handler throws or rejects. */
export async function ask(handler: Handler, question: string, asking: Asking = {}): Promise<string> {
  const query = queryFor(question, asking);
  return answerText(query, await handler(query));
}

/**
 * An answer for people: rcode and flags, then a line for each record under its section's name, TTLs as encoded.
 *
 *     NOERROR aa
 *     answer web.test. 30 IN A 10.96.1.1
 */
export function answerText(query: Query, answer: Answer): string {
  if (answer === noReply) return 'no reply';
  const lines = [[rcodeName(answer.rcode), ...flagWords(answer.flags)].join(' ')];
  const sections = recordsOf(query, answer);
  for (const section of ['answer', 'authority', 'additional'] as const) {
    for (const record of sections[section]) lines.push(`${section} ${recordText(record)}`);
  }
  return lines.join('\n');
}
