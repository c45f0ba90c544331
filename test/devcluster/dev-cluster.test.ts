import t from 'tap';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Packet, type Resource } from 'dns2';
import type { Cluster } from '../../src/devcluster/cluster.ts';
import { startDevCluster } from '../../src/devcluster/index.ts';
import { applyManifests, ManifestError, parseManifests } from '../../src/devcluster/manifests.ts';
import type { KubeObject } from '../../src/devcluster/objects/kinds.ts';
import { startUpstream } from '../../src/devcluster/upstream.ts';
import { watchManifests } from '../../src/devcluster/watch-manifests.ts';
import { ManualClock } from '../support/clock.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { json, WatchClient } from './client.ts';
import { world } from './world.ts';

function devCluster(more: { readonly manifests?: readonly string[] } = {}) {
  return startDevCluster({ clock: new ManualClock(), random: seededRandom(1), log: memoryLog(), ...more });
}

/** The Services whose slices hold `address`. */
function servicesBehind(cluster: Cluster, address: string): readonly string[] {
  const slices = cluster.store.list('EndpointSlice');
  const holding = slices.filter((slice) => slice.endpoints?.some(({ addresses }) => addresses.includes(address)));
  return holding.map(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] ?? '').sort();
}

t.test('the default cluster has what the stories ask for', async (t) => {
  const cluster = await devCluster();
  t.teardown(() => cluster.close());
  const { objects } = cluster;
  const services: readonly [namespace: string, name: string, spec: object][] = [
    ['default', 'kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] }],
    [
      'kube-system',
      'kube-dns',
      { clusterIP: '10.96.0.10', ports: [{ name: 'dns' }, { name: 'dns-tcp' }, { name: 'metrics' }] },
    ],
    ['default', 'web', { type: 'ClusterIP', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
    ['default', 'db', { clusterIP: 'None' }],
    ['default', 'search', { type: 'ExternalName', externalName: 'www.example.test' }],
    ['default', 'mysql', { type: 'ExternalName', externalName: 'mysql.db.svc.cluster.local' }],
    ['default', 'mysql-short', { type: 'ExternalName', externalName: 'mysql.db.svc' }],
    ['db', 'mysql', { clusterIP: /^10\./ }],
    ['default', 'externalname-http-svc', { type: 'ExternalName', externalName: 'www.baidu.com' }],
    ['default', 'test-svc', { clusterIP: '10.110.132.48' }],
    [
      'default',
      'svc-nodeport',
      { clusterIP: '10.96.150.190', type: 'NodePort', ports: [{ port: 80, nodePort: 32_522 }] },
    ],
    ['test', 'svc-clusterip', { type: 'ClusterIP' }],
  ];
  for (const [namespace, name, spec] of services)
    t.match(objects.get('Service', namespace, name), { spec }, `${name}.${namespace}`);
  t.equal(objects.store.get('Service', 'test', 'service-headliness'), undefined);

  t.same(servicesBehind(objects, '10.244.1.10'), ['web', 'web-dual']);
  t.same(servicesBehind(objects, '10.244.1.103'), [
    'demoapp-externalip-svc',
    'demoapp-headless-svc',
    'demoapp-loadbalancer-svc',
    'demoapp-nodeport-svc',
    'demoapp-svc',
  ]);
  for (const address of ['10.244.1.26', '10.244.1.27', '10.244.1.29']) {
    t.same(servicesBehind(objects, address), ['test-headless-svc']);
  }
  const slices = objects.store.list('EndpointSlice', 'default');
  const of = (service: string) =>
    slices.flatMap(({ metadata, endpoints }) => (metadata.generateName === `${service}-` ? (endpoints ?? []) : []));
  t.same(of('test-svc'), [], 'nobody is behind it');
  t.same(
    of('test-headless-svc').map(({ conditions }) => conditions.ready),
    [false, false, false],
  );
  t.same(
    of('db').map(({ hostname }) => hostname),
    ['db-0', 'db-1', 'db-2'],
  );
  t.same(
    of('nginx').map(({ hostname }) => hostname),
    ['web-0', 'web-1', 'web-2'],
  );
  t.same(
    of('nginx-lb').map(({ hostname }) => hostname),
    [undefined, undefined, undefined],
  );
  const running = objects.store.list('Pod').filter((pod) => pod.status.podIP !== undefined);
  t.equal(running.length, objects.store.list('Pod').length);
});

t.test('it is the same at every start', async (t) => {
  const [one, two] = [await devCluster(), await devCluster()];
  t.teardown(async () => void (await Promise.all([one.close(), two.close()])));
  const all = (cluster: Cluster): readonly KubeObject[] => {
    return (['Service', 'Pod', 'EndpointSlice'] as const).flatMap((kind) => cluster.store.list(kind));
  };
  // The one thing that differs is the port the API server got.
  const text = (cluster: Cluster, port: number) => JSON.stringify(all(cluster)).replaceAll(String(port), 'PORT');
  t.equal(text(one.objects, one.api.port), text(two.objects, two.api.port));
});

t.test('the API server and the objects are one thing', async (t) => {
  const cluster = await devCluster();
  t.teardown(() => cluster.close());
  const { objects, api } = cluster;
  t.equal(cluster.url, api.url);
  const { metadata } = await json(api, '/apis/discovery.k8s.io/v1/endpointslices?limit=1');
  const watch = await WatchClient.open(
    api,
    `/apis/discovery.k8s.io/v1/endpointslices?watch=true&resourceVersion=${metadata.resourceVersion}`,
  );
  objects.create('Service', 'default', {
    metadata: { name: 'new' },
    spec: { selector: { app: 'demoapp' }, ports: [{ port: 80 }] },
  });
  t.match(await watch.events(1), [{ type: 'ADDED', object: { endpoints: [{ addresses: ['10.244.1.103'] }] } }]);
  watch.close();
});

t.test('nothing is left running when it cannot start', async (t) => {
  const dir = t.testdir({ 'bad.yaml': 'kind: Service\n' });
  await t.rejects(devCluster({ manifests: [dir] }), {
    message: `${join(dir, 'bad.yaml')}, document 1 - apiVersion or kind is missing`,
  });
  await t.rejects(devCluster({ manifests: [join(dir, 'none')] }), { code: 'ENOENT' });
});

t.test('manifests: what is wrong is told with its place', (t) => {
  const table: readonly [text: string, problems: readonly string[]][] = [
    ['a: 1\nb: [\n', ['x.yaml:3 - deficient indentation']],
    ['just text', ['x.yaml, document 1 - not an object: a manifest begins with apiVersion and kind']],
    ['apiVersion: v1\nkind: Service\n', ['x.yaml, document 1 - metadata.name is missing']],
    [
      '# empty\n---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: 1}\n',
      ['x.yaml, document 2 - metadata.name is missing'],
    ],
    [
      'apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\n',
      ['x.yaml, document 1 - a Deployment has apiVersion apps/v1, not extensions/v1beta1'],
    ],
    [
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- 1\n- {kind: Pod}\n',
      [
        'x.yaml, document 1, item 2 - not an object: a manifest begins with apiVersion and kind',
        'x.yaml, document 1, item 3 - apiVersion or kind is missing',
      ],
    ],
    [
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default}\n',
      ['x.yaml, document 2 - Pod default/a stands in x.yaml, document 1 already'],
    ],
  ];
  for (const [text, expected] of table) {
    try {
      parseManifests([{ name: 'x.yaml', text }], memoryLog());
      t.fail(text);
    } catch (error) {
      const problems = error instanceof ManifestError ? error.problems : [String(error)];
      t.equal(problems.length, expected.length, text);
      expected.forEach((start, index) =>
        t.ok(problems[index]?.startsWith(start), `${problems[index]} begins ${start}`),
      );
    }
  }
  const { cluster, log } = world();
  const text =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\n' +
    'spec: {ports: [{port: 1}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: n}\n---\n' +
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n';
  const { created, problems } = applyManifests(cluster, parseManifests([{ name: 'x.yaml', text }], log));
  t.same(
    created.map(({ name }) => name),
    ['n', 's'],
    'the namespace first',
  );
  t.same(problems, ['x.yaml, document 3 - Service "bad" is invalid: spec.ports: Required value']);
  t.match(log.lines, [
    '[WARNING] devcluster: x.yaml, document 1 - kind ConfigMap has no part in DNS, it is passed over',
  ]);
  t.end();
});

t.test('manifests are followed', async (t) => {
  const { cluster, clock, log } = world();
  const service = (name: string, port = 80) => {
    return `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {ports: [{port: ${port}}]}\n`;
  };
  const dir = t.testdir({
    'a.yaml': `${service('one')}---\n${service('two')}`,
    'b.yml': service('three'),
    'notes.txt': ':',
  });
  const names = () => cluster.store.list('Service').map(({ metadata }) => metadata.name);
  cluster.create('Service', 'default', { metadata: { name: 'two' }, spec: { ports: [{ port: 80 }] } });
  const watched = watchManifests({ cluster, paths: [dir], clock, log });
  t.same(names(), ['one', 'three', 'two']);
  const before = cluster.store.revision;
  await clock.advance(60_000);
  t.equal(cluster.store.revision, before, 'no change, no write');

  await clock.advance(1999);
  writeFileSync(join(dir, 'a.yaml'), '');
  await clock.advance(1);
  t.same(names(), ['one', 'three', 'two'], 'a file seen empty for a moment takes nothing away');
  writeFileSync(join(dir, 'a.yaml'), service('one', 81));
  await clock.advance(2100);
  t.match(cluster.get('Service', 'default', 'one'), { spec: { ports: [{ port: 81 }] } });
  t.same(names(), ['one', 'three', 'two'], 'two was there before the files: it stays');
  rmSync(join(dir, 'b.yml'));
  await clock.advance(2100);
  t.same(names(), ['one', 'two'], 'three came from the files: it goes');

  log.lines.length = 0;
  writeFileSync(join(dir, 'a.yaml'), 'kind: [');
  await clock.advance(10_000);
  t.equal(log.lines.length, 1, 'a mistake is told once');
  t.match(
    log.lines[0],
    /^\[ERROR\] devcluster: the manifests cannot be applied, the cluster stays as it is: .*\/a\.yaml:1 - /,
  );
  t.same(names(), ['one', 'two']);
  writeFileSync(join(dir, 'a.yaml'), service('four'));
  await clock.advance(2100);
  t.same(names(), ['four', 'two']);

  watched.close();
  writeFileSync(join(dir, 'a.yaml'), service('five'));
  await clock.advance(10_000);
  t.same(names(), ['four', 'two'], 'closed');
  t.equal(clock.pending, 0);
});

t.test('one file is followed, too', async (t) => {
  const { cluster, clock, log } = world();
  const dir = t.testdir({
    'only.json': '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}',
    'other.yaml': '1',
  });
  const path = join(dir, 'only.json');
  const watched = watchManifests({ cluster, paths: [path], clock, log });
  t.ok(cluster.store.get('Namespace', undefined, 'a'));
  writeFileSync(path, '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"b"}}');
  await clock.advance(2100);
  t.notOk(cluster.store.get('Namespace', undefined, 'a'));
  t.ok(cluster.store.get('Namespace', undefined, 'b'));
  watched.close();
});

t.test('the upstream', async (t) => {
  const log = memoryLog();
  const upstream = await startUpstream({ log });
  t.teardown(() => upstream.close());

  /** `NOERROR | www.example.test 300 A 192.0.2.80`; authority records stand in parentheses. */
  const told = ({ header, answers, authorities }: Packet): string => {
    const rcode = Object.entries(Packet.RCODE).find(([, code]) => code === header.rcode)?.[0];
    return [
      rcode,
      ...(header.tc ? ['TC'] : []),
      ...answers.map(record),
      ...authorities.map((soa) => `(${record(soa)})`),
    ].join(' | ');
  };
  const record = ({ name, type, ttl, ...data }: Resource): string => {
    const rdata = data.address ?? data.domain ?? data.ns ?? data.exchange ?? data.primary ?? String(data.data);
    return `${name} ${ttl} ${Packet.typeName(type)} ${rdata}`;
  };
  const query = (name: string, type: keyof typeof Packet.TYPE, edns?: number): Buffer => {
    const packet = new Packet(new Packet.Header({ id: 7, rd: 1 }));
    packet.questions.push(new Packet.Question(name, Packet.TYPE[type], Packet.CLASS.IN));
    if (edns !== undefined) packet.additionals.push(Packet.Resource.EDNS([], { udpPayloadSize: edns }));
    return packet.toBuffer();
  };
  const udp = createSocket('udp4');
  t.teardown(() => void udp.close());
  const ask = async (message: Buffer): Promise<Packet> => {
    udp.send(message, upstream.port, '127.0.0.1');
    const [reply]: Buffer[] = await once(udp, 'message');
    return Packet.parse(reply ?? Buffer.alloc(0));
  };

  await t.test('answers', async (t) => {
    const soa = 'example.test 60 SOA ns.example.test';
    const negative = `(${soa})`;
    const table: readonly [name: string, type: keyof typeof Packet.TYPE, answer: string][] = [
      ['www.example.test', 'A', 'NOERROR | www.example.test 300 A 192.0.2.80'],
      ['WWW.Example.TEST', 'A', 'NOERROR | WWW.Example.TEST 300 A 192.0.2.80'],
      ['www.example.test', 'AAAA', 'NOERROR | www.example.test 300 AAAA 2001:db8::80'],
      [
        'alias.example.test',
        'A',
        'NOERROR | alias.example.test 300 CNAME www.example.test | www.example.test 300 A 192.0.2.80',
      ],
      ['alias.example.test', 'CNAME', 'NOERROR | alias.example.test 300 CNAME www.example.test'],
      ['alias.example.test', 'TXT', `NOERROR | alias.example.test 300 CNAME www.example.test | ${negative}`],
      ['example.test', 'MX', 'NOERROR | example.test 300 MX mail.example.test'],
      ['example.test', 'NS', 'NOERROR | example.test 300 NS ns.example.test'],
      ['example.test', 'TXT', 'NOERROR | example.test 300 TXT v=spf1 -all'],
      ['example.test', 'SOA', `NOERROR | ${soa}`],
      ['www.example.test', 'MX', `NOERROR | ${negative}`],
      ['nx.example.test', 'A', `NXDOMAIN | ${negative}`],
      ['fail.example.test', 'A', 'SERVFAIL'],
      [
        'www.baidu.com',
        'A',
        'NOERROR | www.baidu.com 300 CNAME www.a.shifen.com | www.a.shifen.com 300 A 192.0.2.181 | www.a.shifen.com 300 A 192.0.2.182',
      ],
      ['80.2.0.192.in-addr.arpa', 'PTR', 'NOERROR | 80.2.0.192.in-addr.arpa 300 PTR www.example.test'],
      ['test-svc.localdomain', 'A', 'NXDOMAIN | ( 60 SOA ns.invalid)'],
    ];
    for (const [name, type, answer] of table) {
      const reply = await ask(query(name, type));
      t.equal(told(reply), answer, `${name} ${type}`);
      t.match(reply.header, { id: 7, qr: 1, rd: 1, ra: 1 });
    }
  });

  await t.test('what is too long for UDP comes over TCP, queries in pieces and in a row', async (t) => {
    t.equal(told(await ask(query('big.example.test', 'TXT'))), 'NOERROR | TC');
    t.equal(told(await ask(query('big.example.test', 'TXT', 65_535))), 'NOERROR | TC');
    const framed = (message: Buffer) => Buffer.concat([Buffer.from([0, message.length]), message]);
    const bytes = Buffer.concat([framed(query('big.example.test', 'TXT')), framed(query('www.example.test', 'A'))]);
    const client = connect(upstream.port, '127.0.0.1');
    client.write(bytes.subarray(0, 5));
    client.write(bytes.subarray(5));
    let received = Buffer.alloc(0);
    const replies: Packet[] = [];
    for await (const chunk of client) {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        replies.push(Packet.parse(received.subarray(2, 2 + received.readUInt16BE())));
        received = received.subarray(2 + received.readUInt16BE());
      }
      if (replies.length === 2) break;
    }
    t.equal(replies[0]?.answers.length, 24);
    t.equal(replies[1] && told(replies[1]), 'NOERROR | www.example.test 300 A 192.0.2.80');
  });

  await t.test('it survives what is no query', async (t) => {
    const good = query('www.example.test', 'A');
    const answer = Buffer.from(good);
    answer[2] = 0x80;
    for (const garbage of [Buffer.alloc(0), Buffer.alloc(5), answer, Buffer.alloc(5000, 1)]) {
      udp.send(garbage, upstream.port, '127.0.0.1');
      const client = connect(upstream.port, '127.0.0.1');
      client.on('error', () => {});
      client.end(Buffer.concat([Buffer.from([garbage.length >> 8, garbage.length & 255]), garbage]));
      client.resume();
      await once(client, 'close');
    }
    t.equal(told(await ask(Buffer.alloc(12))), 'FORMERR');
    t.equal(told(await ask(good.subarray(0, 20))), 'FORMERR', 'a question cut short');
    const loop = Buffer.concat([good.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
    t.equal(told(await ask(loop)), 'FORMERR', 'a name that points to itself');
    const update = Buffer.from(good);
    update[2] = 0x28;
    t.equal(told(await ask(update)), 'NOTIMP');
    const chaos = Buffer.from(good);
    chaos[chaos.length - 1] = 3;
    t.equal(told(await ask(chaos)), 'REFUSED');
    t.equal(told(await ask(good)), 'NOERROR | www.example.test 300 A 192.0.2.80', 'and still answers');
  });

  await t.test('a port that is taken', async (t) => {
    await t.rejects(startUpstream({ log, port: upstream.port }), { code: 'EADDRINUSE' });
  });
});
