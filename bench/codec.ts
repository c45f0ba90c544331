import { bench, do_not_optimize, group, run } from 'mitata';
import { parseQuery } from '../src/core/accept.ts';
import { answerFromMessage, buildAnswer } from '../src/core/encode.ts';
import { ownPeer, Query } from '../src/core/query.ts';
import { encodeReply } from '../src/core/reply.ts';
import { CLASS, FLAG, OPCODE, RCODE, TYPE } from '../src/dns/codes.ts';
import { encodeMessage, parseMessage, type Message } from '../src/dns/message.ts';
import { addressRecord } from '../src/dns/record.ts';
import { systemRandom } from '../src/runtime/random.ts';

/**
 * What the wire costs a query, in this order on the hot path: `parseQuery`, then `encodeReply`. The rest happens once
 * for each answer, or for each message of an upstream.
 */

const name = 'kubernetes.default.svc.cluster.local.';
const blank: Message = {
  id: 1,
  opcode: OPCODE.QUERY,
  rcode: RCODE.NOERROR,
  flags: FLAG.RD,
  questions: [{ name, type: TYPE.A, class: CLASS.IN }],
  answer: [],
  authority: [],
  additional: [],
  edns: { version: 0, udpSize: 4096, dnssecOk: false, options: [] },
};
const packet = encodeMessage(blank);
const peer = { ...ownPeer, transport: 'udp' } as const;
const query = new Query();
parseQuery(query, packet, peer);

const head = { rcode: RCODE.NOERROR, flags: FLAG.AA, source: 'kubernetes', live: true };
const addresses = Array.from({ length: 20 }, (_, i) => addressRecord(name, 30, `10.0.0.${i + 1}`));
const one = buildAnswer(query, { ...head, answer: addresses.slice(0, 1) });
const twenty = buildAnswer(query, { ...head, answer: addresses });
const reply = encodeMessage({ ...blank, flags: FLAG.QR | FLAG.RA, answer: addresses.slice(0, 4) });
const tools = { random: systemRandom(), now: () => 60_000 };
const shuffled = query.copy();
shuffled.shuffle = true;
const aged = { ...one, bornMs: 0 };

const WARM_UP = 50_000;

/** A benchmark of code that is compiled already, as it is in a server that has run for a while. */
function measure(name: string, work: () => unknown): void {
  for (let i = 0; i < WARM_UP; i++) do_not_optimize(work());
  bench(name, () => do_not_optimize(work()));
}

group('each query', () => {
  measure('parseQuery', () => parseQuery(query, packet, peer));
  measure('encodeReply, 1 A', () => encodeReply(query, one, tools));
  measure('encodeReply, 1 A, aged', () => encodeReply(query, aged, tools));
  measure('encodeReply, 20 A', () => encodeReply(query, twenty, tools));
  measure('encodeReply, 20 A, shuffled', () => encodeReply(shuffled, twenty, tools));
});

group('each answer made', () => {
  measure('buildAnswer, 1 A', () => buildAnswer(query, { ...head, answer: addresses.slice(0, 1) }));
  measure('buildAnswer, 20 A', () => buildAnswer(query, { ...head, answer: addresses }));
  measure('answerFromMessage, 4 A', () => answerFromMessage(query, reply, 'forward'));
});

group('slow paths', () => {
  measure('parseMessage, 4 A', () => parseMessage(reply));
  measure('encodeMessage, a query', () => encodeMessage(blank));
});

await run();
