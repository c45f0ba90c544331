import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import t from 'tap';
import type { Test } from 'tap';
import type { Batch } from '../../src/kube/batch.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { startInlineWatch, startWatch } from '../../src/kube/watch.ts';
import type { Watch, WatchDeps, WatchSink, WatchSpec } from '../../src/kube/watch.ts';
import { createLog } from '../../src/runtime/log.ts';
import { ManualClock } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';
import { FakeApiServer } from './fake-api-server.ts';

const services = '/api/v1/services';
const namespaces = '/api/v1/namespaces';

interface Deps extends WatchDeps {
  readonly spawn: NonNullable<WatchDeps['spawn']>;
}

type Start = (spec: WatchSpec, sink: WatchSink, deps: Deps) => Watch;

/** A watch of a fake API server, and what came of it. */
async function watching(t: Test, start: Start, prepare: (api: FakeApiServer) => void) {
  const api = new FakeApiServer();
  prepare(api);
  const url = await api.listen();
  const clock = new ManualClock();
  const store = new ClusterStore(['Service', 'Namespace'], clock);
  const waiting = new Set<() => void>();
  const look = (): void => waiting.forEach((check) => check());

  const changes: string[] = [];
  const lines: string[] = [];
  const counted: string[] = [];
  store.subscribe({
    onChange: ({ kind, before, after }) =>
      void changes.push(`${kind} ${before?.name ?? 'nothing'} -> ${after?.name ?? 'nothing'}`),
    onApplied: look,
  });
  const log = createLog({
    write(line) {
      lines.push(line.trimEnd());
      look();
    },
  });
  let worker: Worker | undefined;
  const watch = start(
    {
      access: { from: 'endpoint', url },
      selections: [{ kind: 'Service' }, { kind: 'Namespace' }],
      userAgent: 'Portolan/0 (test)',
    },
    store,
    {
      log: log.plugin('kubernetes'),
      clock,
      random: seededRandom(1),
      stats: {
        onRequest: ({ code, method, host }) => void counted.push(`${method} ${host === new URL(url).host} ${code}`),
        onList: (kind, reason) => void counted.push(`${kind} listed: ${reason}`),
      },
      spawn(entry, options) {
        worker = new Worker(entry, options);
        worker.on('exit', () => setImmediate(look));
        return worker;
      },
    },
  );
  t.teardown(async () => {
    await watch.stop();
    api.close();
  });
  return {
    api,
    clock,
    store,
    watch,
    lines,
    counted,
    thread: () => worker,
    /** The changes since it was last asked. */
    changes: () => changes.splice(0),
    /** Waits for what threads and sockets bring about: the store or the log moved until this held. */
    until: (holds: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!holds()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

/** What holds wherever the watch runs. */
function behaves(name: string, start: Start): void {
  t.test(`${name}: lists, then follows`, async (t) => {
    const run = await watching(t, start, (api) => {
      api.put(namespaces, '', 'shop');
      api.put(services, 'shop', 'web', { spec: { clusterIP: '10.96.0.1' } });
      api.put(services, 'shop', 'db', { spec: { clusterIP: 'None' } });
    });
    t.notOk(run.store.synced);
    await run.until(() => run.store.synced);
    t.strictSame(run.changes().sort(), [
      'Namespace nothing -> shop',
      'Service nothing -> db',
      'Service nothing -> web',
    ]);
    t.match(run.store.servicesByIP('10.96.0.1'), [{ namespace: 'shop', name: 'web', clusterIPs: ['10.96.0.1'] }]);

    run.api.put(services, 'shop', 'web', { spec: { clusterIP: '10.96.0.2' } });
    run.api.remove(services, 'shop', 'db');
    await run.until(() => run.store.service('shop', 'db') === undefined);
    t.strictSame(run.changes(), ['Service web -> web', 'Service db -> nothing']);
    t.equal(run.store.service('shop', 'web')?.clusterIPs[0], '10.96.0.2');

    t.strictSame([...run.api.userAgents], ['Portolan/0 (test)']);
    t.strictSame(run.counted.sort(), [
      'GET true 200',
      'GET true 200',
      'Namespace listed: start',
      'Service listed: start',
    ]);
    t.strictSame(run.lines, []);
  });

  t.test(`${name}: a fault reaches the log, and so does its end`, async (t) => {
    const run = await watching(t, start, (api) => {
      api.put(namespaces, '', 'shop');
      api.refusal = { status: 403, message: 'it is forbidden' };
    });
    await run.until(() => run.lines.length === 2);
    t.match(run.lines.sort(), [
      /^\[ERROR\] plugin\/kubernetes: Failed to watch: failed to list \*v1.Namespace: it is forbidden; its ClusterRole /,
      /^\[ERROR\] plugin\/kubernetes: Failed to watch: failed to list \*v1.Service: it is forbidden; its ClusterRole /,
    ]);
    t.notOk(run.store.synced);
    run.api.refusal = undefined;
    await run.clock.advance(1_000);
    await run.until(() => run.store.synced && run.lines.length === 4);
    t.match(run.lines.slice(2).sort(), [
      /^\[INFO\] plugin\/kubernetes: Watching \*v1.Namespace again after \d s$/,
      /^\[INFO\] plugin\/kubernetes: Watching \*v1.Service again after \d s$/,
    ]);
  });

  t.test(`${name}: when it is stopped nothing more is heard`, async (t) => {
    const run = await watching(t, start, (api) => api.put(namespaces, '', 'shop'));
    await run.until(() => run.store.synced);
    run.changes();
    const { length } = run.counted;
    await run.watch.stop();
    run.api.put(namespaces, '', 'late');
    await run.api.unwatched();
    t.strictSame(run.changes(), []);
    t.equal(run.counted.length, length);
    t.strictSame(run.lines, []);
  });
}

behaves('in a thread', startWatch);
behaves('inline', startInlineWatch);
behaves('handed on to another thread', (spec, sink, deps) => startHandedOn(spec, [sink], deps));

/** A watch whose batches go to each of the sinks over a channel, such as leads to another thread. */
function startHandedOn(spec: WatchSpec, sinks: readonly [WatchSink, ...WatchSink[]], deps: Deps): Watch {
  const ports = sinks.map((sink) => {
    const { port1, port2 } = new MessageChannel();
    port2.on('message', (text: string) => sink.apply(JSON.parse(text) as Batch));
    return port1;
  });
  const handOn = (batch: Batch): void => ports.forEach((port) => port.postMessage(JSON.stringify(batch), []));
  const watch = startWatch(spec, { apply: handOn, versions: (kind) => sinks[0].versions(kind) }, deps);
  return {
    async stop() {
      await watch.stop();
      for (const port of ports) port.close();
    },
  };
}

t.test('several threads see the same changes in the same order', async (t) => {
  const kinds = ['Service', 'Namespace'] as const;
  const others = [1, 2].map(() => new ClusterStore(kinds, new ManualClock()));
  const seen = others.map((store) => {
    const changes: string[] = [];
    store.subscribe({
      onChange: ({ kind, before, after }) =>
        void changes.push(`${kind} ${before?.resourceVersion ?? '-'} -> ${after?.resourceVersion ?? '-'}`),
    });
    return changes;
  });
  const start: Start = (spec, sink, deps) => startHandedOn(spec, [sink, ...others], deps);
  const run = await watching(t, start, (api) => {
    for (const name of ['a', 'b', 'c']) api.put(namespaces, '', name);
  });
  await run.until(() => run.store.synced);
  for (let i = 0; i < 20; i++) {
    run.api.put(services, 'a', `s${i % 5}`, { spec: { clusterIP: `10.96.0.${i}` } });
    run.api.put(namespaces, '', `n${i}`);
    if (i % 3 === 0) run.api.remove(services, 'a', `s${i % 5}`);
  }
  run.api.put(services, 'a', 'last');
  await run.until(() => run.store.service('a', 'last') !== undefined && run.store.namespace('n19') !== undefined);
  const count = run.changes().length;
  t.equal(count, 3 + 20 + 20 + 7 + 1);
  while (seen.some(({ length }) => length < count)) await nextTurn();
  t.strictSame(seen[1], seen[0]);
  for (const kind of kinds) for (const store of others) t.strictSame(store.versions(kind), run.store.versions(kind));
});

t.test('a thread that dies is started anew, and what vanished meanwhile is told', async (t) => {
  const run = await watching(t, startWatch, (api) => {
    api.put(services, 'shop', 'stays');
    api.put(services, 'shop', 'changes');
    api.put(services, 'shop', 'vanishes');
  });
  await run.until(() => run.store.synced);
  run.changes();
  await run.thread()?.terminate();
  await run.until(() => run.lines.length > 0);
  t.strictSame(run.lines, ['[ERROR] plugin/kubernetes: Failed to watch: the watch thread is started anew: it ended']);
  t.equal(run.store.count('Service'), 3, 'the last state is kept');

  run.api.remove(services, 'shop', 'vanishes');
  run.api.put(services, 'shop', 'changes');
  run.api.put(services, 'shop', 'comes');
  await run.clock.advance(1_000);
  await run.until(() => run.store.service('shop', 'comes') !== undefined);
  t.strictSame(run.changes(), [
    'Service changes -> changes',
    'Service nothing -> comes',
    'Service vanishes -> nothing',
  ]);
  await run.until(() => run.lines.length > 1);
  t.strictSame(run.lines.slice(1), ['[INFO] plugin/kubernetes: Watching the API server again after 1 s']);
});

t.test('a thread that cannot even start is backed off from; one that lasted is not', async (t) => {
  const broken = new URL('data:text/javascript,throw new RangeError("broken")');
  let started = 0;
  const start: Start = (spec, sink, deps) =>
    startWatch(spec, sink, {
      ...deps,
      random: { u16: () => 0, below: (limit) => limit - 1 },
      spawn: (entry, options) => deps.spawn(++started < 4 ? broken : entry, options),
    });
  const run = await watching(t, start, (api) => api.put(namespaces, '', 'shop'));
  const restarts = async (waitMs: number): Promise<void> => {
    const before = started;
    await run.until(() => run.clock.pending > 0);
    await run.clock.advance(waitMs - 1);
    t.equal(started, before, `not before ${waitMs} ms`);
    await run.clock.advance(1);
    t.equal(started, before + 1, `after ${waitMs} ms`);
  };
  for (const waitMs of [800, 1_600, 3_200]) await restarts(waitMs);
  await run.until(() => run.store.synced);
  t.strictSame(run.changes(), ['Namespace nothing -> shop']);
  t.match(run.lines, [
    '[ERROR] plugin/kubernetes: Failed to watch: the watch thread is started anew: RangeError: broken',
    '[INFO] plugin/kubernetes: Watching the API server again after 6 s',
  ]);
  await run.clock.advance(60_000);
  await run.thread()?.terminate();
  await restarts(800);
});

t.test('stopped while it waits to be started anew', async (t) => {
  const run = await watching(t, startWatch, () => {});
  await run.until(() => run.store.synced);
  await run.thread()?.terminate();
  await run.until(() => run.lines.length > 0);
  await run.watch.stop();
  t.equal(run.clock.pending, 0);
});
