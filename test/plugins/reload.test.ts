import t from 'tap';
import { CorefileError } from '../../src/corefile/mistake.ts';
import type { Control, Instance } from '../../src/core/plugin.ts';
import { reloadPlugin } from '../../src/plugins/reload/index.ts';
import type { Random } from '../../src/runtime/random.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { build, mistakesOf, testHost, type TestHost } from '../support/env.ts';

t.test('what it refuses in a Corefile, and what it doubts', async (t) => {
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    ['reload 1s', 'Corefile:2 - plugin/reload: interval value must be greater or equal to 2s'],
    ['reload 0', 'Corefile:2 - plugin/reload: interval value must be greater or equal to 2s'],
    ['reload foo', 'Corefile:2 - plugin/reload: time: invalid duration "foo"'],
    ['reload 10', 'Corefile:2 - plugin/reload: time: missing unit in duration "10"'],
    ['reload 10s 0.5s', 'Corefile:2 - plugin/reload: jitter value must be 0 or greater or equal to 1s'],
    ['reload 10s -1s', 'Corefile:2 - plugin/reload: jitter value must be 0 or greater or equal to 1s'],
    [
      'reload 10s 5s x',
      `Corefile:2 - plugin/reload: Error during parsing: Wrong argument count or unexpected line ending after 'x'`,
    ],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(reloadPlugin, `. {\n${directive}\n}\n`), [mistake]);
  t.same(build(reloadPlugin, '. {\nreload 10s 0\nreload foo\n}\n').warnings, [
    'Corefile:3 - plugin/reload: only the first reload of a server block has an effect',
  ]);
});

/** A server as `reload` sees it: a Corefile on disk, the one that runs, and the instances of that. */
class FakeServer {
  readonly host: TestHost;
  /** The Corefile on disk, which is its own fingerprint; an error when it can not be read. */
  disk: string | Error = 'one';
  /** What keeps a configuration from running. */
  obstacle: string | undefined;
  /** How often the Corefile was looked at. */
  looks = 0;
  #running = 'one';
  #directives: readonly string[] = [];
  #instances: Instance[] = [];

  constructor(random?: Random) {
    const control: Control = {
      fingerprint: () => this.#running,
      readFingerprint: () => this.#read(),
      reload: () => this.reload(),
      setDebug: () => undefined,
    };
    this.host = testHost({ control, ...(random && { random }) });
  }

  /** Starts with these `reload` directives, one for each server block. */
  async start(...directives: readonly string[]): Promise<void> {
    this.#directives = directives;
    this.#instances = await this.#startAll();
  }

  /** From the next reload on, the Corefile has these directives. */
  use(...directives: readonly string[]): void {
    this.#directives = directives;
  }

  async reload(): Promise<void> {
    const before = this.#running;
    this.#running = this.#read();
    const next = await this.#startAll();
    if (this.obstacle !== undefined) {
      await stopAll(next);
      this.#running = before;
      throw new Error(this.obstacle);
    }
    const old = this.#instances;
    this.#instances = next;
    await stopAll(old);
  }

  async stop(): Promise<void> {
    await stopAll(this.#instances);
  }

  async #startAll(): Promise<Instance[]> {
    const instances = this.#directives.map(
      (directive) => build(reloadPlugin, `. {\n${directive}\n}\n`, { host: this.host }).instance,
    );
    for (const instance of instances) await instance.start?.(false);
    return instances;
  }

  #read(): string {
    this.looks++;
    if (this.disk instanceof Error) throw this.disk;
    return this.disk;
  }
}

async function stopAll(instances: readonly Instance[]): Promise<void> {
  for (const instance of instances.toReversed()) await instance.stop?.();
}

async function metric(host: TestHost, name: string): Promise<Record<string, number>> {
  return Object.fromEntries(parseExposition(await host.metrics.exposition()).get(name)?.samples ?? []);
}

const EVERY_10_S = 'reload 10s 0';

t.test('it tells what runs, and looks at the Corefile from time to time', async (t) => {
  const server = new FakeServer();
  await server.start(EVERY_10_S);
  t.same(server.host.output, ['[INFO] plugin/reload: Running configuration SHA512 = one']);
  await server.host.clock.advance(9999);
  t.equal(server.looks, 0);
  await server.host.clock.advance(20_001);
  t.equal(server.looks, 3);
  t.equal(server.host.output.length, 1);
  t.same(await metric(server.host, 'coredns_reload_version_info'), {});
  await server.stop();
  t.equal(server.host.clock.pending, 0);
});

t.test('the interval lies within half the jitter of what was asked, and stays what it was', async (t) => {
  const cases: readonly (readonly [directive: string, share: number, seconds: number])[] = [
    ['reload', 0, 22.5],
    ['reload', 0.5, 30],
    ['reload 10s', 0, 7.5],
    ['reload 2s', 0, 1.5],
    ['reload 1m 10s', 1, 65],
    ['reload 1h 0', 0, 3600],
  ];
  for (const [directive, share, seconds] of cases) {
    const server = new FakeServer({ u16: () => 0, below: (limit) => Math.min(limit - 1, share * limit) });
    await server.start(directive);
    await server.host.clock.advance(seconds * 2000 - 1);
    t.equal(server.looks, 1, directive);
    await server.host.clock.advance(2);
    t.equal(server.looks, 2, directive);
  }
});

t.test('a changed Corefile is put to work', async (t) => {
  const server = new FakeServer();
  const { host } = server;
  await server.start(EVERY_10_S);
  server.disk = 'two';
  server.use('reload 20s 0');
  await host.clock.advance(10_000);
  t.same(
    host.output,
    ['one', 'two'].map((hash) => `[INFO] plugin/reload: Running configuration SHA512 = ${hash}`),
  );
  t.same(await metric(host, 'coredns_reload_version_info'), {
    'coredns_reload_version_info{hash="sha512",value="two"}': 1,
  });

  server.disk = 'three';
  await host.clock.advance(19_999);
  t.equal(host.output.length, 2);
  await host.clock.advance(1);
  t.same(host.output.slice(2), ['[INFO] plugin/reload: Running configuration SHA512 = three']);
  t.same(await metric(host, 'coredns_reload_version_info'), {
    'coredns_reload_version_info{hash="sha512",value="three"}': 1,
  });
  t.same(await metric(host, 'coredns_reload_failed_total'), { coredns_reload_failed_total: 0 });
});

t.test('a reload that somebody else asked for is told too', async (t) => {
  const server = new FakeServer();
  await server.start(EVERY_10_S);
  server.disk = 'two';
  await server.reload();
  t.same(server.host.output.slice(1), ['[INFO] plugin/reload: Running configuration SHA512 = two']);
  await server.host.clock.advance(10_000);
  t.equal(server.host.output.length, 2);
});

t.test('a configuration that can not run is tried once, and the old one stays', async (t) => {
  const server = new FakeServer();
  const { host } = server;
  await server.start(EVERY_10_S, EVERY_10_S);
  server.disk = 'broken';
  server.obstacle = 'listen tcp :53: bind: permission denied';
  await host.clock.advance(60_000);
  t.same(host.output.slice(1), [
    '[ERROR] plugin/reload: Corefile changed but reload failed: listen tcp :53: bind: permission denied',
  ]);
  t.same(await metric(host, 'coredns_reload_failed_total'), { coredns_reload_failed_total: 1 });
  t.same(await metric(host, 'coredns_reload_version_info'), {});

  server.disk = 'one';
  await host.clock.advance(10_000);
  t.equal(host.output.length, 2);
  server.disk = 'broken';
  await host.clock.advance(10_000);
  t.same(await metric(host, 'coredns_reload_failed_total'), { coredns_reload_failed_total: 2 });

  server.disk = 'mended';
  server.obstacle = undefined;
  await host.clock.advance(10_000);
  t.equal(host.output.at(-1), '[INFO] plugin/reload: Running configuration SHA512 = mended');
});

t.test('a Corefile that can not be understood or read is told once, and looked at again', async (t) => {
  const server = new FakeServer();
  const { host } = server;
  await server.start(EVERY_10_S);
  server.disk = new CorefileError([{ file: 'Corefile', line: 3, message: `Error during parsing: Unexpected EOF` }]);
  await host.clock.advance(30_000);
  t.same(host.output.splice(1), [
    '[WARNING] plugin/reload: Corefile parse failed: Corefile:3 - Error during parsing: Unexpected EOF',
  ]);
  server.disk = new Error('open Corefile: no such file or directory');
  await host.clock.advance(30_000);
  t.same(host.output.splice(1), [
    '[WARNING] plugin/reload: Corefile can not be read: open Corefile: no such file or directory',
  ]);
  t.equal(server.looks, 6);
  t.same(await metric(host, 'coredns_reload_failed_total'), { coredns_reload_failed_total: 0 });
  server.disk = 'two';
  await host.clock.advance(10_000);
  t.same(host.output.splice(1), ['[INFO] plugin/reload: Running configuration SHA512 = two']);
});

t.test('several blocks have one watch, at the interval of the last', async (t) => {
  const server = new FakeServer();
  const { host } = server;
  await server.start('reload 5s 0', EVERY_10_S);
  await host.clock.advance(10_000);
  t.equal(server.looks, 1);
  server.disk = 'two';
  await host.clock.advance(10_000);
  t.same(
    host.output,
    ['one', 'two'].map((hash) => `[INFO] plugin/reload: Running configuration SHA512 = ${hash}`),
  );
  await server.stop();
  t.equal(host.clock.pending, 0);
});

t.test('a Corefile without reload ends the watch', async (t) => {
  const server = new FakeServer();
  await server.start(EVERY_10_S);
  server.disk = 'two';
  server.use();
  await server.host.clock.advance(10_000);
  t.equal(server.host.output.length, 1);
  t.equal(server.host.clock.pending, 0);
});
