import { exchangeTcp, exchangeUdp, questionWire } from '../../support/dns-client.ts';
import type { WireCase } from './case-file.ts';
import { alike, differs, notApplicable, type Outcome, refused } from './outcome.ts';
import { difference, readingOf } from './reading.ts';
import { withoutEchoedOptions } from './release.ts';
import type { Served, Surroundings } from './surroundings.ts';

const HEADER_BYTES = 12;
const PROBE_ID = 1;

/** Packets, valid and broken, and the packets that come back. */
export async function* runPackets(
  cases: readonly WireCase[],
  surroundings: Surroundings,
): AsyncGenerator<[WireCase, Outcome]> {
  for (const [, group] of Map.groupBy(cases, ({ corefile }) => corefile)) {
    const [first] = group;
    if (first === undefined) continue;
    let served: Served;
    try {
      served = await surroundings.serve({ corefile: corefileOf(first), fixture: first.fixture });
    } catch (error) {
      for (const one of group) yield [one, refused(error)];
      continue;
    }
    await using opened = served;
    for (const one of group) yield [one, await run(one, opened.server.port)];
  }
}

function corefileOf({ corefile }: WireCase): string {
  const forward = corefile.includes('forward') ? 'forward . <stub-upstream>\n' : '';
  const kubernetes = 'kubernetes cluster.local in-addr.arpa ip6.arpa {\nendpoint <api-url>\npods insecure\nttl 30\n}\n';
  return `.:<port> {\nerrors\n${forward}${kubernetes}}\n`;
}

/** The upstream of the recording answered these as if they were of class IN, which is what came back then. */
const MISREAD_UPSTREAM: ReadonlySet<string> = new Set(['wire-fwd-033', 'wire-fwd-034', 'wire-fwd-055', 'wire-fwd-056']);

async function run(one: WireCase, port: number): Promise<Outcome> {
  const { id, label, transport, requestHex, responseHex } = one;
  if (requestHex.endsWith('...')) return notApplicable('only the first bytes of the packet were kept');
  if (MISREAD_UPSTREAM.has(id)) return notApplicable('the upstream of the recording misread the class');
  const request = Buffer.from(requestHex, 'hex');
  if (responseHex === null) return expectSilence(label, transport, port, request);
  const reply = await (transport === 'udp' ? exchangeUdp : exchangeTcp)(port, request);
  if (reply === undefined) return differs(`  ${label}\n- ${responseHex}\n+ no reply`);
  const found = compare(Buffer.from(responseHex, 'hex'), reply, request);
  return found === undefined ? alike : differs(`  ${label}: ${requestHex}\n${found}`);
}

async function expectSilence(label: string, transport: 'udp' | 'tcp', port: number, wire: Buffer): Promise<Outcome> {
  const probe = questionWire({ name: 'kubernetes.default.svc.cluster.local.', id: PROBE_ID });
  const reply = await (transport === 'tcp' ? exchangeTcp(port, wire) : exchangeUdp(port, wire, probe));
  const isSilent = transport === 'tcp' ? reply === undefined : reply?.readUInt16BE() === PROBE_ID;
  return isSilent
    ? alike
    : differs(`  ${label}\n- no reply\n+ ${reply?.toString('hex') ?? 'nor to a good query after it'}`);
}

/** A bare header is compared by its bytes, everything else by what it says: names may be compressed otherwise. */
function compare(expected: Buffer, actual: Buffer, request: Buffer): string | undefined {
  if (expected.length <= HEADER_BYTES || actual.length <= HEADER_BYTES) {
    return expected.equals(actual) ? undefined : `- ${expected.toString('hex')}\n+ ${actual.toString('hex')}`;
  }
  const [wanted, got] = [expected.readUInt16BE(), actual.readUInt16BE()];
  if (wanted !== got) return `- id ${wanted}\n+ id ${got}`;
  return difference(withoutEchoedOptions(readingOf(expected), optionsIn(request)), readingOf(actual));
}

/** The EDNS options of a query that ends with its OPT record, in hex. */
function optionsIn(request: Buffer): string {
  const opt = /000029.{12}(.{4})(.*)$/.exec(request.toString('hex'));
  return opt !== null && Number.parseInt(opt[1] ?? '', 16) * 2 === opt[2]?.length ? opt[2] : '';
}
