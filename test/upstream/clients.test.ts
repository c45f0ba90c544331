import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { type Message, parseMessage } from '../../src/dns/message.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import type { Client, ClientOptions, Limits } from '../../src/upstream/client.ts';
import { HttpsClient } from '../../src/upstream/https.ts';
import { type Request, requestFor } from '../../src/upstream/request.ts';
import { systemSockets } from '../../src/upstream/sockets.ts';
import { StreamClient } from '../../src/upstream/stream.ts';
import { createTlsContext, tcpDialer, tlsDialer, tlsOptions } from '../../src/upstream/tls.ts';
import { UdpClient } from '../../src/upstream/udp.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';
import {
  forAnotherName,
  replyTo,
  silent,
  type StubOptions,
  StubServer,
  testCertificate,
  withAddress,
} from './stub-server.ts';

interface Rig {
  readonly server: StubServer;
  readonly clock: ManualClock;
  readonly options: ClientOptions;
  /** For each question, whether it found a connection. */
  readonly reused: boolean[];
  /** Two seconds for a reply, five in all. */
  readonly limits: () => Limits;
}

/** A server, which is closed when the test ends, and what a client needs to reach it. */
async function rig(t: Test, stub: StubOptions = {}, changes: Partial<ClientOptions> = {}): Promise<Rig> {
  const server = await StubServer.start(stub);
  t.teardown(() => server.close());
  const clock = new ManualClock();
  const reused: boolean[] = [];
  const options: ClientOptions = {
    clock,
    random: seededRandom(1),
    sockets: systemSockets,
    address: '127.0.0.1',
    port: server.port,
    sourceAddress: '',
    expireMs: 10_000,
    maxAgeMs: 0,
    maxIdle: 0,
    onConnection: (was) => void reused.push(was),
    ...changes,
  };
  return { server, clock, options, reused, limits: () => ({ readMs: 2000, deadlineMs: clock.now() + 5000 }) };
}

function question(name: string, type: number = TYPE.A): Request {
  return requestFor(name, type, FLAG.RD);
}

/** What a reply says: rcode and the addresses. */
function said(reply: Buffer): string {
  const { rcode, answer } = parseMessage(reply);
  return [rcode, ...answer.map(({ data }) => (data.shape === 'address' ? data.address : ''))].join(' ');
}

/** What the promise rejects with, ports of ours written PORT. */
async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return String(error).replace(/:\d+->/, ':PORT->');
  }
}

const context = createTlsContext({ ca: testCertificate.cert });

const clients: Readonly<
  Record<string, { protocol: 'dns' | 'tls' | 'https'; make: (options: ClientOptions) => Client }>
> = {
  udp: { protocol: 'dns', make: (options) => new UdpClient(options) },
  tcp: { protocol: 'dns', make: (options) => new StreamClient(options, tcpDialer(options)) },
  tls: { protocol: 'tls', make: (options) => new StreamClient(options, tlsDialer(options, context, '')) },
  https: { protocol: 'https', make: (options) => overHttps(options, 'POST') },
};

function overHttps(options: ClientOptions, method: 'GET' | 'POST'): Client {
  const authority = `127.0.0.1:${options.port}`;
  return new HttpsClient(options, { authority, method, session: tlsOptions(options, context, '') });
}

function octetOf(message: Message): number {
  return Number(message.questions[0]?.name.match(/\d+/)?.[0] ?? 0);
}

for (const [via, { protocol, make }] of Object.entries(clients)) {
  t.test(`${via}: what every client does`, async (t) => {
    t.test('questions at the same time get their own replies', async (t) => {
      const script = (message: Message): Buffer[] => [withAddress(message, `192.0.2.${octetOf(message)}`)];
      const { server, clock, options, limits } = await rig(t, { protocol, script });
      const client = make(options);
      const numbers = Array.from({ length: 40 }, (_, i) => i);
      const replies = await Promise.all(numbers.map((n) => client.exchange(question(`n${n}.test.`), limits())));
      t.same(
        replies.map(said),
        numbers.map((n) => `0 192.0.2.${n}`),
      );
      t.same(new Set(server.seen), new Set(numbers.map((n) => `${via} n${n}.test. A [rd]`)));
      client.close();
      t.equal(clock.pending, 0, 'no timer is left');
    });

    t.test('silence ends when the reply is overdue, or at the deadline if that is earlier', async (t) => {
      const { server, clock, options, limits } = await rig(t, { protocol, script: silent });
      const client = make(options);
      const late = failure(client.exchange(question('a.test.'), limits()));
      const earlier = failure(client.exchange(question('b.test.'), { readMs: 2000, deadlineMs: clock.now() + 500 }));
      await server.received(2);
      await clock.advance(499);
      let over = 0;
      void earlier.then(() => over++);
      void late.then(() => over++);
      await settled();
      t.equal(over, 0);
      await clock.advance(1);
      t.match(await earlier, /^UpstreamError: .*: i\/o timeout$/);
      t.equal(over, 1);
      await clock.advance(1500);
      t.match(await late, /^UpstreamError: .*: i\/o timeout$/);
      client.close();
      t.equal(clock.pending, 0, 'no timer is left');
    });

    t.test('closing lets questions under way, and later ones, be answered', async (t) => {
      const { server, clock, options, limits } = await rig(t, { protocol });
      const client = make(options);
      const underway = client.exchange(question('a.test.'), limits());
      client.close();
      t.equal(said(await underway), '0 192.0.2.1');
      t.equal(said(await client.exchange(question('b.test.'), limits())), '0 192.0.2.1');
      t.equal(clock.pending, 0, 'no timer is left');
      t.equal(server.seen.length, 2);
    });
  });
}

t.test('udp: what comes from strangers does not end the wait', async (t) => {
  const wrongId = (message: Message): Buffer => withAddress(message, '192.0.2.66', { id: message.id ^ 1 });
  const forgeries: readonly (readonly [what: string, forge: (message: Message) => Buffer])[] = [
    ['another id', wrongId],
    ['another name', (message) => forAnotherName(message, 'evil.test.')],
    ['another type', (message) => replyTo(message, { questions: [{ name: 'a.test.', type: TYPE.TXT, class: 1 }] })],
    ['another class', (message) => replyTo(message, { questions: [{ name: 'a.test.', type: TYPE.A, class: 3 }] })],
    ['a longer name', (message) => forAnotherName(message, 'a.test.test.')],
    ['no response', (message) => replyTo(message, { flags: 0 })],
    ['no question', (message) => replyTo(message, { questions: [] })],
    ['two questions', (message) => replyTo(message, { questions: [...message.questions, ...message.questions] })],
    ['two bytes', () => Buffer.from([1, 2])],
    ['half a header', (message) => replyTo(message).subarray(0, 7)],
    ['half a question', (message) => replyTo(message).subarray(0, 16)],
    ['nothing', () => Buffer.alloc(0)],
  ];
  for (const [what, forge] of forgeries) {
    const { options, limits } = await rig(t, { script: (message) => [forge(message), withAddress(message)] });
    const client = new UdpClient(options);
    t.equal(said(await client.exchange(question('a.test.'), limits())), '0 192.0.2.1', what);
    client.close();
  }

  const { server, options, limits } = await rig(t, { script: silent });
  const client = new UdpClient(options);
  const reply = client.exchange(question('a.test.'), limits());
  await server.received(1);
  const [message] = server.messages;
  const [port = 0] = server.sources;
  if (message === undefined) throw new Error('nothing came');
  const stranger = createSocket('udp4');
  stranger.bind(0, '127.0.0.1');
  await once(stranger, 'listening');
  await new Promise((resolve) => stranger.send(withAddress(message, '192.0.2.66'), port, '127.0.0.1', resolve));
  stranger.close();
  server.reply(0, withAddress(message));
  t.equal(said(await reply), '0 192.0.2.1', 'a perfect reply from another port');
  client.close();
});

t.test('udp: ports and ids are hard to guess', async (t) => {
  const { server, options, limits } = await rig(t, {}, { random: systemRandom() });
  const client = new UdpClient(options);
  for (let i = 0; i < 128; i++) await client.exchange(question('a.test.'), limits());
  client.close();
  const uses = Map.groupBy(server.sources, (port) => port);
  t.ok(Math.max(...[...uses.values()].map((list) => list.length)) <= 16, 'a port is good for 16 questions');
  t.ok(uses.size >= 8, `${uses.size} ports for 128 questions`);
  t.ok(
    [...uses.keys()].every((port) => port >= 32_768),
    'ports that nothing else is given',
  );
  const ids = server.messages.map(({ id }) => id);
  t.ok(new Set(ids).size > 120, 'ids differ');
  const steps = ids.slice(1).map((id, i) => (id - (ids[i] ?? 0) + 65_536) % 65_536);
  t.ok(new Set(steps).size > 100, 'ids do not follow a rule');
  const bits = Array.from({ length: 16 }, (_, bit) => ids.filter((id) => (id & (1 << bit)) !== 0).length);
  t.ok(
    bits.every((count) => count > 30 && count < 98),
    `each bit is set in about half of the ids: ${bits.join(' ')}`,
  );
});

t.test('udp: a socket lives for a while only', async (t) => {
  const ports = async (t: Test, changes: Partial<ClientOptions>, pauseMs: number): Promise<number> => {
    const { server, clock, options, limits } = await rig(t, {}, { maxIdle: 1, ...changes });
    const client = new UdpClient(options);
    for (let i = 0; i < 4; i++) {
      await client.exchange(question('a.test.'), limits());
      await clock.advance(pauseMs);
    }
    client.close();
    t.equal(clock.pending, 0);
    return new Set(server.sources).size;
  };
  t.equal(await ports(t, {}, 0), 1, 'one for questions in a row');
  t.equal(await ports(t, {}, 5000), 2, 'ten seconds by default');
  t.equal(await ports(t, { maxAgeMs: 3000 }, 3000), 4, 'max_age');
  t.equal(await ports(t, { expireMs: 0 }, 0), 4, 'expire 0s: a socket for each question');
});

t.test('udp: a port where nobody listens fails at once, and a new socket is used after it', async (t) => {
  const { server, options, limits, reused } = await rig(t, {}, { maxIdle: 1 });
  await server.close();
  const client = new UdpClient(options);
  const refused = `UpstreamError: read udp 127.0.0.1:PORT->127.0.0.1:${server.port}: read: connection refused`;
  t.equal(await failure(client.exchange(question('a.test.'), limits())), refused);
  t.equal(await failure(client.exchange(question('a.test.'), limits())), refused);
  t.same(reused, [false, false]);
  client.close();
});

t.test('udp: a port that is taken is passed over', async (t) => {
  const { options, limits } = await rig(t);
  const taken = createSocket('udp4');
  taken.bind({ port: 0, exclusive: true });
  await once(taken, 'listening');
  const { port } = taken.address();
  const seeded = seededRandom(3);
  const draws = [0, port - 32_768];
  const random = { u16: () => seeded.u16(), below: (limit: number) => draws.shift() ?? seeded.below(limit) };
  const client = new UdpClient({ ...options, random });
  t.equal(said(await client.exchange(question('a.test.'), limits())), '0 192.0.2.1');
  t.same(draws, [], 'the taken port was tried');
  client.close();
  taken.close();

  const nowhere = new UdpClient({ ...options, sourceAddress: '192.0.2.99' });
  t.equal(
    await failure(nowhere.exchange(question('a.test.'), limits())),
    `UpstreamError: dial udp 127.0.0.1:${options.port}: bind: cannot assign requested address`,
  );
  nowhere.close();
});

t.test('udp: a question too large for a datagram does no harm to others', async (t) => {
  const { server, options, limits } = await rig(t, {}, { maxIdle: 1 });
  const client = new UdpClient(options);
  const other = client.exchange(question('a.test.'), limits());
  const large = { wire: Buffer.alloc(65_508), questionEnd: 17 };
  t.equal(
    await failure(client.exchange(large, limits())),
    `UpstreamError: write udp ${server.endpoint}: message too long`,
  );
  t.equal(said(await other), '0 192.0.2.1');
  client.close();
});

t.test('udp: replies of any size and kind', async (t) => {
  const answer = Array.from({ length: 900 }, (_, i) => addressRecord('big.test.', 60, `10.0.${i >> 8}.${i & 255}`));
  const big = await rig(t, { script: (message) => [replyTo(message, { answer })] });
  const client = new UdpClient(big.options);
  t.equal(
    parseMessage(await client.exchange(question('big.test.'), big.limits())).answer.length,
    900,
    '14 KiB unasked',
  );
  client.close();

  const bare = await rig(t, { script: (message) => [replyTo(message, { questions: [], rcode: RCODE.FORMERR })] });
  const other = new UdpClient(bare.options);
  t.equal(said(await other.exchange(question('a.test.'), bare.limits())), '1', 'an error that repeats no question');
  other.close();

  const upper = await rig(t, {
    script: (message) => [forAnotherName(message, (message.questions[0]?.name ?? '').toUpperCase())],
  });
  const third = new UdpClient(upper.options);
  t.equal(said(await third.exchange(question('a.test.'), upper.limits())), '0', 'letter case does not matter');
  third.close();
});

t.test('tcp: connections stay open, for as long as they are told', async (t) => {
  /** How many connections four questions take, with pauses between them. */
  const connections = async (t: Test, changes: Partial<ClientOptions>, pauseMs: number): Promise<number> => {
    const { server, clock, options, limits } = await rig(t, {}, changes);
    const client = new StreamClient(options, tcpDialer(options));
    for (let i = 0; i < 4; i++) {
      t.equal(said(await client.exchange(question('a.test.'), limits())), '0 192.0.2.1');
      await clock.advance(pauseMs);
    }
    client.close();
    t.equal(clock.pending, 0);
    return server.connections;
  };
  t.equal(await connections(t, {}, 9999), 1);
  t.equal(await connections(t, {}, 10_000), 4, 'expire');
  t.equal(await connections(t, { expireMs: 0 }, 0), 4, 'expire 0s');
  t.equal(await connections(t, { maxAgeMs: 12_000 }, 6000), 2, 'max_age');
});

t.test('tcp: of many connections only so many stay', async (t) => {
  const { server, options, limits, reused } = await rig(t, {}, { maxIdle: 2 });
  const client = new StreamClient(options, tcpDialer(options));
  const three = (): Promise<unknown> =>
    Promise.all(['a.', 'b.', 'c.'].map((name) => client.exchange(question(name), limits())));
  await three();
  t.equal(server.connections, 3, 'a question does not wait behind another');
  await three();
  t.equal(server.connections, 4, 'max_idle_conns');
  t.same(reused, [false, false, false, true, true, false]);
  client.close();
});

t.test('tcp: many questions share connections, and replies may come in any order', async (t) => {
  const { server, options, limits } = await rig(t, { script: silent });
  const client = new StreamClient(options, { ...tcpDialer(options), mostConnections: 1 });
  const replies = ['a.test.', 'b.test.', 'c.test.'].map((name) => client.exchange(question(name), limits()));
  await server.received(3);
  t.equal(server.connections, 1);
  t.equal(new Set(server.messages.map(({ id }) => id)).size, 3);
  for (const i of [2, 0, 1]) {
    const message = server.messages[i];
    if (message !== undefined) server.reply(i, withAddress(message, `192.0.2.${i}`));
  }
  t.same((await Promise.all(replies)).map(said), ['0 192.0.2.0', '0 192.0.2.1', '0 192.0.2.2']);
  client.close();
});

t.test('tcp: a connection that the server closed meanwhile is replaced without a word', async (t) => {
  let hangsUp = false;
  const { server, options, limits, reused } = await rig(t, {
    script: (message) => (hangsUp ? 'hang up' : [withAddress(message)]),
  });
  const client = new StreamClient(options, tcpDialer(options));
  await client.exchange(question('a.test.'), limits());
  const closed = [...server.open].map((socket) => once(socket, 'close'));
  server.hangUp();
  await Promise.all(closed);
  t.equal(said(await client.exchange(question('b.test.'), limits())), '0 192.0.2.1', 'closed while idle');

  hangsUp = true;
  const asked = server.received(server.seen.length + 1).then(() => (hangsUp = false));
  const reply = client.exchange(question('c.test.'), limits());
  await asked;
  t.equal(said(await reply), '0 192.0.2.1', 'closed instead of a reply');
  t.same(server.seen.slice(-2), ['tcp c.test. A [rd]', 'tcp c.test. A [rd]']);
  t.equal(reused.at(-2), true);

  hangsUp = true;
  const all = failure(client.exchange(question('d.test.'), limits()));
  t.match(
    await all,
    /^StaleConnectionError: read tcp 127.0.0.1:PORT->127.0.0.1:\d+: EOF$/,
    'a fresh one is not tried twice',
  );
  client.close();
});

t.test('tcp: what fails', async (t) => {
  const mismatch = await rig(t, { script: (message) => [forAnotherName(message, 'evil.test.')] });
  const client = new StreamClient(mismatch.options, tcpDialer(mismatch.options));
  t.equal(
    await failure(client.exchange(question('a.test.'), mismatch.limits())),
    'MismatchError: the reply belongs to another question',
  );
  client.close();

  const { server, clock, options, limits } = await rig(t);
  const port = server.port;
  let dials = 0;
  const hang = (): Socket => {
    dials++;
    return new Socket();
  };
  const hanging = { ...options, sockets: { ...systemSockets, tcp: hang } };
  const blackhole = new StreamClient(hanging, { ...tcpDialer(hanging), mostConnections: 1 });
  const first = failure(blackhole.exchange(question('a.test.'), limits()));
  const hasty = failure(blackhole.exchange(question('b.test.'), { readMs: 2000, deadlineMs: clock.now() + 1000 }));
  await clock.advance(1000);
  t.equal(await hasty, `UpstreamError: dial tcp 127.0.0.1:${port}: i/o timeout`, 'its own deadline');
  await clock.advance(1000);
  t.equal(await first, `UpstreamError: dial tcp 127.0.0.1:${port}: i/o timeout`);
  t.equal(dials, 1);
  const second = failure(blackhole.exchange(question('a.test.'), limits()));
  t.equal(dials, 2, 'the next question does not get the dead connection');
  await clock.advance(2000);
  await second;
  t.equal(clock.pending, 0);

  await server.close();
  const refused = new StreamClient(options, tcpDialer(options));
  t.equal(
    await failure(refused.exchange(question('a.test.'), limits())),
    `UpstreamError: dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
});

t.test('tls: the certificate must fit', async (t) => {
  const { server, options, limits, reused } = await rig(t, { protocol: 'tls' });
  const cases: readonly (readonly [servername: string, outcome: RegExp])[] = [
    ['', /^0 192.0.2.1$/],
    ['dns.test', /^0 192.0.2.1$/],
    ['other.test', /^UpstreamError: dial tcp 127.0.0.1:\d+: .*other\.test/],
  ];
  for (const [servername, outcome] of cases) {
    const client = new StreamClient(options, tlsDialer(options, context, servername));
    const reply = client.exchange(question('a.test.'), limits());
    t.match(await reply.then(said, (error: unknown) => String(error)), outcome, `servername '${servername}'`);
    client.close();
  }
  const stranger = new StreamClient(options, tlsDialer(options, createTlsContext({}), ''));
  t.match(await failure(stranger.exchange(question('a.test.'), limits())), /dial tcp .*: self-signed certificate/);

  reused.length = 0;
  const client = new StreamClient(options, tlsDialer(options, context, 'dns.test'));
  for (let i = 0; i < 3; i++) await client.exchange(question('a.test.'), limits());
  t.same(reused, [false, true, true], 'the connection stays');
  const closed = [...server.open].map((socket) => once(socket, 'close'));
  server.hangUp();
  await Promise.all(closed);
  t.equal(said(await client.exchange(question('a.test.'), limits())), '0 192.0.2.1', 'a session is taken up again');
  client.close();
});

t.test('tls: a server that asks for a certificate gets ours', async (t) => {
  const { options, limits } = await rig(t, { protocol: 'tls', wantsCertificate: true });
  const known = createTlsContext({ ca: testCertificate.cert, ...testCertificate });
  const client = new StreamClient(options, tlsDialer(options, known, ''));
  t.equal(said(await client.exchange(question('a.test.'), limits())), '0 192.0.2.1');
  client.close();
  const anonymous = new StreamClient(options, tlsDialer(options, context, ''));
  t.match(await failure(anonymous.exchange(question('a.test.'), limits())), /Error: /);
  anonymous.close();
  t.throws(() => createTlsContext({ ca: testCertificate.cert, cert: 'no certificate', key: testCertificate.key }));
});

t.test('https: by GET as by POST, with id 0, over one connection that is renewed', async (t) => {
  const { server, clock, options, limits, reused } = await rig(t, { protocol: 'https' });
  for (const method of ['GET', 'POST'] as const) {
    const client = overHttps(options, method);
    t.equal(said(await client.exchange(question('a.test.'), limits())), '0 192.0.2.1', method);
    t.equal(server.messages.at(-1)?.id, 0);
    client.close();
  }
  reused.length = 0;
  const client = overHttps({ ...options, maxAgeMs: 30_000 }, 'POST');
  const before = server.connections;
  const ask = async (): Promise<string> => said(await client.exchange(question('b.test.'), limits()));
  t.same([await ask(), await ask()], ['0 192.0.2.1', '0 192.0.2.1']);
  t.equal(server.connections - before, 1);
  await clock.advance(10_000);
  t.equal(await ask(), '0 192.0.2.1', 'after expire');
  t.equal(server.connections - before, 2);
  server.hangUp();
  t.equal(await ask(), '0 192.0.2.1', 'after the server hung up');
  t.equal(server.connections - before, 3);
  client.close();
  t.equal(clock.pending, 0);
});

t.test('https: what fails', async (t) => {
  const mismatch = await rig(t, { protocol: 'https', script: (message) => [forAnotherName(message, 'evil.test.')] });
  const client = overHttps(mismatch.options, 'POST');
  t.match(await failure(client.exchange(question('a.test.'), mismatch.limits())), /^MismatchError/);
  client.close();

  let resets = false;
  const resetting = await rig(t, {
    protocol: 'https',
    script: (message) => (resets ? 'reset' : [withAddress(message)]),
  });
  const again = overHttps(resetting.options, 'POST');
  await again.exchange(question('a.test.'), resetting.limits());
  resets = true;
  t.match(
    await failure(again.exchange(question('b.test.'), resetting.limits())),
    /^StaleConnectionError: .*INTERNAL_ERROR/,
  );
  t.equal(resetting.server.seen.length, 3, 'one more try, over a new connection');
  t.equal(resetting.server.connections, 2);
  again.close();

  const bad = await rig(t, { protocol: 'https', status: 503 });
  const other = overHttps(bad.options, 'POST');
  t.equal(
    await failure(other.exchange(question('a.test.'), bad.limits())),
    `UpstreamError: https://127.0.0.1:${bad.server.port}/dns-query: HTTP status 503`,
  );
  other.close();

  await bad.server.close();
  const refused = overHttps(bad.options, 'POST');
  t.match(
    await failure(refused.exchange(question('a.test.'), bad.limits())),
    /https:\/\/127\.0\.0\.1:\d+\/dns-query: connect: connection refused$/,
  );
});
