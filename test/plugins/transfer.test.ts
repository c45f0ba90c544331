import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { parseQuery } from '../../src/core/accept.ts';
import { type Answer, emptyAnswer } from '../../src/core/answer.ts';
import { recordsOf } from '../../src/core/encode.ts';
import { type Handler, QueryError } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { ZoneSet } from '../../src/core/zone-name.ts';
import { FLAG, OPCODE, RCODE, rcodeName, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import { addressRecord, type ResourceRecord } from '../../src/dns/record.ts';
import { flagWords, recordText } from '../../src/dns/text.ts';
import {
  type Endpoint,
  type EndpointSlice,
  KINDS,
  type KubeObject,
  type Namespace,
  type Service,
  type ServiceImport,
} from '../../src/kube/objects.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { Serial } from '../../src/plugins/kubernetes/serial.ts';
import { zoneStateOf } from '../../src/plugins/kubernetes/transfer.ts';
import { type ZoneViewOptions, zoneViews } from '../../src/plugins/kubernetes/zone-view.ts';
import { transferPlugin } from '../../src/plugins/transfer/index.ts';
import { type Transferable, transferables, type ZoneState } from '../../src/zone/transferable.ts';
import { testPeer } from '../support/ask.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { kubernetesConfig } from '../support/cluster-zones.ts';
import { build, type Built, mistakesOf, type TestHost, testHost } from '../support/env.ts';
import { recordOf } from '../support/records.ts';

const CLIENT = '192.0.2.1';
const SERIAL = 1_795_182_649;

const soaOf = (zone: string): ResourceRecord =>
  recordOf(`${zone} 30 IN SOA ns.dns.${zone} hostmaster.${zone} ${SERIAL} 7200 1800 86400 30`);

function stateOf(zone: string, records: Iterable<ResourceRecord>): ZoneState {
  return { soa: soaOf(zone), serial: SERIAL, records: () => records };
}

/** A plugin that has these zones, each with one address. */
function having(...zones: readonly string[]): Transferable {
  return {
    zoneState: ({ key }) =>
      zones.includes(key) ? stateOf(key, [addressRecord(`a.${key}`, 30, '192.0.2.9')]) : undefined,
  };
}

interface Asking {
  readonly transport?: 'udp' | 'tcp';
  readonly from?: string;
  readonly type?: number;
  /** Of an IXFR query: what the client knows. */
  readonly authority?: readonly ResourceRecord[];
}

function queryFor(name: string, { transport = 'tcp', from = CLIENT, type = TYPE.AXFR, authority = [] }: Asking): Query {
  const message = { id: 7, opcode: OPCODE.QUERY, rcode: 0, flags: 0, answer: [], additional: [], edns: undefined };
  const wire = encodeMessage({ ...message, questions: [{ name, type, class: 1 }], authority });
  const query = new Query();
  const family = from.includes(':') ? 6 : 4;
  if (parseQuery(query, wire, { ...testPeer, transport, address: from, family }) !== 'accept') throw new Error(name);
  return query;
}

function serials(zone: string, ...values: readonly number[]): ResourceRecord[] {
  return values.map((serial) => recordOf(`${zone} 30 IN SOA ns. host. ${serial} 1 1 1 1`));
}

/** The first answer and all that follow it, as a listener takes them. */
function messagesOf(answer: Answer): Answer[] {
  return [answer, ...(answer.following ?? [])];
}

/** `next` for what is left to the next plugin, else rcode and flags, then the records of all messages. */
async function ask(handler: Handler, name: string, asking: Asking = {}): Promise<string[]> {
  const query = queryFor(name, asking);
  const answer = await handler(query);
  if (answer.source === 'next') return ['next'];
  const head = [rcodeName(answer.rcode), ...flagWords(answer.flags)].join(' ');
  const records = messagesOf(answer).flatMap((message) => recordsOf(query, message).answer.map(recordText));
  return answer.reason === '' ? [head, ...records] : [head, answer.reason];
}

interface Bench extends Built {
  readonly host: TestHost;
}

function bench(directives: string, ...providers: readonly Transferable[]): Bench {
  const host = testHost();
  const next = (): Answer => emptyAnswer(RCODE.REFUSED, 'next');
  const built = build(transferPlugin, `.:53 example.org:53 {\n${directives}\n}\n`, { host, next });
  for (const provider of providers) transferables.provide(built.env.scope, provider);
  return { ...built, host };
}

const exampleOrg = [
  'NOERROR aa',
  recordText(soaOf('example.org.')),
  'a.example.org. 30 IN A 192.0.2.9',
  recordText(soaOf('example.org.')),
];

t.test('who gets which zone', async (t) => {
  const rules = [
    'transfer example.org {\nto 192.0.2.1:5300 2001:DB8:0::1\n}',
    'transfer a.example.org {\nto 192.0.2.2\n}',
    'transfer zzz.a.example.org org {\nto *\n}',
    'transfer a.example.org {\nto *\n}',
  ].join('\n');
  const { handler } = bench(
    rules,
    having('other.org.'),
    having('example.org.', 'a.example.org.'),
    having('example.org.'),
  );
  const refused = (from: string): string[] => ['REFUSED', `the Corefile does not let ${from} have this zone`];
  t.same(await ask(handler, 'example.org.'), exampleOrg);
  t.same(await ask(handler, 'example.org.', { from: '2001:db8::1' }), exampleOrg, 'addresses compare, not their text');
  t.same(await ask(handler, 'example.org.', { from: '192.0.2.2' }), refused('192.0.2.2'));
  t.same(await ask(handler, 'a.example.org.', { from: CLIENT }), refused(CLIENT), 'the longest zone, of two the first');
  t.equal((await ask(handler, 'a.example.org.', { from: '192.0.2.2' }))[0], 'NOERROR aa');
  t.equal((await ask(handler, 'other.org.', { from: '198.51.100.1' }))[0], 'NOERROR aa', 'everyone');
  t.same(await ask(handler, 'www.example.org.'), ['next'], 'no zone of anybody');
  t.same(await ask(handler, 'example.com.'), ['next'], 'no rule');
  t.same(await ask(handler, 'example.org.', { type: TYPE.SOA }), ['next'], 'no transfer');
  t.same(await ask(handler, 'example.org.', { transport: 'udp' }), ['REFUSED', 'zones are transferred over TCP only']);
});

t.test('the longest zone is not the last in the alphabet', async (t) => {
  const rules = 'transfer zz {\nto *\n}\ntransfer a.zz {\nto 192.0.2.7\n}';
  const { handler } = bench(rules, having('a.zz.'));
  t.equal((await ask(handler, 'a.zz.'))[0], 'REFUSED');
});

t.test('IXFR', async (t) => {
  const { handler, host } = bench('transfer example.org {\nto *\n}', having('example.org.'));
  const ask1 = (...authority: readonly ResourceRecord[]): Promise<string[]> =>
    ask(handler, 'example.org.', { type: TYPE.IXFR, authority });
  const fault = ['SERVFAIL', 'an IXFR query must have one SOA record in its authority section'];
  t.same(await ask1(...serials('example.org.', SERIAL)), exampleOrg.slice(0, 2), 'nothing new');
  t.same(await ask1(...serials('example.org.', SERIAL - 1)), exampleOrg, 'the whole zone');
  t.same(await ask1(...serials('example.org.', 0)), exampleOrg);
  t.same(await ask1(), fault);
  t.same(await ask1(addressRecord('example.org.', 1, '192.0.2.1')), fault, 'another record');
  const query = queryFor('example.org.', { type: TYPE.IXFR });
  query.wire.writeUInt16BE(1, 8);
  t.equal((await handler(query)).rcode, RCODE.SERVFAIL, 'one that is announced and not there');
  t.same(host.output, [
    `[INFO] plugin/transfer: Outgoing noop, incremental transfer for up to date zone "example.org." to ${CLIENT} for ${SERIAL} SOA serial`,
    ...[0, 1].map(
      () =>
        `[INFO] plugin/transfer: Outgoing transfer of 3 records of zone "example.org." to ${CLIENT} for ${SERIAL} SOA serial`,
    ),
  ]);
});

t.test('a zone of more records than a message can count', async (t) => {
  const count = 70_000;
  let made = 0;
  function* many(): Generator<ResourceRecord, void, undefined> {
    for (let i = 0; i < count; i++) {
      made++;
      yield addressRecord(`h${i}.example.org.`, 30, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    }
  }
  const large: Transferable = { zoneState: () => stateOf('example.org.', many()) };
  const { handler, host } = bench('transfer . {\nto *\n}', large);
  const query = queryFor('example.org.', {});
  const first = await handler(query);
  t.ok(made < 2000, `${made} records are made at first`);
  query.clear();
  let records = 0;
  let last: string | undefined;
  const asked = queryFor('example.org.', {});
  for (const message of messagesOf(first)) {
    t.ok(message.body.length <= 0x4000 && message.flags === FLAG.AA && message.live, 'a message');
    records += message.answerCount;
    last = recordsOf(asked, message).answer.map(recordText).at(-1);
  }
  t.equal(records, count + 2);
  t.equal(last, recordText(soaOf('example.org.')));
  const told = `Outgoing transfer of ${count + 2} records of zone "example.org." to ${CLIENT} for ${SERIAL} SOA serial`;
  t.same(host.output, [`[INFO] plugin/transfer: ${told}`]);
});

t.test('a client that does not take the rest', async (t) => {
  const large: Transferable = {
    zoneState: () =>
      stateOf(
        'example.org.',
        Array.from({ length: 5000 }, () => addressRecord('a.example.org.', 1, '::1')),
      ),
  };
  const { handler, host } = bench('transfer . {\nto *\n}', large);
  const { following, answerCount } = await handler(queryFor('example.org.', {}));
  following?.return();
  t.match(
    host.output.join('\n'),
    `[WARNING] plugin/transfer: Outgoing transfer broken off after ${answerCount} records of`,
  );
});

t.test('a zone that is not known whole', (t) => {
  const unknown: Transferable = {
    zoneState() {
      throw new QueryError(RCODE.SERVFAIL, 'not yet');
    },
  };
  const { handler } = bench('transfer . {\nto *\n}', unknown);
  t.throws(() => handler(queryFor('example.org.', {})), new QueryError(RCODE.SERVFAIL, 'not yet'));
  t.end();
});

t.test('mistakes', async (t) => {
  const place = (line: number, text: string): string => `Corefile:${line} - plugin/transfer: ${text}`;
  const parsing = 'Error during parsing:';
  const cases: readonly (readonly [directive: string, ...mistakes: string[]])[] = [
    ['transfer', place(2, `${parsing} 'to' is required`)],
    ['transfer {\nto\n}', place(3, `${parsing} Wrong argument count or unexpected line ending after 'to'`)],
    ['transfer {\nfrom 1.2.3.4\n}', place(3, `${parsing} unknown property "from"`)],
    ['transfer {\nto secondary\n}', place(3, "must specify an IP address: `secondary'")],
    ['transfer {\nto dns.example:53\n}', place(3, "must specify an IP address: `dns.example'")],
    ['transfer {\nto 192.0.2.1:70000\n}', place(3, 'invalid port in "192.0.2.1:70000": a port is 1 to 65535')],
    ['transfer {\nto *\nsource eth0\n}', place(3 + 1, `${parsing} invalid source address "eth0"`)],
    ['transfer {\nto *\nsource ::1\nsource ::1\n}', place(5, `${parsing} source already specified`)],
    [
      'transfer\ntransfer {\nto x\n}',
      place(2, `${parsing} 'to' is required`),
      place(4, "must specify an IP address: `x'"),
    ],
  ];
  for (const [directive, ...mistakes] of cases) t.same(mistakesOf(transferPlugin, `. {\n${directive}\n}\n`), mistakes);
});

/** A secondary that answers its nth NOTIFY with the nth of `rcodes`, and the others with the last; -1 is silence. */
async function secondary(...rcodes: readonly number[]) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const seen: { readonly message: Message; readonly from: string }[] = [];
  socket.on('message', (wire, { port, address }) => {
    const message = parseMessage(wire);
    const rcode = rcodes[Math.min(seen.length, rcodes.length - 1)] ?? 0;
    seen.push({ message, from: address });
    if (rcode >= 0) socket.send(encodeMessage({ ...message, rcode, flags: FLAG.QR | FLAG.AA }), port, address);
  });
  return { seen, port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

t.test('secondaries hear of a change', async (t) => {
  using willing = await secondary(RCODE.NOERROR);
  using hesitant = await secondary(RCODE.SERVFAIL, RCODE.NOERROR);
  using unwilling = await secondary(RCODE.NOTAUTH);
  using silent = await secondary(-1);
  const to = [willing, hesitant, unwilling, silent].map(({ port }) => `127.0.0.1:${port}`).join(' ');
  const changes: ((zone: string) => void)[] = [];
  const provider: Transferable = {
    zoneState: () => undefined,
    onChange(changed) {
      changes.push(changed);
      return () => void changes.pop();
    },
  };
  const { instance, host } = bench(`transfer example.org {\nto * ${to}\nsource 127.0.0.5\n}`, provider, having('org.'));
  await instance.start?.(false);
  for (const changed of changes) for (const zone of ['example.com.', 'example.org.']) changed(zone);
  while (silent.seen.length < 3 || unwilling.seen.length < 3) {
    await settled();
    if (unwilling.seen.length === 3 && willing.seen.length > 0 && hesitant.seen.length > 1)
      await host.clock.advance(2000);
  }
  await host.clock.advance(2000);
  while (host.output.length < 2) await settled();
  t.same(
    [willing, hesitant, unwilling, silent].map(({ seen }) => seen.length),
    [1, 2, 3, 3],
  );
  const [notify] = willing.seen;
  t.match(notify, {
    from: '127.0.0.5',
    message: { opcode: OPCODE.NOTIFY, flags: FLAG.AA, questions: [{ name: 'example.org.', type: TYPE.SOA, class: 1 }] },
  });
  const refused = (port: number, why: string): string =>
    `[WARNING] plugin/transfer: notify for zone "example.org." was not accepted by "127.0.0.1:${port}": ${why}`;
  t.equal(host.output[0], refused(unwilling.port, 'rcode was "NOTAUTH"'));
  t.ok(host.output[1]?.startsWith(refused(silent.port, '"read udp 127.0.0.5:')));
  t.match(host.output[1], /: i\/o timeout"$/);
  await instance.stop?.();
  t.equal(changes.length, 0, 'nobody is told after the end');
});

const http = { name: 'http', port: 80, protocol: 'TCP' };
const unnamed = { name: '', port: 53, protocol: 'UDP' };

const named = { namespace: 'default', resourceVersion: '1' };

function service(name: string, changes: Partial<Service>): Service {
  const plain = { type: 'ClusterIP', clusterIPs: [], externalName: '', ports: [], externalAddresses: [] } as const;
  return { kind: 'Service', name, ...named, ...plain, ...changes };
}

function slice(name: string, of: string, changes: Partial<EndpointSlice>): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    name,
    ...named,
    service: of,
    addressType: 'IPv4',
    ports: [],
    endpoints: [],
    ...changes,
  };
}

const endpoint = (address: string, hostname = ''): Endpoint => ({
  addresses: [address],
  hostname,
  podName: '',
  nodeName: '',
  zone: '',
});

function imported(name: string, ips: readonly string[]): ServiceImport {
  const type = ips.length === 0 ? 'Headless' : 'ClusterSetIP';
  return { kind: 'ServiceImport', ...named, name, type, ips, ports: [http] };
}

const namespace = (name: string): Namespace => ({ kind: 'Namespace', ...named, namespace: '', name });

function clusterOf(...objects: readonly KubeObject[]): ClusterStore {
  const kinds = KINDS.filter((kind) => kind !== 'Pod');
  const store = new ClusterStore(kinds, new ManualClock());
  for (const kind of kinds) {
    store.apply({ type: 'listing', kind, reason: 'start' });
    const changes = objects.filter((object) => object.kind === kind).map((put) => ({ put }));
    store.apply({ type: 'changes', kind, changes });
    store.apply({ type: 'listed', kind });
  }
  return store;
}

const cluster = clusterOf(
  namespace('default'),
  namespace('apps'),
  service('web', { clusterIPs: ['10.0.0.1', 'fd00::1'], ports: [http, unnamed] }),
  service('web', { namespace: 'apps', clusterIPs: ['10.0.0.2'] }),
  service('web', { namespace: 'gone', clusterIPs: ['10.0.0.3'] }),
  service('waiting', { ports: [http] }),
  service('alias', { type: 'ExternalName', externalName: 'Example.org' }),
  service('address', { type: 'ExternalName', externalName: '192.0.2.1' }),
  service('nonsense', { type: 'ExternalName', externalName: 'a..b' }),
  service('db', { clusterIPs: ['None'], ports: [http] }),
  service('kube-dns', { namespace: 'apps', clusterIPs: ['10.0.0.10'], ports: [unnamed] }),
  slice('db-2', 'db', { ports: [{ ...http, port: null }], endpoints: [endpoint('10.1.0.4')] }),
  slice('db-1', 'db', {
    ports: [{ name: 'SQL', port: 5432, protocol: 'TCP' }, unnamed],
    endpoints: [endpoint('10.1.0.1', 'db-0'), endpoint('10.1.0.2'), endpoint('10.1.0.3')],
  }),
  imported('web', ['10.9.0.1']),
  imported('db', []),
  {
    ...slice('db-east', 'db', { ports: [http], endpoints: [endpoint('10.9.1.1')] }),
    kind: 'MulticlusterSlice',
    cluster: 'east',
  },
  slice('dns-1', 'kube-dns', { namespace: 'apps', endpoints: [endpoint('10.1.0.53')] }),
);

const LONG_ZONE = `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}.`;

function stateIn(cluster: ClusterStore, query: Query, changes: Partial<ZoneViewOptions> = {}): ZoneState | undefined {
  const serial = new Serial();
  const changedMs = SERIAL * 1000;
  serial.note({ kind: 'Service', before: undefined, after: service('a', {}) }, changedMs);
  serial.note({ kind: 'ServiceImport', before: imported('a', []), after: imported('a', ['10.9.0.9']) }, changedMs);
  const options = {
    ...kubernetesConfig(`cluster.local clusterset.local 0.10.in-addr.arpa ${LONG_ZONE}`, [
      'multicluster clusterset.local',
    ]),
    served: (name: string) => name !== 'hidden',
    ownAddresses: ['10.1.0.53'],
    ...changes,
  };
  const viewOf = zoneViews(cluster, serial, options);
  return zoneStateOf(query, { ...options, zones: new ZoneSet(options.zones), cluster, viewOf });
}

function clusterState(zone: string, changes: Partial<ZoneViewOptions> = {}): string[] | undefined {
  const state = stateIn(cluster, queryFor(zone, {}), changes);
  return state && [`serial ${state.serial}`, ...Array.from(state.records(), recordText)];
}

t.test('a cluster zone', async (t) => {
  const records = `serial ${SERIAL}
    cluster.local. 5 IN NS kube-dns.apps.svc.cluster.local.
    kube-dns.apps.svc.cluster.local. 5 IN A 10.0.0.10
    alias.default.svc.cluster.local. 5 IN CNAME Example.org.
    db.default.svc.cluster.local. 5 IN A 10.1.0.1
    db-0.db.default.svc.cluster.local. 5 IN A 10.1.0.1
    _sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 33 5432 db-0.db.default.svc.cluster.local.
    db.default.svc.cluster.local. 5 IN A 10.1.0.2
    10-1-0-2.db.default.svc.cluster.local. 5 IN A 10.1.0.2
    _sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 33 5432 10-1-0-2.db.default.svc.cluster.local.
    db.default.svc.cluster.local. 5 IN A 10.1.0.3
    10-1-0-3.db.default.svc.cluster.local. 5 IN A 10.1.0.3
    _sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 33 5432 10-1-0-3.db.default.svc.cluster.local.
    db.default.svc.cluster.local. 5 IN A 10.1.0.4
    10-1-0-4.db.default.svc.cluster.local. 5 IN A 10.1.0.4
    kube-dns.apps.svc.cluster.local. 5 IN A 10.0.0.10
    kube-dns.apps.svc.cluster.local. 5 IN SRV 0 100 53 kube-dns.apps.svc.cluster.local.
    web.apps.svc.cluster.local. 5 IN A 10.0.0.2
    web.default.svc.cluster.local. 5 IN A 10.0.0.1
    web.default.svc.cluster.local. 5 IN AAAA fd00::1
    web.default.svc.cluster.local. 5 IN SRV 0 100 80 web.default.svc.cluster.local.
    _http._tcp.web.default.svc.cluster.local. 5 IN SRV 0 100 80 web.default.svc.cluster.local.
    web.default.svc.cluster.local. 5 IN SRV 0 100 53 web.default.svc.cluster.local.`;
  const expected = records.split('\n').map((line) => line.trim());
  t.same(clusterState('cluster.local.'), expected);
  t.same(clusterState('CLUSTER.local.')?.[1], 'CLUSTER.local. 5 IN NS kube-dns.apps.svc.CLUSTER.local.');
  t.equal(clusterState('svc.cluster.local.'), undefined, 'a name below is no zone');
  t.equal(clusterState('example.org.'), undefined);
});

t.test('a zone of several clusters', async (t) => {
  t.same(clusterState('clusterset.local.', { ownAddresses: [] }), [
    `serial ${SERIAL}`,
    'db.default.svc.clusterset.local. 5 IN A 10.9.1.1',
    '10-9-1-1.east.db.default.svc.clusterset.local. 5 IN A 10.9.1.1',
    '_http._tcp.db.default.svc.clusterset.local. 5 IN SRV 0 100 80 10-9-1-1.east.db.default.svc.clusterset.local.',
    'web.default.svc.clusterset.local. 5 IN A 10.9.0.1',
    'web.default.svc.clusterset.local. 5 IN SRV 0 100 80 web.default.svc.clusterset.local.',
    '_http._tcp.web.default.svc.clusterset.local. 5 IN SRV 0 100 80 web.default.svc.clusterset.local.',
  ]);
});

t.test('a server without a service names itself, by all its addresses', async (t) => {
  const own = clusterState('cluster.local.', { ownAddresses: ['192.0.2.2', 'fd00::2'] });
  t.same(own?.slice(1, 4), [
    'cluster.local. 5 IN NS ns.dns.cluster.local.',
    'ns.dns.cluster.local. 5 IN A 192.0.2.2',
    'ns.dns.cluster.local. 5 IN AAAA fd00::2',
  ]);
});

t.test('a reverse zone', async (t) => {
  const names = ['1', '10', '2'].map((last) => `${last}.0.0.10.in-addr.arpa. 5 IN PTR`);
  t.same(clusterState('0.10.in-addr.arpa.', { served: (name) => name !== 'gone', ownAddresses: [] }), [
    `serial ${SERIAL}`,
    `${names[0]} web.default.svc.cluster.local.`,
    `${names[1]} kube-dns.apps.svc.cluster.local.`,
    `${names[2]} web.apps.svc.cluster.local.`,
  ]);
});

t.test('names that are too long are left out', async (t) => {
  const lengths = clusterState(LONG_ZONE)?.map((record) => record.split(' ')[0]?.length ?? 0) ?? [];
  t.ok(lengths.length > 5 && Math.max(...lengths) <= 254, `${lengths.length} records`);
});

t.test('the state is that of one moment', async (t) => {
  const changing = clusterOf(
    namespace('default'),
    service('a', { clusterIPs: ['10.0.0.1'] }),
    service('b', { clusterIPs: ['10.0.0.2'] }),
  );
  const query = queryFor('cluster.local.', {});
  const state = stateIn(changing, query, { ownAddresses: [] });
  const records = state?.records() ?? [];
  changing.apply({ type: 'changes', kind: 'Service', changes: [{ gone: { namespace: 'default', name: 'b' } }] });
  query.clear();
  t.same(Array.from(records, recordText), [
    'a.default.svc.cluster.local. 5 IN A 10.0.0.1',
    'b.default.svc.cluster.local. 5 IN A 10.0.0.2',
  ]);
});

t.test('a cluster that is not known yet', (t) => {
  const unknown = new ClusterStore(['Service'], new ManualClock());
  const expected = new QueryError(RCODE.SERVFAIL, 'the API server has not delivered its objects yet');
  t.throws(() => stateIn(unknown, queryFor('cluster.local.', {})), expected);
  t.end();
});
