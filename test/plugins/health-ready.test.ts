import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { type Readiness, readiness } from '../../src/core/capability.ts';
import type { Handler } from '../../src/core/handler.ts';
import type { Plugin } from '../../src/core/plugin.ts';
import { defineHealth, healthPlugin } from '../../src/plugins/health/index.ts';
import { httpProbe, type Probe } from '../../src/plugins/health/probe.ts';
import { readyPlugin } from '../../src/plugins/ready/index.ts';
import { HttpEndpoints } from '../../src/runtime/http.ts';
import { settled } from '../support/clock.ts';
import { build, type Built, mistakesOf, noNext, testHost, type TestHost } from '../support/env.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';

t.test('health and ready: what they refuse in a Corefile', async (t) => {
  const cases: readonly (readonly [plugin: Plugin, directive: string, mistake: string])[] = [
    [healthPlugin, 'health foo', 'Corefile:2 - plugin/health: address foo: missing port in address'],
    [
      healthPlugin,
      'health :1 b',
      `Corefile:2 - plugin/health: Error during parsing: Wrong argument count or unexpected line ending after 'b'`,
    ],
    [
      healthPlugin,
      'health {\nlameduck\n}',
      `Corefile:3 - plugin/health: Error during parsing: Wrong argument count or unexpected line ending after 'lameduck'`,
    ],
    [
      healthPlugin,
      'health {\nlameduck x\n}',
      `Corefile:3 - plugin/health: unable to parse lameduck duration value: 'x' : time: invalid duration "x"`,
    ],
    [healthPlugin, 'health {\nfoo\n}', `Corefile:3 - plugin/health: Error during parsing: unknown property 'foo'`],
    [
      readyPlugin,
      'ready\nready',
      'Corefile:3 - plugin/ready: this plugin can only be used once per Server Block; the first is on line 2',
    ],
    [readyPlugin, 'ready foo', 'Corefile:2 - plugin/ready: address foo: missing port in address'],
    [readyPlugin, 'ready {\nfoo\n}', `Corefile:3 - plugin/ready: Error during parsing: unknown property 'foo'`],
    [
      readyPlugin,
      'ready {\nmonitor often\n}',
      `Corefile:3 - plugin/ready: Error during parsing: monitor type 'often' not supported; write 'until-ready' or 'continuously'`,
    ],
  ];
  for (const [plugin, directive, mistake] of cases) t.same(mistakesOf(plugin, `. {\n${directive}\n}\n`), [mistake]);
});

const wellProbe: Probe = async () => undefined;

t.test('health: OK at its address, by default at port 8080, until it stops', async (t) => {
  for (const [directive, address] of [
    ['health', ':8080'],
    ['health 127.0.0.1:9154', '127.0.0.1:9154'],
    ['health :1\nhealth :2 {\nlameduck 1s\n}\nhealth', ':2'],
  ] as const) {
    const host = testHost();
    const { instance } = build(defineHealth(wellProbe), `. {\n${directive}\n}\n`, { host });
    await instance.start?.(false);
    t.same(await host.http.get(address, '/health'), {
      status: 200,
      contentType: 'text/plain; charset=utf-8',
      body: 'OK',
    });
    await instance.stop?.();
    t.equal(await host.http.get(address, '/health'), undefined);
    t.equal(host.clock.pending, 0);
  }
});

t.test('health: lameduck keeps the process answering before it ends', async (t) => {
  const host = testHost();
  const { instance } = build(defineHealth(wellProbe), '. {\nhealth {\nlameduck 5s\n}\n}\n', { host });
  await instance.start?.(false);
  const told: string[] = [];
  void instance.drain?.().then(() => told.push('drained'));
  t.same(host.output, ['[INFO] plugin/health: Going into lameduck mode for 5s']);
  await host.clock.advance(4999);
  t.same(told, []);
  t.equal((await host.http.get(':8080', '/health'))?.status, 200);
  await host.clock.advance(1);
  t.same(told, ['drained']);
  await instance.stop?.();

  const other = testHost();
  await build(defineHealth(wellProbe), '. {\nhealth\n}\n', { host: other }).instance.drain?.();
  t.same(other.output, []);
});

/** A started `health` whose probe takes as long as `seconds` says, one number for each check; Infinity: for ever. */
async function checked(host: TestHost, seconds: readonly (number | Error)[]): Promise<Built> {
  const left = [...seconds];
  const probe: Probe = (target, signal) =>
    new Promise((resolve, reject) => {
      t.same(target, { host: '127.0.0.1', port: 8080 });
      const outcome = left.shift() ?? 0;
      if (outcome instanceof Error) return reject(outcome);
      if (outcome !== Infinity) host.clock.after(outcome * 1000, resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  const built = build(defineHealth(probe), '. {\nhealth\n}\n', { host });
  await built.instance.start?.(false);
  return built;
}

t.test('health: asks itself every second, measures, and warns of trouble', async (t) => {
  const host = testHost();
  const { instance } = await checked(host, [0.25, 1.25, new Error('connect ECONNREFUSED 127.0.0.1:8080'), Infinity, 0]);
  const request = '[WARNING] plugin/health: Local health request to "http://:8080/health"';
  await host.clock.advance(1999);
  t.same(host.output, []);
  await host.clock.advance(2001);
  t.same(host.output.splice(0), [
    `${request} took more than 1s: 1.25s`,
    `${request} failed: connect ECONNREFUSED 127.0.0.1:8080`,
  ]);
  await host.clock.advance(4000);
  t.same(host.output.splice(0), [`${request} failed: no response within 3s`]);
  const families = parseExposition(await host.metrics.exposition());
  t.match(Object.fromEntries(families.get('coredns_health_request_duration_seconds')?.samples ?? []), {
    'coredns_health_request_duration_seconds_bucket{le="0.00025"}': 2,
    'coredns_health_request_duration_seconds_bucket{le="0.25"}': 3,
    'coredns_health_request_duration_seconds_bucket{le="2.5"}': 4,
    coredns_health_request_duration_seconds_count: 5,
    coredns_health_request_duration_seconds_sum: 4.5,
  });
  t.equal(
    families.get('coredns_health_request_failures_total')?.samples.get('coredns_health_request_failures_total'),
    2,
  );
  await instance.stop?.();
});

t.test('health: a check that is under way at the end is no failure', async (t) => {
  const host = testHost();
  const { instance } = await checked(host, [Infinity]);
  await host.clock.advance(1500);
  await instance.stop?.();
  await settled();
  t.same(host.output, []);
  t.equal(host.clock.pending, 0);
});

t.test('health: the probe gets through over HTTP, and fails where nobody answers or not in time', async (t) => {
  const host = testHost();
  const http = new HttpEndpoints(host.clock, host.log);
  const lease = await http.serve('127.0.0.1:0', '/health', () => ({
    status: 200,
    contentType: 'text/plain',
    body: 'OK',
  }));
  const { port } = lease.value;
  const patience = new AbortController();
  await httpProbe({ host: '127.0.0.1', port }, patience.signal);
  await lease.release();
  await t.rejects(httpProbe({ host: '127.0.0.1', port }, patience.signal), { code: 'ECONNREFUSED' });

  const silent = createServer().listen(0, '127.0.0.1');
  t.teardown(() => void silent.close());
  await once(silent, 'listening');
  const address = silent.address();
  const silentPort = typeof address === 'object' && address !== null ? address.port : 0;
  const connected = once(silent, 'connection');
  const probe = httpProbe({ host: '127.0.0.1', port: silentPort }, patience.signal);
  const refused = t.rejects(probe, { message: 'too slow' });
  await connected;
  patience.abort(new Error('too slow'));
  await refused;
});

/** A plugin that is ready when the test says so. */
interface Part extends Readiness {
  isReady: boolean;
  asked: number;
}

function part(name: string): Part {
  const self: Part = {
    name,
    isReady: false,
    asked: 0,
    ready: () => {
      self.asked++;
      return self.isReady;
    },
  };
  return self;
}

/** A started `ready` in a block with these parts. */
async function blockWith(
  host: TestHost,
  directive: string,
  parts: readonly Part[],
  resolve: Handler = noNext,
): Promise<Built> {
  const built = build(readyPlugin, `. {\n${directive}\n}\n`, { host, resolve });
  for (const each of parts) readiness.provide(built.env.scope, each);
  await built.instance.start?.(false);
  return built;
}

async function readyAt(host: TestHost, address = ':8181'): Promise<string> {
  const response = await host.http.get(address, '/ready');
  return response === undefined ? 'closed' : `${response.status} ${String(response.body)}`;
}

t.test('ready: 200 when all plugins of all blocks at the address are', async (t) => {
  const host = testHost();
  const [a, b, c] = [part('kubernetes'), part('erratic'), part('kubernetes')];
  await blockWith(host, 'ready', [a, b]);
  await blockWith(host, 'ready :8181', [c]);
  t.equal(await readyAt(host), '503 erratic,kubernetes');
  t.same(host.output.splice(0), ['[INFO] plugin/ready: Plugins not ready: "erratic,kubernetes"']);
  a.isReady = true;
  b.isReady = true;
  t.equal(await readyAt(host), '503 kubernetes');
  c.isReady = true;
  host.output.splice(0);
  t.equal(await readyAt(host), '200 OK');
  t.same(host.output, []);
});

t.test('ready: addresses apart are apart, and a block without such plugins is ready', async (t) => {
  const host = testHost();
  await blockWith(host, 'ready', []);
  await blockWith(host, 'ready 127.0.0.1:8182', [part('kubernetes')]);
  t.equal(await readyAt(host), '200 OK');
  t.equal(await readyAt(host, '127.0.0.1:8182'), '503 kubernetes');
});

t.test('ready: who was ready once is asked again only when the block monitors continuously', async (t) => {
  for (const [directive, after] of [
    ['ready', '200 OK'],
    ['ready {\nmonitor until-ready\n}', '200 OK'],
    ['ready {\nmonitor continuously\n}', '503 kubernetes'],
  ] as const) {
    const host = testHost();
    const kubernetes = part('kubernetes');
    const slow = part('slow');
    await blockWith(host, directive, [kubernetes, slow]);
    kubernetes.isReady = true;
    t.equal(await readyAt(host), '503 slow');
    slow.isReady = true;
    kubernetes.isReady = false;
    t.equal(await readyAt(host), after);
    t.equal(kubernetes.asked, after === '200 OK' ? 1 : 2);
  }
});

t.test('ready: during a reload the configuration that answers counts', async (t) => {
  const host = testHost();
  const [before, after] = [part('kubernetes'), part('kubernetes')];
  before.isReady = true;
  const old = await blockWith(host, 'ready', [before], (query) => noNext(query));
  const others: Handler = (query) => noNext(query);
  const [first, second] = [await blockWith(host, 'ready', [after], others), await blockWith(host, 'ready', [], others)];
  t.equal(await readyAt(host), '200 OK');
  await old.instance.stop?.();
  t.equal(await readyAt(host), '503 kubernetes');
  after.isReady = true;
  t.equal(await readyAt(host), '200 OK');
  await second.instance.stop?.();
  t.equal(await readyAt(host), '200 OK');
  await first.instance.stop?.();
  t.equal(await readyAt(host), 'closed');
});

t.test('ready: a configuration that could not start leaves the old one as it was', async (t) => {
  const host = testHost();
  const before = part('kubernetes');
  await blockWith(host, 'ready', [before], (query) => noNext(query));
  const failed = await blockWith(host, 'ready', []);
  await failed.instance.stop?.();
  t.equal(await readyAt(host), '503 kubernetes');
});

t.test('ready: closes as soon as the process is told to end', async (t) => {
  const host = testHost();
  const { instance } = await blockWith(host, 'ready', []);
  await instance.drain?.();
  t.equal(await readyAt(host), 'closed');
  await instance.stop?.();
});
