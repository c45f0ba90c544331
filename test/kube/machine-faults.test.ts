import t from 'tap';
import type { Selection } from '../../src/kube/resources.ts';
import { line, listed, start, streamQuery } from './machine-run.ts';
import { linesOf, recorded } from './recorded.ts';

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
    waitMs: 200,
  },
  {
    name: 'no rights to services',
    faults: [
      'forbidden: Failed to watch: failed to list *v1.Service: services is forbidden: User "nobody" cannot list resource "services" in API group "" at the cluster scope; its ClusterRole needs the rule apiGroups [""], resources ["services"], verbs ["list", "watch"]',
    ],
    waitMs: 200,
  },
  {
    name: 'no rights to slices',
    selection: { kind: 'EndpointSlice' },
    faults: [
      'forbidden: Failed to watch: failed to list *v1.EndpointSlice: endpointslices.discovery.k8s.io is forbidden: User "nobody" cannot list resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope; its ClusterRole needs the rule apiGroups ["discovery.k8s.io"], resources ["endpointslices"], verbs ["list", "watch"]',
    ],
    waitMs: 200,
  },
  {
    name: 'no such group',
    selection: { kind: 'EndpointSlice' },
    faults: [
      'missing: Failed to watch: failed to list *v1.EndpointSlice: 404 page not found; the API server does not serve endpointslices of discovery.k8s.io/v1',
    ],
    waitMs: 200,
  },
  {
    name: 'no such version',
    faults: [
      'missing: Failed to watch: failed to list *v1.Service: the server could not find the requested resource; the API server does not serve services of v1',
    ],
    waitMs: 200,
  },
  {
    name: 'throttled',
    faults: ['throttled: Failed to watch: failed to list *v1.Service: Too many requests, please try again later.'],
    waitMs: 1_200,
  },
  {
    name: 'list of the future',
    faults: [
      'unavailable: Failed to watch: failed to list *v1.Service: Timeout: Too large resource version: 99999999, current: 1407',
    ],
    waitMs: 1_200,
  },
  {
    name: 'not acceptable',
    faults: [
      'refused: Failed to watch: failed to list *v1.Service: 406: Not Acceptable Available representations: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
    waitMs: 200,
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
    await run.clock.advance(1_200);
    t.strictSame((await run.request()).query, streamQuery, `${name}: says nothing about streaming`);
  }
  for (const name of ['no rights to services', 'no such group']) {
    const run = start(t);
    (await run.request()).play(recorded(name));
    const page = await run.request();
    t.strictSame(page.query, { limit: '500' }, `${name}: a plain list may be allowed`);
    page.play(recorded(name));
    t.equal((await run.seen()).length, 1, name);
    await run.clock.advance(200);
    t.strictSame((await run.request()).query, streamQuery, `${name}: streaming is not ruled out`);
  }
});

t.test('a custom resource that is not defined: what to do about it', async (t) => {
  const run = start(t, { kind: 'ServiceImport' });
  (await run.request()).play(recorded('no such group'));
  (await run.request()).play(recorded('no such group'));
  t.strictSame(await run.seen(), [
    "missing: Failed to watch: failed to list *v1alpha1.ServiceImport: 404 page not found; the API server does not serve serviceimports of multicluster.x-k8s.io/v1alpha1: install the CustomResourceDefinition of the Multi-Cluster Services API, or take 'multicluster' out of the Corefile",
  ]);
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
    await run.clock.advance(1_200);
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
  await run.clock.advance(1_199);
  t.equal(run.transport.waiting, 0, 'it waits for as long as it was told, and some more');
  await run.clock.advance(1);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('Retry-After is heeded, within reason', async (t) => {
  const run = start(t);
  (await run.request()).answer(429, { 'retry-after': '3600' }).send('busy').end();
  await run.seen();
  await run.clock.advance(60_199);
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
    await run.clock.advance(200);
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
