import { FLAG, typeCode } from '../../../src/dns/codes.ts';
import { parseMessage } from '../../../src/dns/message.ts';
import { exchangeTcp, exchangeUdp, questionWire } from '../../support/dns-client.ts';
import type { TruncationCase } from './case-file.ts';
import { compared, differs, type Outcome, refused } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** How many of 90 records fit into packets of several sizes. */
export async function* runTruncation(
  cases: readonly TruncationCase[],
  surroundings: Surroundings,
): AsyncGenerator<[TruncationCase, Outcome]> {
  try {
    await using served = await surroundings.serve({ corefile: '.:<port> {\nerrors\nhosts <hosts-file>\n}\n' });
    for (const one of cases) yield [one, await run(one, served.server.port)];
  } catch (error) {
    for (const one of cases) yield [one, refused(error)];
  }
}

async function run(one: TruncationCase, port: number): Promise<Outcome> {
  const { qname: name, qtype, transport, ednsUdpSize } = one;
  const edns = ednsUdpSize === null ? {} : { edns: { udpSize: ednsUdpSize } };
  const wire = questionWire({ name, type: typeCode(qtype) ?? 0, ...edns });
  const reply = await (transport === 'udp' ? exchangeUdp : exchangeTcp)(port, wire);
  if (reply === undefined) return differs('+ no reply');
  const message = parseMessage(reply);
  return compared(
    sizes(one, one.answerRecords, one.wireSize, one.tc),
    sizes(one, message.answer.length, reply.length, (message.flags & FLAG.TC) !== 0),
  );
}

/** The reference compresses no names over TCP, so only the sizes of datagrams compare. */
function sizes({ transport }: TruncationCase, records: number, bytes: number, tc: boolean): object {
  return transport === 'udp' ? { records, tc, bytes } : { records, tc };
}
