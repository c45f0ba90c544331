import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseQuery } from '../../src/core/accept.ts';
import type { Handler } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { systemFiles } from '../../src/corefile/system-files.ts';
import { CLASS, FLAG, RCODE, rcodeName, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, type Message } from '../../src/dns/message.ts';
import { addressRecord, nameRecord, soaRecord } from '../../src/dns/record.ts';
import { type ForwardWorld, forwardIn, forwardPlugin } from '../../src/plugins/forward/index.ts';
import { systemSockets } from '../../src/upstream/sockets.ts';
import { upstreams } from '../../src/upstream/upstreams.ts';
import { ask, type Asking, queryFor, testPeer } from '../support/ask.ts';
import { type Built, build, mistakesOf, noNext, testHost, type TestHost } from '../support/env.ts';
import { settled } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';
import {
  answering,
  forAnotherName,
  replyTo,
  type Script,
  silent,
  type StubOptions,
  StubServer,
  withAddress,
} from '../upstream/stub-server.ts';

const data = join(import.meta.dirname, '../upstream/data');

const world: ForwardWorld = {
  sockets: systemSockets,
  files: systemFiles,
  lookup: async () => Promise.reject(new Error('no names in this test')),
};

interface Running extends Built {
  readonly host: TestHost;
}

/** Starts `forward` as the lines of a server block say; it is stopped when the test ends. */
async function forwarding(
  t: Test,
  lines: string,
  { next = noNext, ...changes }: Partial<ForwardWorld> & { readonly next?: Handler } = {},
): Promise<Running> {
  const host = testHost();
  const built = build(forwardIn({ ...world, ...changes }), `.:53 {\n${lines}\n}`, { host, next });
  t.teardown(() => built.instance.stop?.());
  await built.instance.start?.(false);
  return { ...built, host };
}

async function stub(t: Test, options: StubOptions | Script = {}): Promise<StubServer> {
  const server = await StubServer.start(typeof options === 'function' ? { script: options } : options);
  t.teardown(() => server.close());
  return server;
}

/** The answer's text, or the error as `RCODE message` with ports of ours written PORT. */
async function outcome(handler: Handler, question: string, asking: Asking = {}): Promise<string> {
  try {
    return await ask(handler, question, asking);
  } catch (error) {
    if (!(error instanceof Error) || !('rcode' in error)) throw error;
    return `${rcodeName(Number(error.rcode))} ${error.message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST:PORT')}`;
  }
}

const tcp: Asking = { peer: { transport: 'tcp' } };

const soa = soaRecord('example.org.', 200, {
  mname: 'ns.example.org.',
  rname: 'host.example.org.',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 60,
});

/** The upstream that the reference was recorded with: the first label says what it does. */
const recorded: Script = (message, via) => {
  const name = message.questions[0]?.name ?? '.';
  const [label = ''] = name.split('.');
  const alias = nameRecord(name, TYPE.CNAME, 100, 'target.example.org.');
  const target = addressRecord('target.example.org.', 100, '1.2.3.4');
  const flags = FLAG.QR | FLAG.RA | (message.flags & (FLAG.RD | FLAG.CD));
  const many = Array.from({ length: 60 }, (_, i) => addressRecord(name, 100, `10.9.0.${i}`));
  const replies: Readonly<Record<string, () => readonly Buffer[]>> = {
    nx: () => [replyTo(message, { rcode: RCODE.NXDOMAIN, authority: [soa] })],
    nxnosoa: () => [replyTo(message, { rcode: RCODE.NXDOMAIN })],
    servfail: () => [replyTo(message, { rcode: RCODE.SERVFAIL })],
    refused: () => [replyTo(message, { rcode: RCODE.REFUSED })],
    notimp: () => [replyTo(message, { rcode: RCODE.NOTIMP })],
    formerr: () => [replyTo(message, { rcode: RCODE.FORMERR })],
    slow: () => [],
    garbage: () => [Buffer.from([1, 2])],
    tc: () => [via === 'udp' ? replyTo(message, { flags: flags | FLAG.TC }) : withAddress(message)],
    nodatanosoa: () => [replyTo(message)],
    nodata: () => [replyTo(message, { authority: [soa] })],
    delegate: () => [replyTo(message, { authority: [nameRecord('example.org.', TYPE.NS, 100, 'ns.example.org.')] })],
    big: () => [replyTo(message, { answer: many })],
    cname: () => [replyTo(message, { answer: [alias, target] })],
    aa: () => [withAddress(message, '1.2.3.4', { flags: flags | FLAG.AA })],
    ad: () => [withAddress(message, '1.2.3.4', { flags: flags | FLAG.AD })],
    qmismatch: () => [forAnotherName(message, 'other.example.org.')],
    casechange: () => [forAnotherName(message, name.toUpperCase())],
    idmismatch: () => [withAddress(message, '6.6.6.6', { id: message.id ^ 1 }), withAddress(message)],
  };
  return (replies[label] ?? (() => [withAddress(message)]))();
};

t.test('what an upstream says comes back as it is', async (t) => {
  const server = await stub(t, recorded);
  const { handler, host } = await forwarding(t, `forward . ${server.endpoint}`);
  const cases: readonly (readonly [question: string, answer: string])[] = [
    ['www.example.org.', 'NOERROR ra\nanswer www.example.org. 100 IN A 192.0.2.1'],
    ['nx.example.org.', `NXDOMAIN ra\nauthority example.org. 200 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`],
    ['nxnosoa.example.org.', 'NXDOMAIN ra'],
    ['servfail.example.org.', 'SERVFAIL ra'],
    ['refused.example.org.', 'REFUSED ra'],
    ['notimp.example.org.', 'NOTIMP ra'],
    ['formerr.example.org.', 'FORMERR ra'],
    ['nodatanosoa.example.org.', 'NOERROR ra'],
    ['nodata.example.org.', `NOERROR ra\nauthority example.org. 200 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`],
    ['delegate.example.org.', 'NOERROR ra\nauthority example.org. 100 IN NS ns.example.org.'],
    [
      'cname.example.org.',
      'NOERROR ra\nanswer cname.example.org. 100 IN CNAME target.example.org.\nanswer target.example.org. 100 IN A 1.2.3.4',
    ],
    ['aa.example.org.', 'NOERROR aa ra\nanswer aa.example.org. 100 IN A 1.2.3.4'],
    ['ad.example.org.', 'NOERROR ra ad\nanswer ad.example.org. 100 IN A 1.2.3.4'],
    ['tc.example.org.', 'NOERROR tc ra'],
    ['casechange.example.org.', 'NOERROR ra'],
    ['idmismatch.example.org.', 'NOERROR ra\nanswer idmismatch.example.org. 100 IN A 192.0.2.1'],
  ];
  for (const [question, answer] of cases) t.equal(await outcome(handler, question), answer, question);
  t.equal((await outcome(handler, 'big.example.org.')).split('\n').length, 61, 'all of what is too large for the client');
  t.equal(await outcome(handler, 'tc.example.org.', tcp), 'NOERROR ra\nanswer tc.example.org. 100 IN A 192.0.2.1');
  t.equal(server.seen.at(-1), 'tcp tc.example.org. A [rd]', 'a client of TCP is asked for over TCP');
  t.equal(await outcome(handler, 'qmismatch.example.org.', tcp), 'FORMERR ', 'another question over TCP');
  t.equal(host.clock.pending, 5, 'only connections that may be used again keep timers');
});
