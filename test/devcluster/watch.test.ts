import t from 'tap';
import { until, WatchClient, type WatchEvent } from './client.ts';
import { createDemo, recorded, serve } from './world.ts';

const SERVICES = '/api/v1/namespaces/demo/services';
const MINUTE_MS = 60_000;

/** `ADDED db`, `BOOKMARK` or `ERROR`. */
function told({ type, object }: WatchEvent): string {
  return object.metadata.name === undefined ? type : `${type} ${object.metadata.name}`;
}

async function demo(options: { readonly historyLimit?: number } = {}) {
  const served = await serve(options);
  createDemo(served.cluster);
  const { cluster, server } = served;
  return {
    ...served,
    revision: cluster.store.revision,
    watch: (query: string, path = SERVICES) => WatchClient.open(server, `${path}?watch=true&${query}`),
    label: (name: string, labels: { readonly [key: string]: string }) => {
      return cluster.patch('Service', 'demo', name, { type: 'merge', body: { metadata: { labels } } });
    },
  };
}

t.test('where a watch begins', async (t) => {
  const { server, cluster, clock, revision, watch, label } = await demo();
  t.teardown(() => server.close());
  const initial = ['ADDED db', 'ADDED ext', 'ADDED web'];
  const streaming = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const table: readonly [query: string, events: readonly string[]][] = [
    ['', initial],
    ['resourceVersion=0', initial],
    ['resourceVersion=0&limit=1', initial],
    ['resourceVersion=0&allowWatchBookmarks=true', [...initial, 'BOOKMARK']],
    [`${streaming}&allowWatchBookmarks=true`, [...initial, 'BOOKMARK']],
    [`${streaming}&allowWatchBookmarks=true&resourceVersion=${revision}`, [...initial, 'BOOKMARK']],
    [`${streaming}&allowWatchBookmarks=true&labelSelector=tier=none`, ['BOOKMARK']],
    [streaming, initial],
    [`resourceVersion=${revision - 2}`, ['ADDED ext', 'ADDED web']],
    [`resourceVersion=${revision}`, []],
    ['sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=', []],
    ['resourceVersion=99999999', []],
  ];
  for (const [query, expected] of table) {
    const client = await watch(`${query}&timeoutSeconds=1`);
    const events = await client.events(expected.length);
    t.same(events.map(told), expected, query);
    await clock.advance(1000);
    await until(() => client.ended !== undefined);
    t.equal(client.lines.length, expected.length, `${query}: nothing more`);
    t.equal(client.ended, 'clean', `${query}: ends cleanly`);
  }
  t.equal(clock.pending, 0, 'no timer is left');

  const followed = await watch(`resourceVersion=${revision}`);
  label('web', { seen: 'yes' });
  const [event] = await followed.events(1);
  t.same(Object.keys(event?.object ?? {}), ['kind', 'apiVersion', 'metadata', 'spec', 'status'], 'kind first');
  followed.close();
  await until(() => clock.pending === 0);
  t.equal(cluster.store.revision, revision + 1);
});

t.test('marks, bookmarks and errors read as the API server wrote them', async (t) => {
  const { server, clock, revision, watch } = await demo();
  t.teardown(() => server.close());
  const withoutRevision = (line: string) => line.replace(/"resourceVersion":"\d+"/, '"resourceVersion":"N"');
  const [mark = '', ...rest] = recorded('lines');
  const tooOld = rest.at(-1) ?? '';

  const initial = await watch('allowWatchBookmarks=true&resourceVersion=0');
  await initial.events(4);
  t.equal(withoutRevision(initial.lines[3] ?? ''), withoutRevision(mark));
  initial.close();

  const paths = ['/api/v1/services', '/api/v1/namespaces', '/apis/discovery.k8s.io/v1/endpointslices', '/api/v1/pods'];
  for (const [index, path] of paths.entries()) {
    const client = await watch(`allowWatchBookmarks=true&resourceVersion=${revision}`, path);
    await clock.advance(MINUTE_MS);
    await client.events(1);
    t.equal(withoutRevision(client.lines[0] ?? ''), withoutRevision(rest[index] ?? ''), path);
    client.close();
  }

  server.expireHistory();
  const late = await watch('resourceVersion=1');
  await late.events(1);
  t.equal(late.lines[0], tooOld.replace('9989', String(revision)));
  await until(() => late.ended !== undefined);
  t.equal(late.ended, 'clean');
});

t.test('bookmarks come every minute and shortly before the end, to who allows them', async (t) => {
  const { server, cluster, clock, revision, watch } = await demo();
  t.teardown(() => server.close());
  const client = await watch(`allowWatchBookmarks=true&resourceVersion=${revision}&timeoutSeconds=130`);
  const silent = await watch(`resourceVersion=${revision}&timeoutSeconds=130`);
  const start = clock.now();
  // A change of another kind lifts the resource version a bookmark tells: so each tells between which two it was sent.
  for (const atMs of [59_999, 60_001, 119_999, 120_001, 127_999, 128_001, 130_000]) {
    await clock.advance(start + atMs - clock.now());
    cluster.create('Namespace', undefined, { metadata: { name: `at-${atMs}` } });
  }
  await until(() => client.ended !== undefined && silent.ended !== undefined);
  const events = await client.events(4);
  t.same(events.map(told), ['BOOKMARK', 'BOOKMARK', 'BOOKMARK']);
  t.same(
    events.map(({ object }) => Number(object.metadata.resourceVersion) - revision),
    [1, 3, 5],
    'after 60, 120 and 128 seconds',
  );
  t.same(silent.lines, []);

  const short = await watch(`allowWatchBookmarks=true&resourceVersion=${revision}&timeoutSeconds=2`);
  await clock.advance(2000);
  await until(() => short.ended !== undefined);
  t.same(short.lines, [], 'a short watch gets none');
});

t.test('changes as selectors see them', async (t) => {
  const { server, cluster, revision, watch, label } = await demo();
  t.teardown(() => server.close());
  const front = await watch(`resourceVersion=${revision}&labelSelector=tier=front`);
  const named = await watch(`resourceVersion=${revision}&fieldSelector=metadata.name=web`, '/api/v1/services');
  label('web', { tier: 'middle' });
  label('db', { tier: 'front' });
  label('web', { tier: 'front' });
  label('web', { tier: 'front' });
  label('db', { tier: 'back' });
  cluster.delete('Service', 'demo', 'web');
  const events = await front.events(5);
  t.same(events.map(told), ['DELETED web', 'ADDED db', 'ADDED web', 'DELETED db', 'DELETED web']);
  t.same(events[0]?.object.metadata.labels, { app: 'web', tier: 'front' }, 'what left is told as it was');
  t.equal(events[0]?.object.metadata.resourceVersion, String(revision + 1), 'at the resource version of its leaving');
  t.equal(events[4]?.object.metadata.resourceVersion, String(revision + 5));
  t.same((await named.events(3)).map(told), ['MODIFIED web', 'MODIFIED web', 'DELETED web'], 'no event for no change');
});

t.test('the history has an end', async (t) => {
  const { server, revision, watch, label } = await demo({ historyLimit: 5 });
  t.teardown(() => server.close());
  for (let turn = 0; turn < 5; turn++) label('web', { turn: String(turn) });
  const kept = await watch(`resourceVersion=${revision}`);
  t.equal((await kept.events(5)).length, 5);
  label('web', { turn: 'last' });
  const lost = await watch(`resourceVersion=${revision}`);
  t.match(await lost.events(1), [{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
  const fresh = await watch(`resourceVersion=${revision + 1}`);
  t.equal((await fresh.events(5)).length, 5);
  t.equal((await kept.events(6)).length, 6, 'an open watch goes on');
});

t.test('a resource version from the future may be reached in time', async (t) => {
  const { server, clock, revision, watch, label } = await demo();
  t.teardown(() => server.close());
  const query = `sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=${revision + 1}`;
  const client = await watch(query);
  label('web', { seen: 'yes' });
  await clock.advance(3000);
  t.same((await client.events(4)).map(told), ['ADDED db', 'ADDED ext', 'ADDED web', 'BOOKMARK']);
});

t.test('a watch without an end of its own ends within an hour', async (t) => {
  const { server, clock, revision, watch } = await demo();
  t.teardown(() => server.close());
  const client = await watch(`resourceVersion=${revision}&timeoutSeconds=0`);
  await clock.advance(30 * MINUTE_MS - 1);
  t.equal(client.ended, undefined);
  await clock.advance(30 * MINUTE_MS);
  await until(() => client.ended !== undefined);
  t.equal(client.ended, 'clean');
});
