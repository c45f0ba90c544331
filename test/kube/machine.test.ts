import t from 'tap';
import type { Test } from 'tap';
import { watchResource } from '../../src/kube/machine.ts';
import type { WatchEvent } from '../../src/kube/events.ts';
import type { Selection } from '../../src/kube/resources.ts';
import type { Random } from '../../src/runtime/random.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { linesOf, recorded } from './recorded.ts';
import { ScriptedTransport } from './scripted-transport.ts';

/** Always the largest number: back-off waits 0.8, 1.6, 3.2 ... 30 s, and `timeoutSeconds` is 600. */
const largest: Random = { u16: () => 0xffff, below: (limit) => limit - 1 };

function start(t: Test, selection: Selection = { kind: 'Service' }) {
  const transport = new ScriptedTransport();
  const clock = new ManualClock();
  const abort = new AbortController();
  const events: WatchEvent[] = [];
  const watching = (async () => {
    for await (const some of watchResource(selection, { transport, clock, random: largest }, abort.signal)) {
      events.push(...some);
    }
  })();
  t.teardown(async () => {
    abort.abort();
    await watching;
    if (clock.pending > 0) throw new Error('a timer was left behind');
    if (transport.waiting > 0) throw new Error('a request was overlooked');
  });
  return {
    transport,
    clock,
    abort,
    /** What happened since it was last asked, in words. */
    async seen(): Promise<string[]> {
      await settled();
      return events.splice(0).map(inWords);
    },
    /** Takes the next request, once it is made. */
    async request() {
      await settled();
      return transport.take();
    },
  };
}

function inWords(event: WatchEvent): string {
  switch (event.type) {
    case 'put':
      return `put ${event.object.namespace}/${event.object.name}@${event.object.resourceVersion}`;
    case 'seen':
    case 'gone':
      return `${event.type} ${event.name.namespace}/${event.name.name}`;
    case 'listing':
      return `listing (${event.reason})`;
    case 'fault':
      return `${event.fault.code}: ${event.fault.message}`;
    case 'listed':
    case 'alive':
      return event.type;
    default:
      return event satisfies never;
  }
}

/** A machine that has its list, by streaming, and watches from resourceVersion 1416. */
async function listed(t: Test, selection?: Selection) {
  const run = start(t, selection);
  const watch = await run.request();
  watch.play(recorded('streaming list'));
  await run.seen();
  return { ...run, watch };
}

const streamQuery = {
  sendInitialEvents: 'true',
  resourceVersionMatch: 'NotOlderThan',
  watch: 'true',
  allowWatchBookmarks: 'true',
  timeoutSeconds: '600',
};

function watchQuery(resourceVersion: string) {
  return { resourceVersion, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '600' };
}

/** One line of a watch, for what no recording shows. */
function line(type: string, name: string, resourceVersion: string, more: object = {}): string {
  const metadata = { namespace: 'demo', name, resourceVersion };
  return JSON.stringify({ type, object: { kind: 'Service', apiVersion: 'v1', metadata, ...more } });
}

t.test('a streaming list goes on as a watch', async (t) => {
  const run = start(t);
  const request = await run.request();
  t.equal(request.path, '/api/v1/services');
  t.strictSame(request.query, streamQuery);
  t.strictSame(request.headers, { accept: 'application/json' });
  request.play(recorded('streaming list'));
  t.strictSame(await run.seen(), [
    'listing (start)',
    'put demo/db@1231',
    'put demo/ext@1234',
    'put demo/web@1300',
    'listed',
    'alive',
  ]);
  request.lines([line('MODIFIED', 'web', '1500'), line('DELETED', 'ext', '1501'), line('ADDED', 'new', '1502')]);
  t.strictSame(await run.seen(), ['put demo/web@1500', 'gone demo/ext', 'put demo/new@1502', 'alive']);
  await run.clock.advance(5_000);
  request.end();
  t.strictSame(
    (await run.request()).query,
    watchQuery('1502'),
    'its end is no fault: the next watch takes it up at once',
  );
  t.strictSame(await run.seen(), []);
});

t.test('the end mark alone is an empty list', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.play(recorded('streaming list of nothing'));
  t.strictSame(await run.seen(), ['listing (start)', 'listed', 'alive']);
  await run.clock.advance(2_000);
  request.end();
  t.strictSame((await run.request()).query, watchQuery('1419'));
});

t.test('a streaming list that ends before its end mark is void, and nothing of it is resumed from', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.play(recorded('streaming list without bookmarks'));
  await run.clock.advance(3_000);
  request.end();
  t.strictSame(await run.seen(), [
    'listing (start)',
    'put demo/db@1231',
    'put demo/ext@1234',
    'put demo/web@1300',
    'closed: Failed to watch: failed to list *v1.Service: the API server ended it after 3000 ms',
  ]);
  await run.clock.advance(800);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('a change between the initial events and their end mark counts, without being resumed from', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.answer().lines([line('ADDED', 'a', '900'), line('ADDED', 'b', '100'), line('DELETED', 'a', '901')]);
  t.strictSame(await run.seen(), ['listing (start)', 'put demo/a@900', 'put demo/b@100', 'gone demo/a']);
  request.break('read ECONNRESET');
  t.match(await run.seen(), [/^closed: /]);
  await run.clock.advance(800);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('a server that knows no streaming list sends no end mark: pages, from then on', async (t) => {
  const run = start(t);
  const stream = await run.request();
  stream.play(recorded('streaming list without bookmarks'));
  await run.clock.advance(10_000);
  t.ok(stream.signal.aborted, 'the stream is given up');
  const page = await run.request();
  t.strictSame(page.query, { limit: '500' });
  page.play(recorded('empty list'));
  t.strictSame((await run.seen()).slice(-2), ['listing (unmarked)', 'listed']);
  (await run.request()).play(recorded('expired watch'));
  await run.clock.advance(800);
  t.strictSame((await run.request()).query, { limit: '500' }, 'it is not asked to stream again');
});

t.test('a server that refuses to stream a list is asked for pages at once, from then on', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  const page = await run.request();
  t.strictSame(page.query, { limit: '500' });
  t.strictSame(page.headers, { accept: 'application/json', 'accept-encoding': 'gzip' });
  page.play(recorded('empty list'));
  t.strictSame(await run.seen(), ['listing (start)', 'listed'], 'a refusal is no fault');
  (await run.request()).play(recorded('expired watch'));
  await run.clock.advance(800);
  t.strictSame((await run.request()).query, { limit: '500' });
});

t.test('a list in pages', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  (await run.request()).play(recorded('page 1'));
  const first = await run.seen();
  t.equal(first.length, 101);
  t.match(first.slice(0, 2), ['listing (start)', /^put bulk\/svc-000@/]);
  const second = await run.request();
  t.match(second.query, { limit: '500', continue: /^eyJ2Ijoi/ });
  second.play(recorded('page 2'));
  t.equal((await run.seen()).length, 100, 'no second beginning');
  (await run.request()).play(recorded('page 3'));
  const last = await run.seen();
  t.equal(last.length, 55);
  t.equal(last.at(-1), 'listed');
  t.strictSame((await run.request()).query, watchQuery('1407'), 'the watch begins where the list was made');
});

t.test('an expired continue token begins the list anew', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  (await run.request()).play(recorded('page 1'));
  (await run.request()).play(recorded('expired token'));
  await run.seen();
  await run.clock.advance(800);
  const again = await run.request();
  t.strictSame(again.query, { limit: '500' }, 'not with the token that would continue it inconsistently');
  again.play(recorded('page 1'));
  t.equal((await run.seen())[0], 'listing (expired)');
  (await run.request()).fail('gone');
  await run.seen();
  await run.clock.advance(1_600);
  t.match((await run.request()).query, { continue: /./ }, 'a page that was not answered is asked for again');
});

t.test('a too old resourceVersion leads to a list, without a fault', async (t) => {
  for (const name of ['expired watch', 'expired by restart']) {
    const run = await listed(t);
    await run.clock.advance(5_000);
    run.watch.end();
    (await run.request()).play(recorded(name)).end();
    t.strictSame(await run.seen(), [], name);
    await run.clock.advance(800);
    const list = await run.request();
    t.strictSame(list.query, streamQuery, name);
    list.play(recorded('streaming list of nothing'));
    t.strictSame(await run.seen(), ['listing (expired)', 'listed', 'alive'], name);
  }
  const run = await listed(t);
  await run.clock.advance(5_000);
  run.watch.end();
  (await run.request()).play(recorded('expired list'));
  await run.clock.advance(800);
  t.strictSame((await run.request()).query, streamQuery, 'as a status');
});

t.test('bookmarks of every kind confirm, move the resourceVersion and are never stored', async (t) => {
  const cases = [
    ['Service', 'quiet services', '1381'],
    ['Namespace', 'quiet namespaces', '1381'],
    ['EndpointSlice', 'quiet slices', '1383'],
    ['Pod', 'quiet pods', '1398'],
  ] as const;
  for (const [kind, name, resourceVersion] of cases) {
    const run = await listed(t, { kind });
    for (const bookmark of linesOf(name)) {
      await run.clock.advance(60_000);
      run.watch.lines([bookmark]);
      t.strictSame(await run.seen(), ['alive'], kind);
    }
    run.watch.end();
    t.equal((await run.request()).query['resourceVersion'], resourceVersion, kind);
  }
});

t.test('an object that leaves the selection is gone; a deletion has a resourceVersion of its own', async (t) => {
  const run = await listed(t);
  run.watch.lines(linesOf('selected watch'));
  t.strictSame(await run.seen(), ['gone demo/web', 'put demo/db@1502', 'put demo/web@1505', 'gone demo/db', 'alive']);
  await run.clock.advance(1_000);
  run.watch.end();
  t.equal((await run.request()).query['resourceVersion'], '1508');
});

t.test('selectors go with every request', async (t) => {
  const selection = {
    kind: 'Pod',
    labelSelector: 'tier in (a,b),x!=y',
    fieldSelector: 'status.phase!=Failed',
  } as const;
  const selectors = { labelSelector: 'tier in (a,b),x!=y', fieldSelector: 'status.phase!=Failed' };
  const run = start(t, selection);
  const stream = await run.request();
  t.match(stream.query, selectors);
  stream.play(recorded('streaming list without match'));
  const page = await run.request();
  t.match(page.query, selectors);
  page.play(recorded('empty list'));
  t.match((await run.request()).query, selectors);
});

t.test('a watch that is silent for longer than bookmarks are apart is dead', async (t) => {
  const run = await listed(t);
  await run.clock.advance(99_999);
  t.notOk(run.watch.signal.aborted);
  await run.clock.advance(1);
  t.ok(run.watch.signal.aborted);
  t.strictSame(await run.seen(), [
    'silent: Failed to watch: failed to watch *v1.Service: nothing came from the API server for 100 s',
  ]);
  const next = await run.request();
  t.strictSame(next.query, watchQuery('1416'), 'it is taken up where it was heard last');
  next.play(recorded('watch of the future'));
  await run.clock.advance(100_000);
  t.match(await run.seen(), [/^silent: /]);
  t.strictSame(
    (await run.request()).query,
    streamQuery,
    'one that never spoke may wait for a version that never comes',
  );
});

t.test('a request without a response is given up after 30 s', async (t) => {
  const run = start(t);
  const request = await run.request();
  await run.clock.advance(30_000);
  t.ok(request.signal.aborted);
  t.strictSame(await run.seen(), [
    'silent: Failed to watch: failed to list *v1.Service: nothing came from the API server for 30 s',
  ]);
  await run.clock.advance(800);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('a watch that the server ends at once is backed off from', async (t) => {
  const run = await listed(t);
  await run.clock.advance(1_000);
  run.watch.end();
  (await run.request()).answer().end();
  t.strictSame(await run.seen(), [
    'closed: Failed to watch: failed to watch *v1.Service: the API server ended it after 0 ms',
  ]);
  await run.clock.advance(799);
  t.equal(run.transport.waiting, 0);
  await run.clock.advance(1);
  t.strictSame((await run.request()).query, watchQuery('1416'));
});

t.test('a connection that breaks is taken up at once', async (t) => {
  const run = await listed(t);
  await run.clock.advance(1_000);
  run.watch.lines([line('MODIFIED', 'web', '1500')]).send('{"type":"MODIF');
  await run.seen();
  run.watch.break('read ECONNRESET');
  t.strictSame((await run.request()).query, watchQuery('1500'), 'half a line is nothing');
  t.strictSame(await run.seen(), []);
});

t.test('failures are backed off from, up to 30 s; a watch that lasted makes it start over', async (t) => {
  const run = start(t);
  for (const waitMs of [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
    (await run.request()).fail('connect: connection refused');
    t.strictSame(await run.seen(), [
      'unreachable: Failed to watch: failed to list *v1.Service: connect: connection refused',
    ]);
    await run.clock.advance(waitMs - 1);
    t.equal(run.transport.waiting, 0);
    await run.clock.advance(1);
  }
  const request = await run.request();
  request.play(recorded('streaming list'));
  await run.clock.advance(10_000);
  request.end();
  (await run.request()).fail('connect: connection refused');
  await run.clock.advance(800);
  t.strictSame(
    (await run.request()).query,
    watchQuery('1416'),
    'the API server restarts: its watches end, then it is away',
  );
});

interface Refusal {
  readonly name: string;
  readonly selection?: Selection;
  /** Faults, in words. */
  readonly faults: readonly string[];
  /** How long it waits. */
  readonly waitMs: number;
}

const listRefusals: readonly Refusal[] = [
  {
    name: 'bad token',
    faults: [
      'unauthorized: Failed to watch: failed to list *v1.Service: Unauthorized: the token or client certificate is not accepted',
    ],
    waitMs: 800,
  },
  {
    name: 'no rights to services',
    faults: [
      'forbidden: Failed to watch: failed to list *v1.Service: services is forbidden: User "nobody" cannot list resource "services" in API group "" at the cluster scope; its ClusterRole needs the rule apiGroups [""], resources ["services"], verbs ["list", "watch"]',
    ],
    waitMs: 800,
  },
  {
    name: 'no rights to slices',
    selection: { kind: 'EndpointSlice' },
    faults: [
      'forbidden: Failed to watch: failed to list *v1.EndpointSlice: endpointslices.discovery.k8s.io is forbidden: User "nobody" cannot list resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope; its ClusterRole needs the rule apiGroups ["discovery.k8s.io"], resources ["endpointslices"], verbs ["list", "watch"]',
    ],
    waitMs: 800,
  },
  {
    name: 'no such group',
    selection: { kind: 'EndpointSlice' },
    faults: [
      'missing: Failed to watch: failed to list *v1.EndpointSlice: 404 page not found; the API server does not serve endpointslices of discovery.k8s.io/v1',
    ],
    waitMs: 800,
  },
  {
    name: 'no such version',
    faults: [
      'missing: Failed to watch: failed to list *v1.Service: the server could not find the requested resource; the API server does not serve services of v1',
    ],
    waitMs: 800,
  },
  {
    name: 'throttled',
    faults: ['throttled: Failed to watch: failed to list *v1.Service: Too many requests, please try again later.'],
    waitMs: 1_800,
  },
  {
    name: 'list of the future',
    faults: [
      'unavailable: Failed to watch: failed to list *v1.Service: Timeout: Too large resource version: 99999999, current: 1407',
    ],
    waitMs: 1_800,
  },
  {
    name: 'not acceptable',
    faults: [
      'refused: Failed to watch: failed to list *v1.Service: 406: Not Acceptable Available representations: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
    waitMs: 800,
  },
];

t.test('refusals of a list', async (t) => {
  for (const { name, selection, faults, waitMs } of listRefusals) {
    const run = start(t, selection);
    (await run.request()).play(recorded('streaming list without match'));
    (await run.request()).play(recorded(name));
    t.strictSame(await run.seen(), faults, name);
    await run.clock.advance(waitMs - 1);
    t.equal(run.transport.waiting, 0, `${name}: it waits`);
    await run.clock.advance(1);
    t.strictSame((await run.request()).query, { limit: '500' }, `${name}: then it lists again`);
    t.equal(run.transport.renewals, name === 'bad token' ? 1 : 0, `${name}: credentials are read afresh`);
  }
});

t.test('refusals of a streaming list', async (t) => {
  for (const name of ['bad token', 'throttled', 'list of the future']) {
    const run = start(t);
    (await run.request()).play(recorded(name));
    t.equal((await run.seen()).length, 1, name);
    await run.clock.advance(1_800);
    t.strictSame((await run.request()).query, streamQuery, `${name}: says nothing about streaming`);
  }
  for (const name of ['no rights to services', 'no such group']) {
    const run = start(t);
    (await run.request()).play(recorded(name));
    const page = await run.request();
    t.strictSame(page.query, { limit: '500' }, `${name}: a plain list may be allowed`);
    page.play(recorded(name));
    t.equal((await run.seen()).length, 1, name);
    await run.clock.advance(800);
    t.strictSame((await run.request()).query, streamQuery, `${name}: streaming is not ruled out`);
  }
});

t.test('refusals of a watch: what may pass is tried again, else all is listed', async (t) => {
  const cases = [
    ['bad token', 'unauthorized', '1416'],
    ['throttled', 'throttled', '1416'],
    ['list of the future', 'unavailable', '1416'],
    ['watch from nonsense', 'unavailable', undefined],
    ['no rights to services', 'forbidden', undefined],
    ['list from nonsense', 'refused', undefined],
  ] as const;
  for (const [name, code, resourceVersion] of cases) {
    const run = await listed(t);
    await run.clock.advance(5_000);
    run.watch.end();
    (await run.request()).play(recorded(name));
    t.match(await run.seen(), [new RegExp(`^${code}: Failed to watch: failed to watch \\*v1.Service: .`)], name);
    await run.clock.advance(1_800);
    t.equal((await run.request()).query['resourceVersion'], resourceVersion, name);
  }
});

t.test('an ERROR event other than 410 is a refusal too', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list of the future')).end();
  t.strictSame(await run.seen(), [
    'listing (start)',
    'unavailable: Failed to watch: failed to list *v1.Service: Timeout: Too large resource version: 99999999, current: 1419',
  ]);
  await run.clock.advance(1_799);
  t.equal(run.transport.waiting, 0, 'it waits for as long as it was told, and some more');
  await run.clock.advance(1);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('Retry-After is heeded, within reason', async (t) => {
  const run = start(t);
  (await run.request()).answer(429, { 'retry-after': '3600' }).send('busy').end();
  await run.seen();
  await run.clock.advance(60_799);
  t.equal(run.transport.waiting, 0);
  await run.clock.advance(1);
  await run.request();
});

t.test('an error without a readable body is told by its status', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.answer(502).send('<html>');
  request.break('read ECONNRESET');
  t.strictSame(await run.seen(), ['unavailable: Failed to watch: failed to list *v1.Service: HTTP status 502']);
});

t.test('a malformed object is left out and the watch goes on', async (t) => {
  const run = await listed(t);
  run.watch.lines([
    line('MODIFIED', 'web', '1500', { spec: 'nonsense' }),
    JSON.stringify({ type: 'ADDED', object: { metadata: {} } }),
    JSON.stringify({ type: 'ADDED' }),
    JSON.stringify({ type: 'RENAMED', object: {} }),
    line('ADDED', 'new', '1501'),
  ]);
  t.strictSame(await run.seen(), [
    'malformed: Failed to read *v1.Service: demo/web is left out: spec is not an object',
    'seen demo/web',
    'malformed: Failed to read *v1.Service: an object is left out: metadata.name is missing',
    'malformed: Failed to read *v1.Service: an object is left out: metadata.name is missing',
    'malformed: Failed to read *v1.Service: an event is left out: its type is RENAMED',
    'put demo/new@1501',
    'alive',
  ]);
});

t.test('a pod on its way out is seen, but not put', async (t) => {
  const run = await listed(t, { kind: 'Pod' });
  const metadata = {
    namespace: 'demo',
    name: 'web-0',
    resourceVersion: '1500',
    deletionTimestamp: '2026-01-01T00:00:00Z',
  };
  run.watch.lines([JSON.stringify({ type: 'MODIFIED', object: { metadata, status: {} } })]);
  t.strictSame(await run.seen(), ['seen demo/web-0', 'alive']);
});

t.test('what is not the protocol leads to a list', async (t) => {
  const garbage = ['<html>oops</html>\n', '[]\n', '"text"\n', `${JSON.stringify({ type: 'ERROR', object: 7 })}\n`];
  for (const piece of garbage) {
    const run = await listed(t);
    run.watch.send(piece);
    t.match(
      await run.seen(),
      [/^garbled: Failed to watch: failed to watch \*v1.Service: an event cannot be read: /],
      piece,
    );
    await run.clock.advance(800);
    t.strictSame((await run.request()).query, streamQuery, piece);
  }
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  const pages = ['{"metadata":{"resourceVersion":"7"},"items":{}}', '{"metadata":{},"items":[]}', '{"items":['];
  for (const page of pages) {
    (await run.request()).answer().send(page).end();
    t.match(await run.seen(), [/^garbled: Failed to watch: failed to list \*v1.Service: /], page);
    await run.clock.advance(30_000);
  }
  t.strictSame((await run.request()).query, { limit: '500' });
});

t.test('an end mark without a resourceVersion is none', async (t) => {
  const run = start(t);
  const mark = line('BOOKMARK', '', '').replace(
    '"resourceVersion":""',
    '"annotations":{"k8s.io/initial-events-end":"true"}',
  );
  (await run.request()).answer().lines([mark]);
  t.match(await run.seen(), ['listing (start)', /^garbled: .*metadata.resourceVersion is missing/]);
});

t.test('lines are cut from bytes, wherever the network cuts them', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.answer();
  const lines = [
    ...linesOf('streaming list'),
    line('ADDED', 'new', '1500', { spec: { externalName: 'bücher.example' } }),
  ];
  const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
  for (let at = 0; at < bytes.length; at += 7) request.send(bytes.subarray(at, at + 7));
  t.strictSame(await run.seen(), [
    'listing (start)',
    'put demo/db@1231',
    'put demo/ext@1234',
    'put demo/web@1300',
    'listed',
    'alive',
    'alive',
    'put demo/new@1500',
    'alive',
  ]);
});

t.test('a line without end does not fill the memory', async (t) => {
  const run = await listed(t);
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  for (let sent = 0; sent < 17; sent++) run.watch.send(piece);
  t.match(await run.seen(), [/^garbled: .*: more than 16777216 bytes in one piece$/]);
  t.ok(run.watch.signal.aborted);
});

t.test('a page that is too large is asked for in smaller ones', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  for (const limit of ['500', '250', '125']) {
    const page = await run.request();
    t.strictSame(page.query, { limit });
    page.answer();
    for (let sent = 0; sent < 17; sent++) page.send(piece);
  }
  const page = await run.request();
  t.strictSame(page.query, { limit: '62' });
  page.play(recorded('empty list'));
  t.strictSame(await run.seen(), ['listing (oversize)', 'listed'], 'which is no fault');
  t.match((await run.request()).query, { watch: 'true' });
});

t.test('it stops in every state', async (t) => {
  const asking = start(t);
  const request = await asking.request();
  asking.abort.abort();
  t.ok(request.signal.aborted, 'while it waits for a response');
  t.strictSame(await asking.seen(), []);

  const following = await listed(t);
  following.abort.abort();
  t.ok(following.watch.signal.aborted, 'while it watches');
  t.strictSame(await following.seen(), []);

  const waiting = start(t);
  (await waiting.request()).fail('connect: connection refused');
  await waiting.seen();
  waiting.abort.abort();
  t.strictSame(await waiting.seen(), [], 'while it backs off');
});
