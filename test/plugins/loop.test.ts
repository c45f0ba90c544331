import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { parseQuery } from '../../src/core/accept.ts';
import { emptyAnswer } from '../../src/core/answer.ts';
import type { Handler } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { servedZones } from '../../src/core/query-metrics.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { RCODE, typeName } from '../../src/dns/codes.ts';
import { encodeMessage, type Message } from '../../src/dns/message.ts';
import { loopPlugin } from '../../src/plugins/loop/index.ts';
import { upstreams } from '../../src/upstream/upstreams.ts';
import { ask, testPeer } from '../support/ask.ts';
import { build, mistakesOf, testHost, type TestHost } from '../support/env.ts';
import { seededRandom } from '../support/random.ts';
import { aWhile, eventually, forwarding, outcome, stub } from '../upstream/forwarding.ts';
import { replyTo, type Script, type StubServer, withAddress } from '../upstream/stub-server.ts';

/** Where a server of ours listens: what comes in goes through its handler. */
interface Listener {
  readonly server: StubServer;
  handler: Handler;
  /** What was asked here, the probes' numbers written RANDOM. */
  readonly seen: string[];
  /** A question from `port`; `reply` gets the packet that goes back. */
  receive(message: Message, port: number, reply: (packet: Buffer) => void): void;
}

async function listening(t: Test): Promise<Listener> {
  const server: StubServer = await stub(t, (message) => {
    const index = server.seen.length - 1;
    listener.receive(message, server.sources[index] ?? 0, (packet) => server.reply(index, packet));
    return [];
  });
  const listener: Listener = {
    server,
    handler: () => emptyAnswer(RCODE.REFUSED, ''),
    seen: [],
    receive(message, port, reply) {
      const query = new Query();
      parseQuery(query, encodeMessage(message), { ...testPeer, port });
      listener.seen.push(`${withoutNumbers(query.text)} ${typeName(query.type)}`);
      const tools = { random: seededRandom(1), now: () => 0 };
      void Promise.resolve()
        .then(() => listener.handler(query))
        .catch(() => emptyAnswer(RCODE.SERVFAIL, ''))
        .then((answer) => reply(encodeReply(query, answer, tools)));
    },
  };
  return listener;
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/\d{4,}\.\d{4,}/g, 'RANDOM');
}

/** A name server that passes its questions on to one of ours, and never answers. */
function relay(to: Listener): Script {
  return (message) => {
    to.receive(message, 40_000, () => {});
    return [];
  };
}

/** A server of ours: `loop` before `forward`, reachable where `self` listens. */
interface Rig {
  readonly host: TestHost;
  readonly handler: Handler;
  /** Starts `loop`. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** `lines`: the `forward`s of the block. */
async function looping(t: Test, self: Listener, lines: string, zone = '.'): Promise<Rig> {
  const forward = await forwarding(t, lines);
  const { host } = forward;
  const { instance, env, handler } = build(loopPlugin, `${zone} {\nloop\n}`, { host, next: forward.handler });
  servedZones.provide(env.scope, { server: `dns://127.0.0.1:${self.server.port}`, zone });
  for (const routes of upstreams.find(forward.env.scope)) upstreams.provide(env.scope, routes);
  self.handler = handler;
  const stop = async (): Promise<void> => instance.stop?.();
  t.teardown(stop);
  return { host, handler, start: async () => instance.start?.(false), stop };
}

t.test('a server that leads back here is found, said and not used', async (t) => {
  const self = await listening(t);
  const { host, handler, start } = await looping(t, self, `forward . ${self.server.endpoint}`);
  await start();
  await eventually(() => host.output.length === 1);
  t.same(self.seen, ['RANDOM. HINFO', 'RANDOM. HINFO'], 'asks itself, then the server');
  t.match(
    host.output[0],
    new RegExp(
      `^\\[ERROR\\] plugin/loop: Loop \\(127\\.0\\.0\\.1:${self.server.sources[1]} -> :53\\) detected for zone "\\.", ` +
        `see https://coredns\\.io/plugins/loop#troubleshooting\\. Query: "HINFO \\d+\\.\\d+\\."\\. ` +
        `Upstream ${self.server.endpoint} \\(Corefile:2\\) leads back to this server: it is not used`,
    ),
  );
  t.equal(
    await outcome(handler, 'www.example.org.'),
    'SERVFAIL upstream HOST:PORT (Corefile:2) leads back to this server',
  );
  t.equal(self.seen.length, 2, 'nothing more goes round');
  await host.clock.advance(10_000);
  await self.server.received(3);
  await aWhile();
  t.equal(host.output.length, 1, 'said once');
});

t.test('other servers are used on, other questions pass', async (t) => {
  const self = await listening(t);
  const good = await stub(t);
  const lines = `forward . ${self.server.endpoint} ${good.endpoint} {\npolicy sequential\n}`;
  const { host, handler, start } = await looping(t, self, lines);
  await start();
  await good.received(1);
  await eventually(() => host.output.length === 1);
  t.match(await outcome(handler, 'www.example.org.'), /192\.0\.2\.1$/);
  t.match(await outcome(handler, '123.456. HINFO'), /^NOERROR ra/, 'HINFO is nothing special');
  t.equal(self.seen.length, 2);
  await host.clock.advance(60_000);
  t.same(
    good.seen.map(withoutNumbers),
    ['udp RANDOM. HINFO [rd]', 'udp www.example.org. A [rd]', 'udp 123.456. HINFO [rd]'],
    'one that is good is asked once',
  );
});

t.test('a loop that is mended heals', async (t) => {
  const self = await listening(t);
  let resolver: 'loops' | 'silent' | 'good' = 'loops';
  const upstream = await stub(t, (message, via) => {
    if (resolver === 'good') return [withAddress(message)];
    return resolver === 'loops' ? relay(self)(message, via) : [];
  });
  const { host, handler, start } = await looping(t, self, `forward . ${upstream.endpoint} {\nmax_fails 0\n}`);
  await start();
  await upstream.received(1);
  await host.clock.advance(2000);
  t.match(host.output[0], /^\[ERROR\] plugin\/loop: Loop /);

  resolver = 'silent';
  await host.clock.advance(10_000);
  await upstream.received(2);
  await host.clock.advance(2000);
  t.match(await outcome(handler, 'a.test.'), /^SERVFAIL upstream .* leads back/, 'silence mends nothing');

  resolver = 'good';
  await host.clock.advance(10_000);
  await eventually(() => host.output.length === 2);
  t.equal(
    host.output[1],
    `[INFO] plugin/loop: upstream ${upstream.endpoint} (Corefile:2) no longer leads back here and is used again`,
  );
  t.match(await outcome(handler, 'a.test.'), /192\.0\.2\.1$/);
  await host.clock.advance(60_000);
  t.same(upstream.seen.slice(3), ['udp a.test. A [rd]'], 'there is nothing left to look for');
});

t.test('a server that comes up later is found then', async (t) => {
  const self = await listening(t);
  let up = false;
  const upstream = await stub(t, (message, via) => (up ? relay(self)(message, via) : []));
  const { host, start } = await looping(t, self, `forward . ${upstream.endpoint} {\nmax_fails 0\n}`);
  await start();
  await upstream.received(1);
  await host.clock.advance(2000);
  t.same(host.output, []);
  up = true;
  await host.clock.advance(10_000);
  await upstream.received(2);
  await host.clock.advance(2000);
  t.match(host.output[0], / detected for zone "\."/);
});

t.test('a server is asked in the zone that is forwarded to it', async (t) => {
  const self = await listening(t);
  /** The resolver of a company: knows its own zone and asks us for everything else. */
  const company = await stub(t, (message, via) => {
    const isOwn = message.questions[0]?.name.endsWith('.corp.test.') === true;
    return isOwn ? [replyTo(message, { rcode: RCODE.NXDOMAIN })] : relay(self)(message, via);
  });
  const { host, start } = await looping(t, self, `forward corp.test ${company.endpoint}`);
  await start();
  await company.received(1);
  await aWhile();
  t.same(company.seen.map(withoutNumbers), ['udp RANDOM.corp.test. HINFO [rd]']);
  t.same(host.output, []);

  const narrow = await listening(t);
  const below = await looping(t, narrow, `forward . ${narrow.server.endpoint}`, 'corp.test');
  await below.start();
  await eventually(() => below.host.output.length === 1);
  t.match(below.host.output[0], /detected for zone "corp\.test\.".*HINFO \d+\.\d+\.corp\.test\."/);
});

t.test('it waits until its own socket is open, but not for ever', async (t) => {
  const self = await listening(t);
  const { port } = self.server;
  await self.server.close();
  const good = await stub(t);
  const { host, start } = await looping(t, self, `forward . ${good.endpoint}`);
  await start();
  /** Refused, it waits for its next try. */
  const refused = (): Promise<void> => eventually(() => host.clock.pending <= 1);
  await refused();
  await host.clock.advance(1000);
  await refused();
  const late = createSocket('udp4');
  late.bind(port, '127.0.0.1');
  await once(late, 'listening');
  const asked = once(late, 'message');
  await host.clock.advance(1000);
  await asked;
  t.pass('it asks again each second');
  const closed = once(late, 'close');
  late.close();
  await closed;
  await host.clock.advance(2000);
  while (host.output.length === 0) {
    await refused();
    await host.clock.advance(1000);
  }
  t.match(host.output[0], `[WARNING] plugin/loop: no question came through from 127.0.0.1:${port} within 30s`);
  t.same(good.seen, [], 'no server is judged');
  t.equal(host.clock.pending, 0);
});

t.test('stopping ends everything', async (t) => {
  const self = await listening(t);
  const { host, start, stop } = await looping(t, self, `forward . ${self.server.endpoint}`);
  await start();
  await eventually(() => host.output.length === 1);
  await stop();
  await host.clock.advance(60_000);
  t.equal(self.seen.length, 2);
  t.equal(host.clock.pending, 0);
});

t.test('the names can not be guessed', async (t) => {
  const names = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const host = testHost({ random: seededRandom(seed) });
    const { instance, env } = build(loopPlugin, '. {\nloop\n}', { host });
    const server = await stub(t, (message) => [replyTo(message)]);
    servedZones.provide(env.scope, { server: `dns://:${server.port}`, zone: '.' });
    await instance.start?.(false);
    await server.received(1);
    await instance.stop?.();
    names.add(server.messages[0]?.questions[0]?.name ?? '');
  }
  t.equal(names.size, 20);
  const labels = [...names].flatMap((name) => name.split('.').slice(0, -1));
  t.equal(labels.length, 40, 'two labels in the root zone');
  t.ok(labels.every((label) => /^\d+$/.test(label) && BigInt(label) < 2n ** 62n));
  t.ok(labels.filter((label) => BigInt(label) > 2n ** 60n).length > 20, 'most of them are large');
});

t.test('what it refuses in a Corefile', async (t) => {
  const args = `plugin/loop: Error during parsing: Wrong argument count or unexpected line ending after 'x'`;
  t.same(mistakesOf(loopPlugin, '. {\nloop x\n}'), [`Corefile:2 - ${args}`]);
  t.match(mistakesOf(loopPlugin, '. {\nloop\nloop\n}'), [
    'Corefile:3 - plugin/loop: this plugin can only be used once per Server Block',
  ]);
  const { handler } = build(loopPlugin, '. {\nloop\n}', { next: () => emptyAnswer(RCODE.NXDOMAIN, '') });
  t.equal(await ask(handler, '1.2. HINFO'), 'NXDOMAIN');
});
