import t from 'tap';
import { readFileSync } from 'node:fs';
import { call, json, until, WatchClient, type ApiBody, type Sent } from './client.ts';
import { createDemo, recorded, serve } from './world.ts';

const SERVICES = '/api/v1/namespaces/demo/services';

/** Resource versions differ from one server to the next; everything else is compared to the letter. */
function withoutRevisions(text: string): string {
  return text.replace(/"resourceVersion":"\d+"/g, '"resourceVersion":"N"').replace(/current: \d+/, 'current: N');
}

t.test('refusals read as the API server wrote them', async (t) => {
  const { cluster, clock, server } = await serve();
  t.teardown(() => server.close());
  createDemo(cluster);
  for (const { url, status, type, retryAfter, answer = '', ...sent } of recorded('refusals')) {
    const answered = call(server, url, sent);
    if (answer.includes('Too large resource version')) {
      await until(() => clock.pending > 0);
      await clock.advance(3000);
    }
    const got = await answered;
    t.match(
      {
        status: got.status,
        type: got.type,
        retryAfter: got.headers['retry-after'],
        text: withoutRevisions(got.text.trimEnd()),
      },
      { status, type, retryAfter, text: withoutRevisions(answer.trimEnd()) },
      `${sent.method} ${url}`,
    );
  }
});

t.test('who may ask', async (t) => {
  const { cluster, server } = await serve({ token: 'right' });
  t.teardown(() => server.close());
  createDemo(cluster);
  for (const { method, url, client, status, type, answer } of recorded('access')) {
    const token = client === 'invalid bearer token' ? { token: 'wrong' } : {};
    const got = await call(server, url, { method, ...token });
    t.equal(got.status, status, `${client}: ${url}`);
    t.equal(got.type, type, `${client}: ${url}`);
    if (answer !== undefined) t.equal(got.text, answer, `${client}: ${url}`);
  }
  t.equal((await call(server, SERVICES, { token: 'right' })).status, 200);
  server.changeToken('next');
  t.equal((await call(server, SERVICES, { token: 'right' })).status, 401, 'a token that was changed');
  t.equal((await call(server, SERVICES, { token: 'next' })).status, 200);
});

t.test('HTTPS with a CA and a token, as a pod speaks', async (t) => {
  const pem = (name: string) => readFileSync(new URL(`data/localhost.${name}.pem`, import.meta.url), 'utf8');
  const { cluster, server } = await serve({ tls: { key: pem('key'), cert: pem('cert') }, token: 'right' });
  t.teardown(() => server.close());
  createDemo(cluster);
  t.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const { items } = await json(server, SERVICES, { ca: pem('cert'), token: 'right' });
  t.equal(items.length, 3);
  await t.rejects(
    call(server, SERVICES, { token: 'right' }),
    { code: /SELF_SIGNED|UNABLE_TO_VERIFY/ },
    'without the CA',
  );
});

t.test('lists', async (t) => {
  const { cluster, server } = await serve();
  t.teardown(() => server.close());
  createDemo(cluster);
  const names = (list: ApiBody) => list.items.map(({ metadata }) => metadata.name);

  await t.test('items have no kind of their own, compact, with a newline', async (t) => {
    const { text } = await call(server, SERVICES);
    const list = JSON.parse(text);
    t.match(list, {
      kind: 'ServiceList',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(cluster.store.revision) },
    });
    t.same(Object.keys(list.items[0]), ['metadata', 'spec', 'status']);
    t.ok(text.endsWith('}\n'));
    t.ok(text.startsWith('{"kind":"ServiceList"'));
  });

  await t.test('pages show one state, whatever happens between them', async (t) => {
    const first = await json(server, `${SERVICES}?limit=1`);
    t.same(names(first), ['db']);
    t.match(first.metadata, { remainingItemCount: 2 });
    // The token is the recorded one but for the resource version.
    t.match(JSON.parse(Buffer.from(first.metadata.continue ?? '', 'base64url').toString()), {
      v: 'meta.k8s.io/v1',
      rv: Number(first.metadata.resourceVersion),
      start: '/db\0',
    });
    cluster.delete('Service', 'demo', 'ext');
    cluster.patch('Service', 'demo', 'web', { type: 'merge', body: { metadata: { labels: { seen: 'late' } } } });
    const second = await json(server, `${SERVICES}?limit=1&continue=${first.metadata.continue}`);
    t.same(names(second), ['ext']);
    const third = await json(server, `${SERVICES}?limit=1&continue=${second.metadata.continue}`);
    t.same(names(third), ['web']);
    t.same(third.items[0]?.metadata.labels, { app: 'web', tier: 'front' });
    t.same(third.metadata, { resourceVersion: first.metadata.resourceVersion }, 'the last page has no continue');
    t.same(names(await json(server, SERVICES)), ['db', 'web']);
  });

  await t.test('what a limit and a resource version mean together', async (t) => {
    const revision = cluster.store.revision;
    cluster.create('Service', 'demo', { metadata: { name: 'api' }, spec: { ports: [{ port: 1 }] } });
    const table: readonly [query: string, names: readonly string[]][] = [
      ['?resourceVersion=0&limit=1', ['api', 'db', 'web']],
      [`?resourceVersion=${revision}`, ['api', 'db', 'web']],
      [`?resourceVersion=${revision}&resourceVersionMatch=NotOlderThan&limit=1`, ['api']],
      [`?resourceVersion=${revision}&resourceVersionMatch=Exact`, ['db', 'web']],
      [`?resourceVersion=${revision}&limit=1`, ['db']],
      ['?limit=0', ['api', 'db', 'web']],
      ['?noSuchParameter=1', ['api', 'db', 'web']],
    ];
    for (const [query, expected] of table) t.same(names(await json(server, SERVICES + query)), expected, query);
  });

  await t.test('too old: 410, with a token to go on', async (t) => {
    const { metadata } = await json(server, `${SERVICES}?limit=2`);
    cluster.create('Service', 'demo', { metadata: { name: 'z' }, spec: { ports: [{ port: 1 }] } });
    server.expireHistory();
    const [token, exact] = recorded('expired');
    const gone = await call(server, `${SERVICES}?continue=${metadata.continue}`);
    t.equal(gone.status, 410);
    const body = JSON.parse(gone.text);
    t.match(body, { ...JSON.parse(token?.answer ?? ''), metadata: { continue: String } });
    t.same(names(await json(server, `${SERVICES}?continue=${body.metadata.continue}`)), ['web', 'z']);
    const old = await call(
      server,
      `${SERVICES}?resourceVersion=${metadata.resourceVersion}&resourceVersionMatch=Exact`,
    );
    t.equal(old.text, exact?.answer);
  });

  await t.test('selectors', async (t) => {
    const table: readonly [query: string, names: readonly string[]][] = [
      ['labelSelector=tier=front', ['web']],
      ['labelSelector=tier==front', ['web']],
      ['labelSelector=tier!=front', ['api', 'db', 'z']],
      ['labelSelector=tier+in+(front,back),app!=db', ['web']],
      ['labelSelector=tier+notin+(front)', ['api', 'db', 'z']],
      ['labelSelector=tier', ['db', 'web']],
      ['labelSelector=!tier', ['api', 'z']],
      ['labelSelector=service.kubernetes.io/headless', []],
      ['fieldSelector=metadata.name=web', ['web']],
      ['fieldSelector=metadata.name!=web,metadata.namespace==demo', ['api', 'db', 'z']],
      ['fieldSelector=spec.clusterIP=None', ['db']],
    ];
    for (const [query, expected] of table)
      t.same(names(await json(server, `/api/v1/services?${query}`)), expected, query);
    const page = await json(server, '/api/v1/services?labelSelector=tier&limit=1');
    t.notOk('remainingItemCount' in page.metadata, 'a selective page cannot tell how many remain');
  });
});

t.test('writes', async (t) => {
  const { cluster, server } = await serve();
  t.teardown(() => server.close());
  createDemo(cluster);
  const patch = (contentType: string, body: unknown) =>
    json(server, `${SERVICES}/web`, { method: 'PATCH', contentType, body });

  await t.test('create', async (t) => {
    const body = { metadata: { generateName: 'gen-' }, spec: { ports: [{ port: 1 }] } };
    const got = await call(server, SERVICES, { method: 'POST', body });
    t.equal(got.status, 201);
    const created = JSON.parse(got.text);
    t.same(Object.keys(created), ['kind', 'apiVersion', 'metadata', 'spec', 'status']);
    t.match(created.metadata, {
      name: /^gen-[a-z0-9]{5}$/,
      uid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
      creationTimestamp: '2026-01-01T00:00:00Z',
      resourceVersion: String(cluster.store.revision),
    });
    const before = cluster.store.revision;
    const dry = { method: 'POST', body: { metadata: { name: 'dry' }, spec: { ports: [{ port: 1 }] } } };
    t.equal((await call(server, `${SERVICES}?dryRun=All`, dry)).status, 201);
    t.equal(cluster.store.revision, before, 'a dry run stores nothing');
    const yaml = 'apiVersion: v1\nkind: Service\nmetadata: {name: y1}\nspec: {ports: [{port: 80}]}\n';
    const fromYaml = await json(server, SERVICES, { method: 'POST', contentType: 'application/yaml', body: yaml });
    t.match(fromYaml, { metadata: { name: 'y1' }, spec: { ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }] } });
  });

  await t.test('update', async (t) => {
    const web = await json(server, `${SERVICES}/web`);
    const body = { ...web, metadata: { ...web.metadata, labels: { app: 'web' } } };
    const updated = await json(server, `${SERVICES}/web`, { method: 'PUT', body });
    t.same(updated.metadata.labels, { app: 'web' });
    t.not(updated.metadata.resourceVersion, web.metadata.resourceVersion);
    const again = await call(server, `${SERVICES}/web`, { method: 'PUT', body });
    t.equal(again.status, 409, 'the resource version is no longer the newest');
    const same = await json(server, `${SERVICES}/web`, { method: 'PUT', body: updated });
    t.equal(same.metadata.resourceVersion, updated.metadata.resourceVersion, 'what changes nothing is no change');
  });

  await t.test('patch', async (t) => {
    const merged = await patch('application/merge-patch+json', { metadata: { labels: { app: null, tier: 'x' } } });
    t.same(merged.metadata.labels, { tier: 'x' });
    const strategic = await patch('application/strategic-merge-patch+json', {
      spec: {
        '$setElementOrder/ports': [{ port: 90 }, { port: 80 }],
        ports: [
          { name: 'x', port: 90 },
          { port: 80, targetPort: 7070 },
        ],
      },
    });
    t.match(strategic.spec.ports, [
      { name: 'x', port: 90 },
      { name: 'http', port: 80, targetPort: 7070 },
    ]);
    const operations = [
      { op: 'test', path: '/spec/ports/0/port', value: 90 },
      { op: 'remove', path: '/spec/ports/0' },
      { op: 'add', path: '/metadata/labels/a~1b', value: 'c' },
    ];
    const jsonPatched = await patch('application/json-patch+json', operations);
    t.match(jsonPatched.spec.ports, [{ port: 80 }]);
    t.same(jsonPatched.metadata.labels, { 'a/b': 'c', tier: 'x' });
    const stale = { metadata: { resourceVersion: '1' } };
    const sent = { method: 'PATCH', contentType: 'application/merge-patch+json', body: stale };
    t.equal((await call(server, `${SERVICES}/web`, sent)).status, 409);
    t.equal(
      (await call(server, `${SERVICES}/web`, { ...sent, contentType: 'application/apply-patch+yaml' })).status,
      415,
    );
  });

  await t.test('delete answers the last state, or that it is done', async (t) => {
    const before = await json(server, `${SERVICES}/web`);
    const wrong = { method: 'DELETE', body: { preconditions: { uid: 'another' } } };
    t.equal((await call(server, `${SERVICES}/web`, wrong)).status, 409);
    const gone = await json(server, `${SERVICES}/web`, { method: 'DELETE', body: { propagationPolicy: 'Background' } });
    t.match(gone, { kind: 'Service', spec: before.spec });
    t.ok(Number(gone.metadata.resourceVersion) > Number(before.metadata.resourceVersion));
    t.equal((await call(server, `${SERVICES}/web`)).status, 404);
    const slice = { metadata: { name: 's' }, addressType: 'IPv4', endpoints: [] };
    const slices = '/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices';
    t.equal((await call(server, slices, { method: 'POST', body: slice })).status, 201);
    const done = await json(server, `${slices}/s`, { method: 'DELETE' });
    const details = { name: 's', group: 'discovery.k8s.io', kind: 'endpointslices', uid: String };
    t.match(done, { kind: 'Status', status: 'Success', details });
  });

  await t.test('scale', async (t) => {
    const labels = { app: 'x' };
    cluster.create('Deployment', 'demo', {
      metadata: { name: 'x' },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels } } },
    });
    const path = '/apis/apps/v1/namespaces/demo/deployments/x/scale';
    const sent = { method: 'PATCH', contentType: 'application/merge-patch+json', body: { spec: { replicas: 3 } } };
    const scale = { kind: 'Scale', spec: { replicas: 3 }, status: { replicas: 0, selector: 'app=x' } };
    t.match(await json(server, path, sent), scale);
    t.match(await json(server, path), scale);
    t.match(await json(server, '/apis/apps/v1/namespaces/demo/deployments/x'), {
      metadata: { generation: 2 },
      spec: { replicas: 3 },
    });
  });

  await t.test('the protobuf bodies of kubectl create', async (t) => {
    for (const { command, url, bodyBase64, created } of recorded('kubectl-create')) {
      const body = Buffer.from(bodyBase64, 'base64');
      const contentType = 'application/vnd.kubernetes.protobuf';
      t.match(await json(server, url, { method: 'POST', contentType, body }), created, command);
      const cut = await call(server, url, { method: 'POST', contentType, body: body.subarray(0, -3) });
      t.equal(cut.status, 400, `${command}, cut short`);
    }
  });

  await t.test('what is too much', async (t) => {
    const body = `{"metadata":{"name":"${'x'.repeat(3 * 1024 * 1024)}"}}`;
    const got = await call(server, SERVICES, { method: 'POST', body }).catch(() => undefined);
    t.ok(got === undefined || got.status === 413, 'refused, or cut while it is sent');
    t.equal((await call(server, SERVICES)).status, 200, 'and the server lives');
  });

  await t.test('paths and bodies without sense', async (t) => {
    const table: readonly [path: string, sent: Sent, status: number][] = [
      ['/api/v1/namespaces/%ff/services', {}, 400],
      ['/api/v1/services/web', {}, 404],
      ['/api/v1/services', { method: 'POST', body: {} }, 405],
      ['/api/v1/namespaces/demo/services/web/proxy', {}, 404],
      [SERVICES, { method: 'POST', body: '[]' }, 400],
      [SERVICES, { method: 'POST', body: '{"kind":"Pod","apiVersion":"v1"}' }, 400],
      [SERVICES, { method: 'POST', body: { metadata: {} } }, 422],
      [SERVICES, { method: 'POST', body: { metadata: { name: 'a' }, spec: { ports: [{ port: '80' }] } } }, 400],
      [SERVICES, { accept: 'text/html' }, 406],
      [SERVICES, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }, 200],
    ];
    for (const [path, sent, status] of table)
      t.equal((await call(server, path, sent)).status, status, `${sent.method} ${path}`);
  });
});

t.test('documents', async (t) => {
  const { server } = await serve();
  t.teardown(() => server.close());
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz?verbose'])
    t.equal((await call(server, path)).text, 'ok', path);
  t.match(await json(server, '/version'), { major: '1', gitVersion: /^v1\./ });
  t.match(await json(server, '/api'), { kind: 'APIVersions', versions: ['v1'] });
  t.match(await json(server, '/apis'), {
    kind: 'APIGroupList',
    groups: [{ name: 'discovery.k8s.io' }, { name: 'apps' }],
  });
  t.match(await json(server, '/apis/apps'), { kind: 'APIGroup', preferredVersion: { groupVersion: 'apps/v1' } });
  const slices = { name: 'endpointslices', singularName: 'endpointslice', namespaced: true, kind: 'EndpointSlice' };
  t.match(await json(server, '/apis/discovery.k8s.io/v1'), { kind: 'APIResourceList', resources: [slices] });
  t.match(await json(server, '/api/v1'), {
    resources: [{ name: 'namespaces' }, { name: 'services' }, { name: 'pods' }],
  });
  for (const version of ['api/v1', 'apis/apps/v1', 'apis/discovery.k8s.io/v1']) {
    t.match(await json(server, '/openapi/v3'), {
      paths: { [version]: { serverRelativeURL: `/openapi/v3/${version}` } },
    });
    t.match(await call(server, `/openapi/v3/${version}`), {
      status: 200,
      text: /"fieldValidation".*"x-kubernetes-action":"patch"/,
    });
  }
});

t.test('faults', async (t) => {
  const { cluster, server } = await serve();
  t.teardown(() => server.close());
  createDemo(cluster);
  const watchPath = `${SERVICES}?watch=true&resourceVersion=${cluster.store.revision}`;
  const relabel = (value: string) => {
    cluster.patch('Service', 'demo', 'web', { type: 'merge', body: { metadata: { labels: { value } } } });
  };

  await t.test('refuse', async (t) => {
    const table: readonly [status: number, type: string, text: RegExp][] = [
      [401, 'application/json', /"reason":"Unauthorized"/],
      [403, 'application/json', /cannot list resource \\"services\\" in API group \\"\\" in the namespace \\"demo\\"/],
      [429, 'text/plain; charset=utf-8', /^Too many requests, please try again later\.\n$/],
      [500, 'application/json', /"reason":"InternalError"/],
      [503, 'application/json', /"reason":"ServiceUnavailable"/],
    ];
    for (const [status, type, text] of table) {
      server.refuse(status);
      t.match(await call(server, SERVICES), { status, type, text });
    }
    t.equal((await call(server, '/healthz')).status, 503);
    server.refuse(undefined);
    t.equal((await call(server, SERVICES)).status, 200);
  });

  await t.test('cutWatches breaks the streams', async (t) => {
    const watch = await WatchClient.open(server, watchPath);
    server.cutWatches();
    await until(() => watch.ended !== undefined);
    t.equal(watch.ended, 'broken');
  });

  await t.test('silence: the open watches are lost, new ones work', async (t) => {
    const lost = await WatchClient.open(server, watchPath);
    server.silence();
    const live = await WatchClient.open(server, watchPath);
    relabel('1');
    t.match(await live.events(1), [{ type: 'MODIFIED' }]);
    t.same(lost.lines, []);
    t.equal(lost.ended, undefined);
    lost.close();
    live.close();
  });

  await t.test('stop and start: the same port, the same objects', async (t) => {
    const { port } = server;
    const watch = await WatchClient.open(server, watchPath);
    await server.stop();
    await until(() => watch.ended !== undefined);
    t.equal(watch.ended, 'clean');
    await t.rejects(call(server, SERVICES), { code: 'ECONNREFUSED' });
    await server.start();
    t.equal(server.port, port);
    t.equal((await json(server, SERVICES)).items.length, 3);
  });
});

t.test('a port that is taken', async (t) => {
  const { server } = await serve();
  t.teardown(() => server.close());
  await t.rejects(serve({ port: server.port }), { code: 'EADDRINUSE' });
});
