import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { parseQuery } from '../../src/core/accept.ts';
import { emptyAnswer } from '../../src/core/answer.ts';
import type { Handler } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { servedZones } from '../../src/core/query-metrics.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { RCODE } from '../../src/dns/codes.ts';
import { encodeMessage } from '../../src/dns/message.ts';
import { loopPlugin } from '../../src/plugins/loop/index.ts';
import { upstreams } from '../../src/upstream/upstreams.ts';
import { ask, testPeer } from '../support/ask.ts';
import { build, mistakesOf, testHost, type TestHost } from '../support/env.ts';
import { seededRandom } from '../support/random.ts';
import { forwarding, outcome, settledNetwork, stub } from '../upstream/forwarding.ts';
import { replyTo, type Script, StubServer, withAddress } from '../upstream/stub-server.ts';

/** A server of ours: `loop` before `forward`, reachable where `self` listens. */
interface Rig {
  readonly host: TestHost;
  readonly handler: Handler;
  /** Starts `loop` and lets it look for loops for the first time. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Sends what comes to a stub server through `handler`, as the listener of a server does. */
class Listener {
  handler: Handler = () => emptyAnswer(RCODE.REFUSED, '');
  server: StubServer | undefined;
  /** What was asked here, without the probes' numbers. */
  readonly seen: string[] = [];

  readonly script: Script = (message) => {
    const index = (this.server?.seen.length ?? 0) - 1;
    const query = new Query();
    parseQuery(query, encodeMessage(message), { ...testPeer, port: this.server?.sources[index] ?? 0 });
    this.seen.push((this.server?.seen[index] ?? '').replace(/\d{4,}\.\d{4,}/, 'RANDOM'));
    const failed = emptyAnswer(RCODE.SERVFAIL, '');
    void Promise.resolve()
      .then(() => this.handler(query))
      .catch(() => failed)
      .then((answer) => {
        const packet = encodeReply(query, answer, { random: seededRandom(1), now: () => 0 });
        this.server?.reply(index, packet);
      });
    return [];
  };
}

async function listener(t: Test): Promise<Listener & { server: StubServer }> {
  const listener = new Listener();
  const server = await stub(t, listener.script);
  return Object.assign(listener, { server });
}

/** `lines`: the `forward`s of the block. */
async function looping(t: Test, self: Listener & { server: StubServer }, lines: string, zone = '.'): Promise<Rig> {
  const forward = await forwarding(t, lines);
  const { host } = forward;
  const { instance, env, handler } = build(loopPlugin, `${zone} {\nloop\n}`, { host, next: forward.handler });
  servedZones.provide(env.scope, { server: `dns://127.0.0.1:${self.server.port}`, zone });
  for (const routes of upstreams.find(forward.env.scope)) upstreams.provide(env.scope, routes);
  self.handler = handler;
  const stop = async (): Promise<void> => instance.stop?.();
  t.teardown(stop);
  return {
    host,
    handler,
    stop,
    async start() {
      await instance.start?.(false);
      await settledNetwork();
      await settledNetwork();
    },
  };
}

t.test('a server that leads back here is found, said and not used', async (t) => {
  const self = await listener(t);
  const { host, handler, start } = await looping(t, self, `forward . ${self.server.endpoint}`);
  await start();
  t.same(self.seen, ['udp RANDOM. HINFO [rd]', 'udp RANDOM. HINFO [rd]'], 'asks itself, then the server');
  const [line = ''] = host.output;
  const source = self.server.sources[1];
  t.match(
    line,
    new RegExp(
      `^\\[ERROR\\] plugin/loop: Loop \\(127\\.0\\.0\\.1:${source} -> :53\\) detected for zone "\\.", ` +
        `see https://coredns\\.io/plugins/loop#troubleshooting\\. Query: "HINFO \\d+\\.\\d+\\."\\. ` +
        `Upstream ${self.server.endpoint} \\(Corefile:2\\) leads back to this server: it is not used`,
    ),
  );
  t.equal(
    await outcome(handler, 'www.example.org.'),
    'SERVFAIL upstream HOST:PORT (Corefile:2) leads back to this server',
  );
  t.equal(self.seen.length, 2, 'nothing more goes round');
  await host.clock.advance(9000);
  await settledNetwork();
  await host.clock.advance(1000);
  await self.server.received(3);
  await settledNetwork();
  t.equal(host.output.length, 1, 'said once');
});

t.test('other servers are used on, other questions pass', async (t) => {
  const self = await listener(t);
  const good = await stub(t);
  const lines = `forward . ${self.server.endpoint} ${good.endpoint} {\npolicy sequential\n}`;
  const { host, handler, start } = await looping(t, self, lines);
  await start();
  t.equal(host.output.length, 1);
  t.match(await outcome(handler, 'www.example.org.'), /192\.0\.2\.1$/);
  t.match(await outcome(handler, '123.456. HINFO'), /^NOERROR ra/, 'HINFO is nothing special');
  t.equal(self.seen.length, 2);
  t.match(good.seen[0], /^udp \d+\.\d+\. HINFO \[rd\]$/);
  await host.clock.advance(60_000);
  t.equal(good.seen.filter((text) => text.includes('HINFO')).length, 2, 'one that is good is asked once');
});

t.test('a loop that is mended heals', async (t) => {
  const self = await listener(t);
  let resolver: 'loops' | 'silent' | 'good' = 'loops';
  const upstream = await stub(t, (message) => {
    if (resolver === 'good') return [withAddress(message)];
    if (resolver === 'loops') self.script(message, 'udp');
    return [];
  });
  const { host, handler, start } = await looping(t, self, `forward . ${upstream.endpoint} {\nmax_fails 0\n}`);
  await start();
  await host.clock.advance(2000);
  t.match(host.output[0], /^\[ERROR\] plugin\/loop: Loop /);

  resolver = 'silent';
  await host.clock.advance(10_000);
  await upstream.received(2);
  await host.clock.advance(2000);
  t.match(await outcome(handler, 'a.test.'), /^SERVFAIL upstream .* leads back/, 'silence mends nothing');

  resolver = 'good';
  await host.clock.advance(10_000);
  await upstream.received(3);
  await settledNetwork();
  t.equal(
    host.output.at(-1),
    `[INFO] plugin/loop: upstream ${upstream.endpoint} (Corefile:2) no longer leads back here and is used again`,
  );
  t.match(await outcome(handler, 'a.test.'), /192\.0\.2\.1$/);
  await host.clock.advance(60_000);
  t.notMatch(upstream.seen.slice(4).join(), /HINFO/, 'there is nothing left to look for');
});

t.test('a server that comes up later is found then', async (t) => {
  const self = await listener(t);
  let up = false;
  const upstream = await stub(t, (message) => (up ? self.script(message, 'udp') : []));
  const { host, start } = await looping(t, self, `forward . ${upstream.endpoint} {\nmax_fails 0\n}`);
  await start();
  await host.clock.advance(2000);
  t.same(host.output, []);
  up = true;
  await host.clock.advance(10_000);
  await upstream.received(2);
  await settledNetwork();
  await host.clock.advance(2000);
  t.match(host.output[0], / detected for zone "\."/);
});

t.test('a server is asked in the zone that is forwarded to it', async (t) => {
  const self = await listener(t);
  /** The resolver of a company: knows its own zone and asks us for everything else. */
  const company = await stub(t, (message) => {
    if (message.questions[0]?.name.endsWith('.corp.test.')) return [replyTo(message, { rcode: RCODE.NXDOMAIN })];
    self.script(message, 'udp');
    return [];
  });
  const { host, start } = await looping(t, self, `forward corp.test ${company.endpoint}`);
  await start();
  t.same(
    company.seen.map((text) => text.replace(/\d{4,}\.\d{4,}/, 'RANDOM')),
    ['udp RANDOM.corp.test. HINFO [rd]'],
  );
  t.same(host.output, []);

  const narrow = await listener(t);
  const below = await looping(t, narrow, `forward . ${narrow.server.endpoint}`, 'corp.test');
  await below.start();
  t.match(below.host.output[0], /detected for zone "corp\.test\.".*HINFO \d+\.\d+\.corp\.test\."/);
});

t.test('it waits until its own socket is open, but not for ever', async (t) => {
  const self = await listener(t);
  const { port } = self.server;
  await self.server.close();
  const good = await stub(t);
  const { host, start } = await looping(t, self, `forward . ${good.endpoint}`);
  await start();
  await host.clock.advance(1000);
  await settledNetwork();
  const late = createSocket('udp4');
  late.bind(port, '127.0.0.1');
  await once(late, 'listening');
  const asked = once(late, 'message');
  await host.clock.advance(1000);
  await asked;
  t.pass('asks again each second');
  late.close();
  for (let i = 0; i < 32; i++) {
    await settledNetwork();
    await host.clock.advance(1000);
  }
  t.match(host.output, [
    new RegExp(`^\\[WARNING\\] plugin/loop: no question came through from 127\\.0\\.0\\.1:${port} within 30s`),
  ]);
  t.same(good.seen, [], 'no server is judged');
  t.equal(host.clock.pending, 0);
});

t.test('stopping ends everything', async (t) => {
  const self = await listener(t);
  const { host, start, stop } = await looping(t, self, `forward . ${self.server.endpoint}`);
  await start();
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
    const name = server.messages[0]?.questions[0]?.name ?? '';
    t.match(name, /^\d{1,19}\.\d{1,19}\.$/);
    t.ok(name.split('.').every((label) => BigInt(label === '' ? 0 : label) < 2n ** 62n));
    names.add(name);
  }
  t.equal(names.size, 20);
  t.ok(
    [...names].some((name) => name.length > 38),
    'long numbers',
  );
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
