import t from 'tap';
import { clusterTenants } from '../../src/cluster/lent-cluster.ts';
import { type Handler, QueryError } from '../../src/core/handler.ts';
import { RCODE } from '../../src/dns/codes.ts';
import { recordText } from '../../src/dns/text.ts';
import type { Change } from '../../src/kube/batch.ts';
import type { Kind } from '../../src/kube/objects.ts';
import { slim } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { k8sExternalPlugin } from '../../src/plugins/k8s_external/index.ts';
import { lendCluster } from '../../src/plugins/kubernetes/lend.ts';
import { Startup } from '../../src/plugins/kubernetes/startup.ts';
import { transferables } from '../../src/zone/transferable.ts';
import { readObject } from '../scenarios/objects.ts';
import { answerText, ask, queryFor } from '../support/ask.ts';
import { ManualClock } from '../support/clock.ts';
import { kubernetesConfig, outside } from '../support/cluster-zones.ts';
import { type Built, build, mistakesOf, noNext, testHost } from '../support/env.ts';

const KINDS: readonly Kind[] = ['Service', 'EndpointSlice', 'Pod', 'Namespace'];
const OWN_ADDRESS = '10.244.9.9';

interface Place {
  readonly zones?: string;
  readonly options?: readonly string[];
  readonly kubernetes?: readonly string[];
  readonly next?: Handler;
  readonly resolve?: Handler;
}

/** A cluster, and the plugin that answers from it. */
class World {
  readonly clock = new ManualClock();
  readonly store = new ClusterStore(KINDS, this.clock);
  readonly #place: Place;
  readonly #startup: Startup;
  #opened: { readonly built: Built; end(): void };
  #version = 0;

  constructor(place: Place = {}) {
    this.#place = place;
    this.#startup = new Startup(this.store, { clock: this.clock, log: testHost().log, limitMs: 5000 });
    this.#opened = this.#open();
  }

  /** The first lists, with these objects. */
  list(...lines: readonly string[]): this {
    for (const kind of KINDS) {
      this.store.apply({ type: 'listing', kind, reason: 'start' });
      this.store.apply({ type: 'listed', kind });
    }
    for (const line of lines) this.put(line);
    return this;
  }

  /** As `readObject`; a service may have `=ADDRESS` words, its external addresses, names of load balancers among them. */
  put(line: string): void {
    const outer = line.split(' ').filter((word) => word.startsWith('='));
    const raw = readObject(line.replace(/ =\S+/g, ''), ++this.#version);
    const ingress = outer
      .map((word) => word.slice(1))
      .map((text) => (/[:\d]$/.test(text) ? { ip: text } : { hostname: text }));
    const whole = outer.length === 0 ? raw : { ...raw, status: { loadBalancer: { ingress } } };
    const slimmed = slim({ kind: raw.kind }, whole);
    if (slimmed.is !== 'object') throw new Error(`${line}: ${slimmed.is}`);
    this.#apply(raw.kind, { put: slimmed.object });
  }

  remove(kind: Kind, path: string): void {
    const [namespace = '', name = ''] = kind === 'Namespace' ? ['', path] : path.split('/');
    this.#apply(kind, { gone: { namespace, name } });
  }

  get handler(): Handler {
    return this.#opened.built.handler;
  }

  get built(): Built {
    return this.#opened.built;
  }

  ask(question: string): Promise<string> {
    return ask(this.handler, question);
  }

  /** What an instance that has kept nothing says. */
  async askAnew(question: string): Promise<string> {
    const opened = this.#open();
    try {
      return await ask(opened.built.handler, question);
    } finally {
      opened.end();
    }
  }

  /** What a reload does. */
  reopen(): void {
    const before = this.#opened;
    this.#opened = this.#open();
    before.end();
  }

  close(): void {
    this.#opened.end();
  }

  #apply(kind: Kind, change: Change): void {
    this.store.apply({ type: 'changes', kind, changes: [change] });
  }

  #open(): { readonly built: Built; end(): void } {
    const {
      zones = 'ext.test 198.51.100.0/24',
      options = [],
      kubernetes = [],
      next = noNext,
      resolve = outside,
    } = this.#place;
    const host = testHost({ clock: this.clock });
    const corefile = `. {\nkubernetes cluster.local\nk8s_external ${zones} {\n${options.join('\n')}\n}\n}\n`;
    const built = build(k8sExternalPlugin, corefile, { host, next, resolve });
    const end = lendCluster(kubernetesConfig('cluster.local', ['ttl 30', ...kubernetes]), {
      tenants: clusterTenants.find(built.env.scope),
      cluster: this.store,
      startup: this.#startup,
      ownAddresses: [OWN_ADDRESS],
      metrics: host.metrics,
    });
    return { built, end };
  }
}

const OBJECTS = [
  'namespace shop',
  'namespace dark',
  'service shop/web 10.96.0.1 http:80 =198.51.100.1 =198.51.100.2 =2001:db8::1',
  'service shop/many 10.96.0.2 dns:53/UDP dns-tcp:53 :9153 =198.51.100.3',
  'service shop/plain 10.96.0.3 http:80',
  'service shop/portless 10.96.0.4 =198.51.100.4',
  'service shop/named 10.96.0.5 http:80 https:443 =lb.example.com =other.example.com',
  'service shop/mixed 10.96.0.6 http:80 =lb.example.com =198.51.100.6',
  'service shop/gone 10.96.0.7 http:80 =nx.example.com',
  'service shop/out external www.example.com',
  'service shop/db None sql:5432',
  'slice shop/db-1 of db 10.244.1.1=db-0 10.244.1.2 10.244.1.3!notready sql:5432',
  'service dark/web 10.96.0.8 http:80 =198.51.100.8',
];

function soa(zone: string): string {
  return `authority ${zone} 5 IN SOA ns1.dns.${zone} hostmaster.dns.${zone} 0 7200 1800 86400 5`;
}

const nodata = `NOERROR aa\n${soa('ext.test.')}`;
const denied = `NXDOMAIN aa\n${soa('ext.test.')}`;

const ANSWERS: readonly (readonly [question: string, answer: string])[] = [
  [
    'web.shop.ext.test. A',
    'NOERROR aa\nanswer web.shop.ext.test. 5 IN A 198.51.100.1\nanswer web.shop.ext.test. 5 IN A 198.51.100.2',
  ],
  ['WEB.shop.Ext.test. AAAA', 'NOERROR aa\nanswer WEB.shop.Ext.test. 5 IN AAAA 2001:db8::1'],
  ['any.web.shop.ext.test. AAAA', 'NOERROR aa\nanswer any.web.shop.ext.test. 5 IN AAAA 2001:db8::1'],
  ['_http._tcp.web.shop.ext.test. AAAA', 'NOERROR aa\nanswer _http._tcp.web.shop.ext.test. 5 IN AAAA 2001:db8::1'],
  [
    '_http._tcp.web.shop.ext.test. SRV',
    'NOERROR aa\nanswer _http._tcp.web.shop.ext.test. 30 IN SRV 0 33 80 web.shop.ext.test.\n' +
      'additional web.shop.ext.test. 5 IN A 198.51.100.1\nadditional web.shop.ext.test. 5 IN A 198.51.100.2\n' +
      'additional web.shop.ext.test. 5 IN AAAA 2001:db8::1',
  ],
  [
    'many.shop.ext.test. SRV',
    'NOERROR aa\nanswer many.shop.ext.test. 30 IN SRV 0 33 53 many.shop.ext.test.\n' +
      'answer many.shop.ext.test. 30 IN SRV 0 33 9153 many.shop.ext.test.\nadditional many.shop.ext.test. 5 IN A 198.51.100.3',
  ],
  [
    '_DNS._udp.many.shop.ext.test. SRV',
    'NOERROR aa\nanswer _DNS._udp.many.shop.ext.test. 30 IN SRV 0 100 53 many.shop.ext.test.\n' +
      'additional many.shop.ext.test. 5 IN A 198.51.100.3',
  ],
  ['_dns._sctp.many.shop.ext.test. SRV', denied],
  ['web.shop.ext.test. TXT', nodata],
  ['web.shop.ext.test. PTR', nodata],
  ['web.shop.ext.test. AXFR', nodata],
  ['many.shop.ext.test. AAAA', nodata],
  ['portless.shop.ext.test. A', 'NOERROR aa\nanswer portless.shop.ext.test. 5 IN A 198.51.100.4'],
  ['portless.shop.ext.test. SRV', nodata],
  ['plain.shop.ext.test. A', denied],
  ['db.shop.ext.test. A', denied],
  ['out.shop.ext.test. A', denied],
  ['nosuch.shop.ext.test. A', denied],
  ['a.b.c.web.shop.ext.test. A', denied],
  ['shop.ext.test. A', nodata],
  ['nosuch.ext.test. A', denied],
  ['dark.ext.test. A', denied],
  ['web.dark.ext.test. A', denied],
  [
    'named.shop.ext.test. A',
    'NOERROR aa\nanswer named.shop.ext.test. 5 IN CNAME lb.example.com.\nanswer lb.example.com. 300 IN A 192.0.2.80',
  ],
  ['named.shop.ext.test. AAAA', 'NOERROR aa\nanswer named.shop.ext.test. 5 IN CNAME lb.example.com.'],
  ['named.shop.ext.test. CNAME', nodata],
  [
    '_https._tcp.named.shop.ext.test. SRV',
    'NOERROR aa\nanswer _https._tcp.named.shop.ext.test. 30 IN SRV 0 50 443 lb.example.com.\n' +
      'answer _https._tcp.named.shop.ext.test. 30 IN SRV 0 50 443 other.example.com.\n' +
      'additional lb.example.com. 300 IN A 192.0.2.80\nadditional other.example.com. 300 IN A 192.0.2.80',
  ],
  ['mixed.shop.ext.test. A', 'NOERROR aa\nanswer mixed.shop.ext.test. 5 IN A 198.51.100.6'],
  ['mixed.shop.ext.test. AAAA', nodata],
  ['gone.shop.ext.test. A', 'NOERROR aa\nanswer gone.shop.ext.test. 5 IN CNAME nx.example.com.'],
  ['ext.test. SOA', `NOERROR aa\n${soa('ext.test.').replace('authority', 'answer')}`],
  [
    'EXT.test. NS',
    `NOERROR aa\nanswer ext.test. 5 IN NS ns1.dns.ext.test.\nadditional ns1.dns.EXT.test. 5 IN A ${OWN_ADDRESS}`,
  ],
  ['ext.test. A', nodata],
  ['dns.ext.test. A', nodata],
  ['ns1.dns.ext.test. A', `NOERROR aa\nanswer ns1.dns.ext.test. 5 IN A ${OWN_ADDRESS}`],
  ['ns1.dns.ext.test. AAAA', nodata],
  ['ns1.dns.ext.test. TXT', nodata],
  ['ns2.dns.ext.test. A', denied],
  ['a.ns1.dns.ext.test. A', denied],
  ['2.100.51.198.in-addr.arpa. PTR', 'NOERROR aa\nanswer 2.100.51.198.in-addr.arpa. 5 IN PTR web.shop.ext.test.'],
  ['8.100.51.198.in-addr.arpa. PTR', `NXDOMAIN aa\n${soa('100.51.198.in-addr.arpa.')}`],
  ['9.100.51.198.in-addr.arpa. PTR', `NXDOMAIN aa\n${soa('100.51.198.in-addr.arpa.')}`],
  ['100.51.198.in-addr.arpa. PTR', `NOERROR aa\n${soa('100.51.198.in-addr.arpa.')}`],
];

t.test('what an external zone answers', async (t) => {
  const world = new World({ kubernetes: ['namespaces shop'] }).list(...OBJECTS);
  for (const [question, answer] of ANSWERS) {
    t.equal(await world.ask(question), answer, question);
    t.equal(await world.ask(question), answer, `${question} again`);
  }
  await t.rejects(world.ask('example.org. A'), { message: 'no next plugin found' }, 'other names pass');
});

t.test('headless services, where the Corefile asks for them', async (t) => {
  const world = new World({ options: ['headless', 'apex ns.zone', 'ttl 0'] }).list(...OBJECTS);
  const cases = [
    ['db.shop.ext.test. A', 'answer db.shop.ext.test. 0 IN A 10.244.1.1\nanswer db.shop.ext.test. 0 IN A 10.244.1.2'],
    ['DB-0.db.shop.ext.test. A', 'answer DB-0.db.shop.ext.test. 0 IN A 10.244.1.1'],
    [
      '_sql._tcp.db.shop.ext.test. SRV',
      'answer _sql._tcp.db.shop.ext.test. 30 IN SRV 0 50 5432 db-0.db.shop.ext.test.\n' +
        'answer _sql._tcp.db.shop.ext.test. 30 IN SRV 0 50 5432 10-244-1-2.db.shop.ext.test.\n' +
        'additional db-0.db.shop.ext.test. 0 IN A 10.244.1.1\nadditional 10-244-1-2.db.shop.ext.test. 0 IN A 10.244.1.2',
    ],
    ['ns1.ns.zone.ext.test. A', `answer ns1.ns.zone.ext.test. 0 IN A ${OWN_ADDRESS}`],
  ] as const;
  for (const [question, records] of cases) t.equal(await world.ask(question), `NOERROR aa\n${records}`, question);
  for (const name of ['db-1.db.shop', '10-244-1-1.db.shop', '10-244-1-3.db.shop', 'plain.shop', 'a.plain.shop']) {
    t.match(await world.ask(`${name}.ext.test. A`), /^NXDOMAIN aa/, name);
  }
});

t.test('names that do not exist here may be left to the next plugin', async (t) => {
  const world = new World({ options: ['fallthrough ext.test'], next: outside }).list(...OBJECTS);
  const passed = 'NOERROR ra\nanswer nosuch.shop.ext.test. 300 IN A 192.0.2.80';
  t.equal(await world.ask('nosuch.shop.ext.test. A'), passed);
  t.equal(await world.ask('many.shop.ext.test. AAAA'), nodata, 'a name without that type is no such name');
  t.equal(await world.ask('x.dns.ext.test. A'), denied, 'names of the apex are never left');
  t.match(await world.ask('9.100.51.198.in-addr.arpa. PTR'), /^NXDOMAIN aa/, 'only in the zones that are named');
});

t.test('an answer is right from the moment its object changes', async (t) => {
  const world = new World({ options: ['headless'] }).list();
  const questions = [
    'shop.ext.test. A',
    'web.shop.ext.test. A',
    'web.shop.ext.test. SRV',
    'new.shop.ext.test. A',
    'db.shop.ext.test. A',
    'db-0.db.shop.ext.test. A',
    'ext.test. NS',
    'ns1.dns.ext.test. A',
    '1.100.51.198.in-addr.arpa. PTR',
    '9.100.51.198.in-addr.arpa. PTR',
  ];
  const steps: readonly (() => void)[] = [
    () => world.put('service shop/web 10.96.0.1 http:80 =198.51.100.1'),
    () => world.put('namespace shop'),
    () => world.put('service shop/web 10.96.0.1 http:80 =198.51.100.9'),
    () => world.put('service shop/new 10.96.0.2 http:80 =198.51.100.9'),
    () => world.put('service shop/web 10.96.0.1 http:80'),
    () => world.put('service shop/db None sql:5432'),
    () => world.put('slice shop/db-1 of db 10.244.1.1=db-0 sql:5432'),
    () => world.put('slice shop/db-1 of db 10.244.1.2=db-0 sql:5432'),
    () => world.put(`slice shop/new-1 of new ${OWN_ADDRESS} http:80`),
    () => world.put('service shop/new 10.96.0.2 http:80 =198.51.100.1 =lb.example.com'),
    () => world.remove('EndpointSlice', 'shop/new-1'),
    () => world.remove('Service', 'shop/new'),
    () => world.remove('Namespace', 'shop'),
  ];
  for (const [i, step] of steps.entries()) {
    for (const question of questions) await world.ask(question);
    step();
    for (const question of questions) {
      t.equal(await world.ask(question), await world.askAnew(question), `${question} after step ${i + 1}`);
    }
  }
});

t.test('the name server has the external addresses of the service that it stands behind', async (t) => {
  const world = new World().list(
    'namespace kube-system',
    'service kube-system/kube-dns 10.96.0.10 dns:53/UDP =198.51.100.53 =2001:db8::53 =lb.example.com',
    `slice kube-system/kube-dns-1 of kube-dns ${OWN_ADDRESS} dns:53/UDP`,
  );
  t.equal(await world.ask('ns1.dns.ext.test. A'), 'NOERROR aa\nanswer ns1.dns.ext.test. 5 IN A 198.51.100.53');
  world.put('service kube-system/kube-dns 10.96.0.10 dns:53/UDP');
  t.match(await world.ask('ns1.dns.ext.test. A'), /^NOERROR aa\nauthority/, 'none where the service has none');
  t.equal(await world.ask('ext.test. NS'), 'NOERROR aa\nanswer ext.test. 5 IN NS ns1.dns.ext.test.');
});

t.test('an answer that is known is found at once', async (t) => {
  const world = new World().list(...OBJECTS);
  const query = queryFor('web.shop.ext.test. A');
  const first = world.handler(query);
  t.equal(world.handler(query), first, 'the same answer');
  t.notOk(first instanceof Promise);
  t.ok(!(first instanceof Promise) && first.live, 'that no cache keeps');
  const named = await world.handler(queryFor('named.shop.ext.test. A'));
  t.ok(named.live, 'nor one with a name that was followed');
});

t.test('before the first lists', async (t) => {
  const world = new World();
  const early = world.ask('web.shop.ext.test. A');
  world.list(...OBJECTS);
  t.match(await early, '198.51.100.1', 'a question waits for them, and gets what they say');
  const late = new World();
  const waiting = late.ask('web.shop.ext.test. A');
  await late.clock.advance(5000);
  t.match(await waiting, /^SERVFAIL aa/, 'but not longer than startup_timeout');
});

t.test('the serial moves when addresses or ports change, and outlives a reload', async (t) => {
  const world = new World().list(...OBJECTS);
  const now = Math.floor(world.clock.wall() / 1000);
  const serial = async (): Promise<number> => Number(/hostmaster\S+ (\d+)/.exec(await world.ask('ext.test. SOA'))?.[1]);
  const denial = async (): Promise<string> => world.ask('nosuch.shop.ext.test. A');
  await denial();
  const steps: readonly (readonly [string, () => void, number])[] = [
    ['a service comes', () => world.put('service shop/new 10.96.0.9 http:80 =198.51.100.9'), 0],
    ['it has another cluster address', () => world.put('service shop/new 10.96.0.10 http:80 =198.51.100.9'), 0],
    ['its target changes', () => world.put('service shop/out external else.example.com'), 0],
    ['it has another external address', () => world.put('service shop/new 10.96.0.10 http:80 =198.51.100.10'), 1],
    ['a second later another port', () => world.put('service shop/new 10.96.0.10 http:81 =198.51.100.10'), 2],
    ['it goes', () => world.remove('Service', 'shop/new'), 2],
    ['the Corefile is read again', () => world.reopen(), 2],
  ];
  for (const [what, step, moves] of steps) {
    await world.clock.advance(1000);
    const expected = moves === 0 ? 0 : now + 3 + moves;
    step();
    t.equal(await serial(), expected, what);
    t.match(await denial(), ` ${expected} 7200`, `${what}: in an answer that was known before`);
  }
});

t.test('names of load balancers that lead back here come to an end', async (t) => {
  let asked = 0;
  const world: World = new World({
    resolve(query) {
      asked++;
      return world.handler(query);
    },
  });
  world.list('namespace shop', 'service shop/a 10.96.0.1 http:80 =b.shop.ext.test');
  world.put('service shop/b 10.96.0.2 http:80 =a.shop.ext.test');
  t.match(await world.ask('a.shop.ext.test. A'), /^NOERROR aa\nanswer a\.shop\S+ 5 IN CNAME b\.shop/);
  t.equal(asked, 8);
});

t.test('a name of a load balancer that nobody can resolve', async (t) => {
  const failing: Handler = () => {
    throw new QueryError(RCODE.SERVFAIL, 'unreachable');
  };
  const world = new World({ resolve: failing }).list(...OBJECTS);
  const alias = 'NOERROR aa\nanswer named.shop.ext.test. 5 IN CNAME lb.example.com.';
  t.equal(await world.ask('named.shop.ext.test. A'), alias, 'the resolver that asks can follow the alias itself');
  const broken: Handler = () => {
    throw new Error('a defect');
  };
  await t.rejects(new World({ resolve: broken }).list(...OBJECTS).ask('named.shop.ext.test. A'), {
    message: 'a defect',
  });
});

t.test('a zone is handed over whole', async (t) => {
  const world = new World({ options: ['headless'], kubernetes: ['namespaces shop'] }).list(...OBJECTS);
  const [provider] = transferables.find(world.built.env.scope);
  const zone = (question: string): string[] | undefined => {
    const state = provider?.zoneState(queryFor(question));
    return state && Array.from(state.records(), recordText);
  };
  const records = zone('ext.test. AXFR') ?? [];
  t.same(records.slice(0, 2), ['ext.test. 5 IN NS ns1.dns.ext.test.', `ns1.dns.ext.test. 5 IN A ${OWN_ADDRESS}`]);
  for (const record of [
    'web.shop.ext.test. 5 IN A 198.51.100.2',
    'web.shop.ext.test. 30 IN SRV 0 33 80 web.shop.ext.test.',
    '_http._tcp.web.shop.ext.test. 30 IN SRV 0 33 80 web.shop.ext.test.',
    'db-0.db.shop.ext.test. 5 IN A 10.244.1.1',
    'db.shop.ext.test. 5 IN A 10.244.1.1',
    'named.shop.ext.test. 5 IN CNAME lb.example.com.',
    '_http._tcp.named.shop.ext.test. 30 IN SRV 0 50 80 lb.example.com.',
  ]) {
    t.ok(records.includes(record), record);
  }
  t.equal(new Set(records).size, records.length, 'each record once');
  const alone = records.filter((record) => record.startsWith('named.shop.'));
  t.equal(alone.length, 1, 'nothing stands beside an alias');
  t.notOk(
    records.some((record) => / 10\.96\.|dark/.test(record)),
    'no cluster addresses, no other namespaces',
  );
  t.match(zone('100.51.198.in-addr.arpa. AXFR'), [
    /NS/,
    /A/,
    '3.100.51.198.in-addr.arpa. 5 IN PTR many.shop.ext.test.',
  ]);
  t.equal(zone('web.ext.test. AXFR'), undefined);
  t.equal(zone('example.org. AXFR'), undefined);
  const [early] = transferables.find(new World().built.env.scope);
  t.throws(() => early?.zoneState(queryFor('ext.test. AXFR')), /has not delivered its objects yet/);
});

t.test('when the kubernetes plugin has stopped, the next one is asked', async (t) => {
  const world = new World({ next: outside }).list(...OBJECTS);
  world.close();
  t.match(await world.ask('web.shop.ext.test. A'), '192.0.2.80');
});

t.test('the first zone of names ends what addresses lead to', async (t) => {
  const world = new World({ zones: '198.51.100.0/24 ext.test other.test' }).list(...OBJECTS);
  const query = queryFor('3.100.51.198.in-addr.arpa. PTR');
  t.match(answerText(query, await world.handler(query)), 'PTR many.shop.ext.test.');
});

t.test('options that cannot be used', async (t) => {
  const cases = [
    ['ttl', 'Wrong argument count or unexpected line ending after'],
    ['ttl abc', 'strconv.Atoi: parsing "abc": invalid syntax'],
    ['ttl 3601', 'ttl must be in range [0, 3600]: 3601'],
    ['ttl -1', 'ttl must be in range [0, 3600]: -1'],
    ['apex', 'Wrong argument count or unexpected line ending after'],
    ['apex a..b', `apex 'a..b' is no domain name`],
    ['upstream', "unknown property 'upstream'"],
  ] as const;
  for (const [option, expected] of cases) {
    const corefile = `. {\nkubernetes cluster.local\nk8s_external ext.test {\n${option}\n}\n}`;
    t.match(mistakesOf(k8sExternalPlugin, corefile).join('\n'), expected, option);
  }
  t.match(mistakesOf(k8sExternalPlugin, '. {\nk8s_external\n}'), [
    'Corefile:2 - plugin/k8s_external: kubernetes plugin not loaded',
  ]);
  const twice = '. {\nkubernetes cluster.local\nk8s_external a.test\nk8s_external b.test\n}';
  t.match(mistakesOf(k8sExternalPlugin, twice), [
    'Corefile:4 - plugin/k8s_external: this plugin can only be used once',
  ]);
});
