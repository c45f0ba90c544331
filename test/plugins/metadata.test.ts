import t from 'tap';
import { type Metadata, metadata, type MetadataSource, metadataSources } from '../../src/core/metadata.ts';
import { parseQuery } from '../../src/core/accept.ts';
import { emptyAnswer } from '../../src/core/answer.ts';
import type { Handler } from '../../src/core/handler.ts';
import type { BlockScope } from '../../src/core/plugin.ts';
import { FLAG, RCODE } from '../../src/dns/codes.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { kubernetesLabels } from '../../src/plugins/kubernetes/metadata.ts';
import { logPlugin } from '../../src/plugins/log/index.ts';
import { metadataPlugin } from '../../src/plugins/metadata/index.ts';
import { ask, queryFor, testPeer } from '../support/ask.ts';
import { kubernetesConfig } from '../support/cluster-zones.ts';
import { exchangeUdp, questionWire } from '../support/dns-client.ts';
import { build, mistakesOf, noNext, testHost } from '../support/env.ts';
import { startServer } from '../support/running-server.ts';
import { type RawObject, StaticApi } from '../support/static-api.ts';
import { replyTo, startStubUpstream } from '../support/stub-upstream.ts';
import { storeOf } from '../golden/cases/store.ts';
import { untilSynced } from '../golden/synced.ts';
import { forwarding, stub } from '../upstream/forwarding.ts';
import { replyTo as messageTo, silent } from '../upstream/stub-server.ts';

const nothing: Handler = () => emptyAnswer(RCODE.NOERROR, 'test');

t.test('what metadata refuses in a Corefile', async (t) => {
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    [
      'metadata {\nmap a\n}',
      `Corefile:2 - plugin/metadata: Error during parsing: Unexpected token '{', expecting argument; 'metadata' has no block`,
    ],
    [
      'metadata\nmetadata',
      'Corefile:3 - plugin/metadata: this plugin can only be used once per Server Block; the first is on line 2',
    ],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(metadataPlugin, `. {\n${directive}\n}\n`), [mistake]);
});

/** Says of each query its own label, or what was noted for it. */
const tests: MetadataSource = {
  kind: 'derived',
  prefix: 'test',
  labels: ['test/name', 'test/none', 'test/never', 'test/any/'],
  value: (query, label) => (label === 'test/none' ? undefined : `${label} of ${query.key}`),
  obstacle: (label) => (label === 'test/never' ? 'nobody knows it' : undefined),
};

const noted = new WeakMap<object, string>();
const notes: MetadataSource = {
  kind: 'noted',
  prefix: 'notes',
  labels: ['notes/note'],
  value: (query) => noted.get(query),
  forget: (query) => void noted.delete(query),
  carry: (asked, query) => void noted.set(query, noted.get(asked) ?? ''),
};

/** A block with `metadata` as the line says, and these sources. */
function block(line: string, next: Handler = nothing): { scope: BlockScope; known: Metadata; handler: Handler } {
  const { instance, env } = build(metadataPlugin, `example.org {\n${line}\n}\n`);
  for (const source of [tests, notes]) metadataSources.provide(env.scope, source);
  const [known] = metadata.find(env.scope);
  if (known === undefined) throw new Error('metadata provides itself');
  return { scope: env.scope, known, handler: instance.wrap?.(next) ?? next };
}

t.test('a label comes from the source that has it, for names in the zones', async (t) => {
  const cases: readonly (readonly [line: string, name: string, label: string, value: string | undefined])[] = [
    ['metadata', 'www.Example.org.', 'test/name', 'test/name of www.example.org.'],
    [
      'metadata',
      'www.example.org.',
      'test/any/app.kubernetes.io/name',
      'test/any/app.kubernetes.io/name of www.example.org.',
    ],
    ['metadata', 'www.example.org.', 'test/none', undefined],
    ['metadata', 'www.example.org.', 'test/other', undefined],
    ['metadata', 'www.example.org.', 'test/', undefined],
    ['metadata', 'www.example.org.', 'test', undefined],
    ['metadata', 'www.example.org.', 'other/name', undefined],
    ['metadata', 'www.example.net.', 'test/name', undefined],
    ['metadata example.net', 'www.example.net.', 'test/name', 'test/name of www.example.net.'],
    ['metadata example.net', 'www.example.org.', 'test/name', undefined],
    ['metadata 10.0.0.0/8 example.com', '1.0.0.10.in-addr.arpa.', 'test/name', 'test/name of 1.0.0.10.in-addr.arpa.'],
  ];
  for (const [line, name, label, value] of cases) {
    t.equal(block(line).known.value(queryFor(`${name} A`), label), value, `${line}: ${label} of ${name}`);
  }
});

t.test('what is noted on the way is there for any name, and for one query', async (t) => {
  const { known, handler } = block('metadata', (query) => {
    if (query.key === 'noted.test.') noted.set(query, 'a note');
    return nothing(query);
  });
  const query = queryFor('noted.test. A');
  await handler(query);
  t.equal(known.value(query, 'notes/note'), 'a note');
  parseQuery(query, queryFor('other.test. A').wire, testPeer);
  await handler(query);
  t.equal(known.value(query, 'notes/note'), undefined, 'the object holds another query');

  const { instance } = build(metadataPlugin, '. {\nmetadata\n}\n');
  t.equal(instance.wrap?.(nothing), nothing, 'without notes it is not in the way');
});

t.test('why a label has no value', async (t) => {
  const { known } = block('metadata');
  const cases: readonly (readonly [label: string, obstacle: string | undefined])[] = [
    ['test/name', undefined],
    ['test/any/thing', undefined],
    ['test/never', 'nobody knows it'],
    ['test/nevr', `'test' does not have it; did you mean 'test/never'?`],
    ['test/other', `'test' does not have it; it has test/name, test/none, test/never, test/any/KEY`],
    ['other/name', 'no plugin of this block provides it'],
    ['name', 'no plugin of this block provides it'],
  ];
  for (const [label, obstacle] of cases) t.equal(known.obstacle(label), obstacle, label);
});

t.test('log prints labels, and tells of those that it will never print', async (t) => {
  const format = 'log . "{name} {/test/name}|{/test/none}|{/test/nane}|{/test/empty}"';
  const warning = `'-' as long as this server block has no 'metadata'; add that line to it`;
  const cases: readonly (readonly [lines: string, ...warnings: string[]])[] = [
    [format, `Corefile:2 - plugin/log: {/test/name} prints ${warning}`],
    [`log\n${format}\n${format}`, `Corefile:3 - plugin/log: {/test/name} prints ${warning}`],
    [`metadata\n${format}`],
    ['log . "{name} {test/name} {/test"'],
  ];
  for (const [lines, ...warnings] of cases) t.same(build(logPlugin, `. {\n${lines}\n}\n`).warnings, warnings, lines);

  const host = testHost();
  const { instance, env, handler } = build(logPlugin, `. {\nmetadata\n${format}\n}\n`, { host, next: nothing });
  await ask(handler, 'a.test. A');
  metadata.provide(env.scope, {
    value: (query, label) => ({ 'test/name': query.key, 'test/empty': '' })[label],
    obstacle: (label) => (label === 'test/nane' ? 'it is misspelt' : undefined),
  });
  await instance.start?.(false);
  await ask(instance.wrap?.(nothing) ?? noNext, 'a.test. A');
  t.same(host.output, [
    '[INFO] a.test. -|-|-|-',
    `[WARNING] plugin/log: {/test/nane} prints '-': it is misspelt`,
    '[INFO] a.test. a.test.|-|-|',
  ]);
});

/** All labels of a query that has any, as `kind=svc namespace=default`, without the empty ones. */
function labelsOf(source: MetadataSource, question: string, client = '10.244.0.1'): string {
  const query = queryFor(question, { peer: { address: client } });
  const keys = ['app.kubernetes.io/name', 'tier', 'constructor'];
  const labels = source.labels.flatMap((label) => (label.endsWith('/') ? keys.map((key) => label + key) : [label]));
  const values = labels.map((label) => [label.replace('kubernetes/', ''), source.value(query, label)]);
  return values.flatMap(([label, value]) => (value === undefined || value === '' ? [] : `${label}=${value}`)).join(' ');
}

t.test('kubernetes: what a name asks for', async (t) => {
  const source = kubernetesLabels(kubernetesConfig('cluster.local in-addr.arpa', []), () => undefined);
  const cases: readonly (readonly [name: string, labels: string])[] = [
    ['Web.Default.svc.cluster.local.', 'kind=svc namespace=default service=web'],
    ['db-0.db.default.svc.cluster.local.', 'endpoint=db-0 kind=svc namespace=default service=db'],
    ['_http._tcp.web.default.svc.cluster.local.', 'kind=svc namespace=default port-name=http protocol=tcp service=web'],
    ['http.tcp.web.default.svc.cluster.local.', 'kind=svc namespace=default port-name=http protocol=tcp service=web'],
    ['10-244-0-1.default.pod.cluster.local.', 'kind=pod namespace=default service=10-244-0-1'],
    ['x.10-244-0-1.default.pod.cluster.local.', 'endpoint=x kind=pod namespace=default service=10-244-0-1'],
    [
      '_a._b.10-244-0-1.default.pod.cluster.local.',
      'kind=pod namespace=default port-name=a protocol=b service=10-244-0-1',
    ],
    ['default.svc.cluster.local.', 'kind=svc namespace=default'],
    ['svc.cluster.local.', ''],
    ['cluster.local.', ''],
    ['dns-version.cluster.local.', 'parse-error=invalid query name'],
    ['a.b.c.web.default.svc.cluster.local.', 'parse-error=invalid query name'],
    ['1.0.96.10.in-addr.arpa.', 'parse-error=invalid query name'],
    ['www.example.org.', ''],
  ];
  for (const [name, labels] of cases) t.equal(labelsOf(source, `${name} A`), labels, name);
  const options = ['zonal', 'multicluster clusterset.local'];
  const wide = kubernetesLabels(kubernetesConfig('cluster.local clusterset.local', options), () => undefined);
  const further: readonly (readonly [name: string, labels: string])[] = [
    ['zone-a.pin._zone.db.default.svc.cluster.local.', 'kind=svc namespace=default service=db zone=zone-a'],
    ['db-0.east.db.default.svc.clusterset.local.', 'cluster=east endpoint=db-0 kind=svc namespace=default service=db'],
    ['db-0.db.default.svc.clusterset.local.', 'endpoint=db-0 kind=svc namespace=default service=db'],
  ];
  for (const [name, labels] of further) t.equal(labelsOf(wide, `${name} A`), labels, name);
  const query = queryFor('cluster.local. A');
  t.equal(source.value(query, 'kubernetes/service'), '', 'known to be empty');
  t.equal(source.value(queryFor('example.org. A'), 'kubernetes/service'), undefined, 'not known');
  t.equal(source.value(query, 'kubernetes/zone'), undefined, 'without zonal there are no such names');
  t.equal(wide.value(query, 'kubernetes/zone'), '');
  t.equal(wide.value(queryFor('clusterset.local. A'), 'kubernetes/zone'), undefined);
});

function pod(name: string, namespace: string, ips: readonly string[], labels: object = {}): RawObject {
  return { metadata: { name, namespace, labels }, status: { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } };
}

t.test('kubernetes: who asks', async (t) => {
  const store = storeOf({
    pods: [
      pod('web-1', 'shop', ['10.244.0.1', 'fd00::1'], { 'app.kubernetes.io/name': 'web', tier: 'front' }),
      pod('proxy-a', 'kube-system', ['192.0.2.7'], { tier: 'node' }),
      pod('agent-b', 'kube-system', ['192.0.2.7'], { tier: 'node', 'app.kubernetes.io/name': 'agent' }),
      pod('other', 'default', ['192.0.2.8']),
      pod('another', 'shop', ['192.0.2.8']),
    ],
  });
  const web =
    'client-namespace=shop client-pod-name=web-1 client-label/app.kubernetes.io/name=web client-label/tier=front';
  const verified = kubernetesLabels(kubernetesConfig('cluster.local', ['pods verified']), () => store);
  const cases: readonly (readonly [client: string, labels: string, what: string])[] = [
    ['10.244.0.1', web, 'a pod'],
    ['fd00::1', web, 'by its other address'],
    ['192.0.2.7', 'client-namespace=kube-system client-label/tier=node', 'what pods on one node have in common'],
    ['192.0.2.8', '', 'pods of several namespaces on one node'],
    ['192.0.2.9', '', 'no pod'],
  ];
  for (const [client, labels, what] of cases) t.equal(labelsOf(verified, 'example.org. A', client), labels, what);
  t.equal(
    labelsOf(verified, 'web.shop.svc.cluster.local. A'),
    `kind=svc namespace=shop service=web ${web}`,
    'for names of the cluster too',
  );
  t.equal(verified.obstacle?.('kubernetes/client-namespace'), undefined);

  const unsynced = kubernetesLabels(kubernetesConfig('cluster.local', ['pods verified']), () => undefined);
  t.equal(labelsOf(unsynced, 'example.org. A'), '', 'before the watch begins');
  for (const options of [[], ['pods insecure']]) {
    const blind = kubernetesLabels(kubernetesConfig('cluster.local', options), () => store);
    t.equal(labelsOf(blind, 'example.org. A'), '');
    t.equal(
      blind.obstacle?.('kubernetes/client-label/tier'),
      `who asks is known only with 'pods verified' in the kubernetes block`,
    );
    t.equal(blind.obstacle?.('kubernetes/namespace'), undefined);
  }
});

t.test('forward: the server that a query went to', async (t) => {
  const sick = await stub(t, silent);
  const well = await stub(t, (message) => [messageTo(message, { rcode: RCODE.REFUSED })]);
  const lines = `metadata\nforward . ${sick.endpoint} ${well.endpoint} {\npolicy sequential\nmax_fails 0\nmax_concurrent 2\n}`;
  const { handler, env, host } = await forwarding(t, lines);
  const [source] = metadataSources.find(env.scope);
  const first = queryFor('a.test. A');
  const second = queryFor('a.test. A');
  const third = queryFor('b.test. A');
  const answers = [first, second].map((query) => Promise.resolve(handler(query)));
  t.throws(() => handler(third));
  t.equal(source?.value(third, 'forward/upstream'), undefined, 'refused before it went anywhere');
  await sick.received(1);
  t.equal(source?.value(first, 'forward/upstream'), sick.endpoint, 'the first, as long as it is waited for');
  await host.clock.advance(2000);
  t.same(
    (await Promise.all(answers)).map(({ rcode }) => rcode),
    [RCODE.REFUSED, RCODE.REFUSED],
  );
  for (const query of [first, second]) t.equal(source?.value(query, 'forward/upstream'), well.endpoint, 'who answered');
  if (source?.kind !== 'noted') throw new Error('it is noted on the way');
  source.carry(second, third);
  t.equal(source.value(third, 'forward/upstream'), well.endpoint, 'who answered what was asked in its place');
  source.forget(first);
  t.equal(source.value(first, 'forward/upstream'), undefined);

  const gone = await stub(t);
  await gone.close();
  const dead = await forwarding(t, `metadata\nforward . ${gone.endpoint}`);
  const failing = queryFor('c.test. A');
  await t.rejects(Promise.resolve(dead.handler(failing)));
  t.equal(metadataSources.find(dead.env.scope)[0]?.value(failing, 'forward/upstream'), gone.endpoint, 'who did not');

  const unasked = await forwarding(t, `forward . ${well.endpoint}`);
  t.same(metadataSources.find(unasked.env.scope), [], 'nothing is noted without metadata');
});

t.test('forward: the server whose answer is given after all have failed over', async (t) => {
  const refusing = await stub(t, (message) => [messageTo(message, { rcode: RCODE.REFUSED })]);
  const failing = await stub(t, (message) => [messageTo(message, { rcode: RCODE.SERVFAIL })]);
  const lines = `metadata\nforward . ${refusing.endpoint} ${failing.endpoint} {\npolicy sequential\nfailover REFUSED SERVFAIL\n}`;
  const { handler, env } = await forwarding(t, lines);
  const query = queryFor('a.test. A');
  t.equal((await handler(query)).rcode, RCODE.REFUSED);
  t.equal(metadataSources.find(env.scope)[0]?.value(query, 'forward/upstream'), refusing.endpoint);
});

t.test('the whole way: what the log says of a cluster', async (t) => {
  const upstream = await startStubUpstream((query) => [
    replyTo(query, { flags: FLAG.RA, answer: [addressRecord(query.questions[0]?.name ?? '.', 300, '192.0.2.1')] }),
  ]);
  t.teardown(() => upstream.close());
  const api = await StaticApi.start({ pods: [pod('me', 'shop', ['127.0.0.1'])] });
  t.teardown(() => api.close());
  const server = await startServer(
    `.:0 {
  log . "{type} {name} {/kubernetes/service} {/kubernetes/client-pod-name} {/forward/upstream}"
  log . "never {/kubernetes/servise}"
  metadata
  cache
  kubernetes cluster.local {
    endpoint ${api.url}
    pods verified
  }
  forward . ${upstream.address}
}
`,
  );
  t.teardown(() => server.close());
  await untilSynced(server);
  for (const name of ['web.shop.svc.cluster.local.', 'example.org.', 'example.org.', 'shop.svc.cluster.local.']) {
    await exchangeUdp(server.port, questionWire({ name }));
  }
  const lines = server.log.filter((line) => /^\[(INFO\] A|WARNING)/.test(line));
  t.same(lines, [
    `[WARNING] plugin/log: {/kubernetes/servise} prints '-': 'kubernetes' does not have it; did you mean 'kubernetes/service'?`,
    '[INFO] A web.shop.svc.cluster.local. web me -',
    `[INFO] A example.org. - me ${upstream.address}`,
    '[INFO] A example.org. - me -',
    '[INFO] A shop.svc.cluster.local.  me -',
  ]);
});
