import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { blankAnswer } from '../../src/core/answer.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { rcodeName, TYPE } from '../../src/dns/codes.ts';
import { parseMessage } from '../../src/dns/message.ts';
import { openClusterZones } from '../../src/plugins/kubernetes/cluster-zones.ts';
import { kubernetesPlugin } from '../../src/plugins/kubernetes/index.ts';
import { Memo } from '../../src/plugins/kubernetes/memo.ts';
import { checkSelector } from '../../src/plugins/kubernetes/selector.ts';
import { Serial } from '../../src/plugins/kubernetes/serial.ts';
import { Startup } from '../../src/plugins/kubernetes/startup.ts';
import { type Subject, subjectOf } from '../../src/plugins/kubernetes/question.ts';
import type { EndpointSlice, KubeObject, MulticlusterSlice, ServiceImport } from '../../src/kube/objects.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { ask, answerText, queryFor } from '../support/ask.ts';
import { ManualClock } from '../support/clock.ts';
import { kubernetesConfig } from '../support/cluster-zones.ts';
import { exchangeUdp, questionWire } from '../support/dns-client.ts';
import { mistakesOf } from '../support/env.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { startServer } from '../support/running-server.ts';
import { FakeApiServer } from '../kube/fake-api-server.ts';

t.test('options that cannot be used', async (t) => {
  const cases = [
    ['pods', 'Wrong argument count or unexpected line ending after'],
    ['pods maybe', 'wrong value for pods: maybe,  must be one of: disabled, verified, insecure'],
    ['ttl abc', 'strconv.Atoi: parsing "abc": invalid syntax'],
    ['ttl 3601', 'ttl must be in range [0, 3600]: 3601'],
    ['ttl -1', 'ttl must be in range [0, 3600]: -1'],
    ['startup_timeout soon', 'failed to parse startup_timeout: soon, time: invalid duration "soon"'],
    ['startup_timeout 0s', 'startup_timeout must be longer than 0s'],
    ['labels a~b', "unable to parse label selector value: 'a~b'"],
    ['namespace_labels in (', 'unable to parse namespace_label selector value'],
    ['namespaces a\nnamespace_labels b=c', 'namespaces and namespace_labels cannot both be set'],
    ['ignore everything', "unable to parse ignore value: 'everything'"],
    ['apiserver_qps fast', 'invalid apiserver_qps "fast"'],
    ['apiserver_burst -1', 'apiserver_burst must be >= 0'],
    ['endpoint ftp://x', "endpoint 'ftp://x' is no URL"],
    ['upstream', "unknown property 'upstream'"],
    ['zonal a', "Wrong argument count or unexpected line ending after 'a'"],
    ['zonal\nnoendpoints', 'zonal requires the endpoint cache; remove noendpoints'],
    [
      'multicluster clusterset.local',
      'is not authoritative for the multicluster zone clusterset.local. (authoritative zones: [cluster.local.])',
    ],
  ] as const;
  for (const [option, expected] of cases) {
    const mistakes = mistakesOf(kubernetesPlugin, `. {\nkubernetes cluster.local {\n${option}\n}\n}`);
    t.match(mistakes.join('\n'), expected, option);
  }
  t.same(mistakesOf(kubernetesPlugin, '. {\nkubernetes 10.0.0.0/8\n}'), [
    'Corefile:2 - plugin/kubernetes: non-reverse zone name must be used',
  ]);
  const several = mistakesOf(kubernetesPlugin, '. {\nkubernetes cluster.local {\npods maybe\nttl x\nfoo\n}\n}');
  t.equal(several.length, 3, 'all are told');
});

t.test('label selectors', async (t) => {
  for (const good of [
    'a',
    '!a',
    'a=b,c!=d',
    'a==b',
    'x in (y,z),!w',
    'app.kubernetes.io/name=web',
    'a notin (b)',
    'a=',
  ]) {
    t.equal(checkSelector(good), undefined, good);
  }
  for (const bad of ['', 'a b', 'a=b=c', 'in (a)', 'a in b', '-a=b', 'a=b,,c'])
    t.type(checkSelector(bad), 'string', bad);
});

t.test('what a name asks for', async (t) => {
  const cases = [
    ['cluster.local.', 'container'],
    ['svc.cluster.local.', 'container'],
    ['pod.cluster.local.', 'container'],
    ['default.svc.cluster.local.', 'namespace'],
    ['web.default.svc.cluster.local.', 'service whole'],
    ['a.web.default.svc.cluster.local.', 'service endpoint a'],
    ['_tcp.web.default.svc.cluster.local.', 'service endpoint _tcp'],
    ['_http._tcp.web.default.svc.cluster.local.', 'service port http tcp'],
    ['http.tcp.web.default.svc.cluster.local.', 'service port http tcp'],
    ['_._.web.default.svc.cluster.local.', 'service whole'],
    ['_._tcp.web.default.svc.cluster.local.', 'service port  tcp'],
    ['a.b.c.web.default.svc.cluster.local.', 'invalid'],
    ['foo.cluster.local.', 'invalid'],
    ['foo.svc.svc.cluster.local.', 'service whole'],
    ['1-2-3-4.default.pod.cluster.local.', 'pod'],
    ['x.1-2-3-4.default.pod.cluster.local.', 'pod'],
    ['w.x.y.1-2-3-4.default.pod.cluster.local.', 'invalid'],
    ['a.pin._zone.web.default.svc.cluster.local.', 'invalid'],
  ] as const;
  for (const [name, expected] of cases) t.equal(inWords(subjectOf(name, 'cluster.local.')), expected, name);
  t.same(subjectOf('web.default.svc.', '.').kind, 'service', 'the root is a zone like any other');
});

/** `service port http tcp`, or only the kind. */
function inWords(subject: Subject): string {
  return subject.kind === 'service' ? ['service', ...Object.values(subject.part)].join(' ').trimEnd() : subject.kind;
}

t.test('what a name asks for in other grammars', async (t) => {
  const cases = [
    ['zonal', 'a.pin._zone.web.default.svc', 'service zone a pin'],
    ['zonal', 'eu.west.1.prefer._zone.web.default.svc', 'service zone eu.west.1 prefer'],
    ['zonal', 'a.other._zone.web.default.svc', 'invalid'],
    ['zonal', 'a.pin.zone.web.default.svc', 'invalid'],
    ['zonal', 'pin._zone.web.default.svc', 'service port pin zone'],
    ['zonal', '_zone.web.default.svc', 'service endpoint _zone'],
    ['zonal', 'a.pin._zone.1-2-3-4.default.pod', 'invalid'],
    ['multicluster', 'web.default.svc', 'service whole'],
    ['multicluster', 'a.web.default.svc', 'service endpoint a'],
    ['multicluster', 'a.east.web.default.svc', 'service endpoint a east'],
    ['multicluster', '_http._tcp.web.default.svc', 'service port http tcp'],
    ['multicluster', '_http.tcp.web.default.svc', 'service port http tcp'],
    ['multicluster', 'http._tcp.web.default.svc', 'service port http tcp'],
    ['multicluster', 'a.pin._zone.web.default.svc', 'invalid'],
  ] as const;
  for (const [grammar, name, expected] of cases) {
    t.equal(inWords(subjectOf(`${name}.cluster.local.`, 'cluster.local.', grammar)), expected, `${grammar}: ${name}`);
  }
});

function cluster(synced = true) {
  const clock = new ManualClock('2026-05-05T00:00:00Z');
  const log = memoryLog();
  const store = new ClusterStore(['Service', 'Namespace'], clock);
  const serial = new Serial();
  store.subscribe({ onChange: (change) => serial.note(change, clock.wall()) });
  const startup = new Startup(store, { clock, log, limitMs: 5000 });
  const options = ['pods insecure', 'ttl 30', 'multicluster clusterset.local'];
  const config = kubernetesConfig('cluster.local clusterset.local in-addr.arpa', options);
  const zones = openClusterZones(config, {
    cluster: store,
    serial,
    startup,
    ownAddresses: ['192.0.2.2'],
    resolve: () => ({ ...blankAnswer, rcode: 2 }),
    next: () => ({ ...blankAnswer, source: 'next' }),
    clock,
  });
  const put = (object: KubeObject): void =>
    store.apply({ type: 'changes', kind: object.kind, changes: [{ put: object }] });
  const list = (...objects: readonly KubeObject[]): void => {
    for (const kind of ['Service', 'Namespace'] as const) {
      const changes = objects.filter((object) => object.kind === kind).map((object) => ({ put: object }));
      store.apply({ type: 'listing', kind, reason: 'start' });
      store.apply({ type: 'changes', kind, changes });
      store.apply({ type: 'listed', kind });
    }
  };
  if (synced) list(namespace, web);
  return { clock, log, store, startup, serial, put, list, ...zones };
}

const namespace: KubeObject = { kind: 'Namespace', namespace: '', name: 'default', resourceVersion: '1' };
const web: KubeObject = {
  kind: 'Service',
  namespace: 'default',
  name: 'web',
  resourceVersion: '2',
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.7'],
  externalName: '',
  ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  externalAddresses: [],
};

t.test('an answer asked again is the very same, at once', async (t) => {
  const { handler, memo } = cluster();
  const first = handler(queryFor('web.default.svc.cluster.local. A'));
  const second = handler(queryFor('web.default.svc.cluster.local. A'));
  t.notOk(first instanceof Promise);
  t.equal(second, first);
  t.same([memo.hits, memo.misses, memo.size], [1, 1, 1]);
});

t.test('the letters of the question', async (t) => {
  const { handler } = cluster();
  t.equal(
    await ask(handler, 'nosuch.Default.svc.ClUsTeR.lOcAl. A'),
    'NXDOMAIN aa\nauthority ClUsTeR.lOcAl. 30 IN SOA ns.dns.ClUsTeR.lOcAl. hostmaster.ClUsTeR.lOcAl. 1777939200 7200 1800 86400 30',
  );
  t.equal(
    await ask(handler, '_http._tcp.WEB.default.svc.CLUSTER.local. SRV'),
    'NOERROR aa\nanswer _http._tcp.WEB.default.svc.CLUSTER.local. 30 IN SRV 0 100 80 web.default.svc.CLUSTER.local.\n' +
      'additional web.default.svc.CLUSTER.local. 30 IN A 10.96.0.7',
  );
  const query = queryFor('wEb.default.svc.cluster.local. A');
  await handler(queryFor('web.default.svc.cluster.local. A'));
  const answer = await handler(query);
  const message = parseMessage(encodeReply(query, answer, { random: seededRandom(1), now: () => 0 }));
  t.equal(message.answer[0]?.name, 'wEb.default.svc.cluster.local.');
});

t.test('what moves the serials', async (t) => {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  const at = { namespace: 'default', name: 'web', resourceVersion: '1' };
  const imported: ServiceImport = { kind: 'ServiceImport', ...at, type: 'ClusterSetIP', ips: ['10.7.0.1'], ports };
  const endpoint = { addresses: ['10.1.0.1'], hostname: '', podName: '', nodeName: '', zone: '' };
  const contents = { service: 'web', addressType: 'IPv4', ports, endpoints: [endpoint] } as const;
  const slice: MulticlusterSlice = { kind: 'MulticlusterSlice', ...at, ...contents, cluster: 'east' };
  const own: EndpointSlice = { kind: 'EndpointSlice', ...at, ...contents };
  const cases: readonly (readonly [string, KubeObject | undefined, KubeObject | undefined, string])[] = [
    ['an import comes', undefined, imported, 'own'],
    ['an import goes', imported, undefined, 'own'],
    ['an import gets another address', imported, { ...imported, ips: ['10.7.0.2'] }, ''],
    ['an import gets another type', imported, { ...imported, type: 'Headless' }, 'multicluster'],
    ['an import loses its port', imported, { ...imported, ports: [] }, 'multicluster'],
    ['an imported slice comes', undefined, slice, 'own'],
    ['an imported slice goes', slice, undefined, 'own'],
    ['an imported slice is told again', slice, { ...slice, resourceVersion: '2' }, ''],
    ['an imported slice loses its endpoints', slice, { ...slice, endpoints: [] }, 'multicluster'],
    ['an imported slice is of another cluster', slice, { ...slice, cluster: 'west' }, 'multicluster'],
    ['a slice loses its endpoints', own, { ...own, endpoints: [] }, 'own'],
    ['a zone changes', own, { ...own, endpoints: [{ ...endpoint, zone: 'a' }] }, 'own'],
    ['a node changes', own, { ...own, endpoints: [{ ...endpoint, nodeName: 'a' }] }, ''],
  ];
  for (const [name, before, after, moved] of cases) {
    const serial = new Serial();
    serial.note({ kind: (after ?? before)?.kind ?? 'Service', before, after }, 7000);
    const values = [
      ['own', serial.value],
      ['multicluster', serial.multicluster.value],
    ] as const;
    t.same(
      values
        .filter(([, value]) => value === 7)
        .map(([which]) => which)
        .join(),
      moved,
      name,
    );
  }
});

t.test('zones with a serial of their own', async (t) => {
  const { handler, put } = cluster();
  const soa = async (zone: string): Promise<string> => (await ask(handler, `${zone} SOA`)).replace(/^.*\n/, '');
  t.match(await soa('cluster.local.'), ' 1777939200 ');
  t.match(await soa('clusterset.local.'), ' 0 7200 ', 'no import has changed');
  const imported: ServiceImport = {
    kind: 'ServiceImport',
    namespace: 'default',
    name: 'web',
    resourceVersion: '1',
    type: 'ClusterSetIP',
    ips: ['10.7.0.1'],
    ports: [],
  };
  put(imported);
  t.match(await ask(handler, 'nobody.default.svc.clusterset.local. A'), / 0 7200 /);
  put({ ...imported, type: 'Headless' });
  t.match(await ask(handler, 'nobody.default.svc.clusterset.local. A'), / 1777939200 /, 'the answer that was kept too');
  t.match(await ask(handler, 'nobody.default.svc.cluster.local. A'), / 1777939200 /);
});

t.test('the serial moves without a new answer', async (t) => {
  const { handler, clock, put, memo } = cluster();
  const question = 'nosuch.default.svc.cluster.local. A';
  t.match(await ask(handler, question), ' 1777939200 ');
  await clock.advance(60_000);
  put({ ...web, name: 'other', clusterIPs: ['10.96.0.8'] });
  t.match(await ask(handler, question), ' 1777939260 ');
  t.equal(memo.hits, 1);
});

t.test('before the first lists', async (t) => {
  const { handler, list, clock, log } = cluster(false);
  t.equal((await handler(queryFor('www.example.org. A'))).source, 'next', 'other names do not wait');
  const waiting = ask(handler, 'web.default.svc.cluster.local. A');
  await clock.advance(600);
  t.same(log.lines, ['[INFO] waiting for Kubernetes API before starting server']);
  list(namespace, web);
  t.equal(await waiting, 'NOERROR aa\nanswer web.default.svc.cluster.local. 30 IN A 10.96.0.7');
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('when the first lists do not come', async (t) => {
  const { handler, list, clock, log } = cluster(false);
  const waiting = ask(handler, 'web.default.svc.cluster.local. A');
  await clock.advance(5000);
  t.match(log.lines, ['[INFO] waiting for', '[WARNING] starting server with unsynced Kubernetes API']);
  const servfail = /^SERVFAIL aa\nauthority cluster\.local\. 30 IN SOA .* 0 7200/;
  t.match(await waiting, servfail);
  const outcome = handler(queryFor('web.default.svc.cluster.local. A'));
  t.notOk(outcome instanceof Promise, 'later questions do not wait');
  list(namespace, web);
  t.match(await ask(handler, 'web.default.svc.cluster.local. A'), 'NOERROR', 'and are right when the lists come');
});

t.test('imports that the API server does not know hurt nobody else', async (t) => {
  const api = new FakeApiServer();
  const url = await api.listen();
  t.teardown(() => api.close());
  const imports = '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports';
  api.missing.add(imports);
  api.put('/api/v1/namespaces', '', 'default');
  api.put('/api/v1/services', 'default', 'web', { spec: { clusterIP: '10.96.0.7' } });
  const clock = new ManualClock();
  const options = ['multicluster clusterset.local', 'labels tier=front', 'namespace_labels team=a'];
  const block = `kubernetes cluster.local clusterset.local {\nendpoint ${url}\n${options.join('\n')}\n}`;
  const server = await startServer(`.:0 {\nready\n${block}\n}\n`, { clock });
  t.teardown(() => server.close());
  const rcode = async (name: string): Promise<string> => {
    const reply = await exchangeUdp(server.port, questionWire({ name, type: TYPE.A }));
    return reply === undefined ? 'no reply' : rcodeName(parseMessage(reply).rcode);
  };

  t.equal(await rcode('web.default.svc.cluster.local.'), 'NOERROR', 'answered when the lists of the cluster are there');
  t.equal(await rcode('nobody.default.svc.cluster.local.'), 'NXDOMAIN', 'and so is what is not in them');
  const waiting = rcode('web.default.svc.clusterset.local.');
  const ready = await fetch(`http://127.0.0.1:${server.httpPort(':8181')}/ready`);
  t.same([ready.status, await ready.text()], [503, 'kubernetes'], 'it is not ready, as the reference is not');
  await clock.advance(5000);
  t.equal(await waiting, 'SERVFAIL');
  t.equal(await rcode('nobody.default.svc.cluster.local.'), 'NXDOMAIN');

  const slices = '/apis/discovery.k8s.io/v1/endpointslices';
  const imported = 'tier=front,multicluster.kubernetes.io/service-name';
  while (!server.log.some((line) => line.includes("take 'multicluster' out of the Corefile"))) await setImmediate();
  t.same([...(api.selectors.get('/api/v1/services') ?? [])], ['tier=front']);
  t.same([...(api.selectors.get(slices) ?? [])].sort(), ['tier=front', imported].sort());
  t.same([...(api.selectors.get(imports) ?? [])], ['team=a']);
});

t.test('a memo that is full forgets what was not asked for longest', async (t) => {
  const memo = new Memo(2, new Serial());
  const answer = { ...blankAnswer };
  const [a, b, c] = ['a.', 'b.', 'c.'].map((name) => queryFor(`${name} A`));
  if (a === undefined || b === undefined || c === undefined) return;
  memo.keep(a, answer, new Set(['x']));
  memo.keep(b, answer, new Set(['x', 'y']));
  t.equal(memo.find(a), answer);
  memo.keep(c, answer, new Set(['z']));
  t.equal(memo.find(b), undefined, 'b made place');
  memo.drop(['y']);
  t.equal(memo.size, 2, 'a trace of what is gone drops nothing');
  memo.drop(['x']);
  t.equal(memo.find(a), undefined);
  t.equal(memo.find(c), answer);
  t.equal(memo.find(queryFor('C. A')), undefined, 'mixed case is not kept');
});

t.test('the text of an answer', async (t) => {
  const { handler } = cluster();
  const query = queryFor('dns-version.cluster.local. TXT');
  t.equal(
    answerText(query, await handler(query)),
    'NOERROR aa\nanswer dns-version.cluster.local. 28800 IN TXT "1.1.0"',
  );
  t.match(await ask(handler, 'cluster.local. NS'), 'additional ns.dns.cluster.local. 30 IN A 192.0.2.2');
  t.match(await ask(handler, 'ns.dns.CLUSTER.local. A'), 'answer ns.dns.CLUSTER.local. 30 IN A 192.0.2.2');
  t.match(await ask(handler, 'cluster.local. AXFR'), /^REFUSED/);
});
