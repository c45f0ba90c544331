import t from 'tap';
import { type Answer, emptyAnswer, noReply } from '../../src/core/answer.ts';
import { buildAnswer } from '../../src/core/encode.ts';
import { type Handler, type Outcome, QueryError } from '../../src/core/handler.ts';
import type { Query } from '../../src/core/query.ts';
import { searchPaths } from '../../src/core/search-path.ts';
import { FLAG, RCODE } from '../../src/dns/codes.ts';
import type { Kind } from '../../src/kube/objects.ts';
import { slim } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { autopathReading } from '../../src/plugins/autopath/index.ts';
import { readSearchDomains } from '../../src/plugins/autopath/search-domains.ts';
import { PodSearchPath } from '../../src/plugins/kubernetes/search-path.ts';
import { readObject } from '../scenarios/objects.ts';
import { answerText, queryFor } from '../support/ask.ts';
import { ManualClock } from '../support/clock.ts';
import { type Built, build, mistakesOf, type TestHost, testHost } from '../support/env.ts';
import { recordOf } from '../support/records.ts';

/** What stands behind the plugin: replies by question; all other names are denied, by live data. */
class Behind {
  readonly asked: string[] = [];
  readonly #replies: Readonly<Record<string, (query: Query) => Outcome>>;

  constructor(replies: Readonly<Record<string, (query: Query) => Outcome>>) {
    this.#replies = replies;
  }

  readonly handler: Handler = (query) => {
    this.asked.push(query.text);
    const reply = this.#replies[query.key];
    return reply === undefined
      ? { ...emptyAnswer(RCODE.NXDOMAIN, 'kubernetes', '', FLAG.AA), live: true }
      : reply(query);
  };
}

function records(flags: number, ...lines: readonly string[]): (query: Query) => Answer {
  return (query) =>
    buildAnswer(query, { rcode: RCODE.NOERROR, flags, source: 'behind', answer: lines.map((line) => recordOf(line)) });
}

/** Found at an upstream server. */
const external = (query: Query): Answer => records(FLAG.RA, `${query.text} 100 IN A 192.0.2.80`)(query);

const later =
  (reply: (query: Query) => Answer): ((query: Query) => Promise<Answer>) =>
  async (query) =>
    reply(query);

const FILES: Readonly<Record<string, string>> = {
  '/etc/resolv.conf': 'nameserver 10.0.0.2\nsearch node.example\n',
  '/etc/coredns/search': 'domain old.example\nsearch Shop.Example example . shop.example\noptions ndots:5\n',
  '/etc/coredns/empty': 'nameserver 10.0.0.2\n',
};

const files = {
  read(path: string): string {
    const text = FILES[path];
    if (text === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' });
    return text;
  },
};

const plugin = autopathReading(files);

/** A cluster of some objects, known from its first lists on. */
function clusterOf(lines: readonly string[]): ClusterStore {
  const kinds: readonly Kind[] = ['Namespace', 'Pod'];
  const store = new ClusterStore(kinds, new ManualClock());
  for (const kind of kinds) store.apply({ type: 'listed', kind });
  for (const [i, line] of lines.entries()) {
    const raw = readObject(line, i);
    const slimmed = slim({ kind: raw.kind }, raw);
    if (slimmed.is === 'object') store.apply({ type: 'changes', kind: raw.kind, changes: [{ put: slimmed.object }] });
  }
  return store;
}

interface Place {
  readonly directive?: string;
  readonly zones?: readonly string[];
  readonly objects?: readonly string[];
  readonly host?: TestHost;
}

async function start(behind: Behind, place: Place = {}): Promise<Built> {
  const { directive = 'autopath @kubernetes', zones = ['cluster.local.'], host = testHost() } = place;
  const { objects = ['namespace shop', 'namespace dev'] } = place;
  const built = build(plugin, `. {\n${directive}\nkubernetes\n}\n`, { host, next: behind.handler });
  const store = clusterOf(objects);
  searchPaths.provide(built.env.scope, new PodSearchPath(zones, () => store));
  await built.instance.start?.(false);
  return built;
}

async function ask({ handler }: Built, question: string, address = '127.0.0.1'): Promise<string> {
  const query = queryFor(question, { peer: { address } });
  return answerText(query, await handler(query));
}

t.test('the search of a pod is done at once', async (t) => {
  for (const reply of [external, later(external)]) {
    const behind = new Behind({ 'www.example.org.': reply });
    const built = await start(behind);
    t.equal(
      await ask(built, 'WWW.example.org.shop.svc.cluster.local. A'),
      'NOERROR ra\nanswer WWW.example.org.shop.svc.cluster.local. 100 IN CNAME WWW.example.org.\n' +
        'answer WWW.example.org. 100 IN A 192.0.2.80',
    );
    t.same(behind.asked, [
      'WWW.example.org.shop.svc.cluster.local.',
      'WWW.example.org.svc.cluster.local.',
      'WWW.example.org.cluster.local.',
      'WWW.example.org.node.example.',
      'WWW.example.org.',
    ]);
  }
});

t.test('which questions come from a search', async (t) => {
  const objects = ['namespace shop', 'namespace dev', 'pod shop/a 10.1.0.1,fd00::1', 'pod dev/b 10.1.0.2'];
  const onNode = ['pod shop/c 10.9.0.1', 'pod dev/d 10.9.0.1'];
  const cases: readonly (readonly [name: string, from: string, isSearched: boolean])[] = [
    ['www.example.org.shop.svc.cluster.local.', '10.5.0.1', true],
    ['a.shop.svc.cluster.local.', '10.5.0.1', true],
    ['a.SHOP.Svc.cluster.LOCAL.', '10.5.0.1', true],
    ['a.other.svc.cluster.local.', '10.5.0.1', false],
    ['a.shop.pod.cluster.local.', '10.5.0.1', false],
    ['a.svc.cluster.local.', '10.5.0.1', false],
    ['shop.svc.cluster.local.', '10.5.0.1', false],
    ['svc.cluster.local.', '10.5.0.1', false],
    ['a.shop.svc.example.', '10.5.0.1', false],
    ['a.shop.svc.in-addr.arpa.', '10.5.0.1', false],
    ['a.shop.svc.cluster.local.', '10.1.0.1', true],
    ['a.shop.svc.cluster.local.', 'fd00::1', true],
    ['a.dev.svc.cluster.local.', '10.1.0.1', false],
    ['a.shop.svc.cluster.local.', '10.1.0.2', false],
    ['a.shop.svc.cluster.local.', '10.9.0.1', true],
    ['a.dev.svc.cluster.local.', '10.9.0.1', true],
  ];
  for (const [name, from, isSearched] of cases) {
    const behind = new Behind({});
    const zones = ['cluster.local.', 'in-addr.arpa.'];
    const built = await start(behind, { objects: [...objects, ...onNode], zones });
    t.equal(await ask(built, `${name} A`, from), 'NXDOMAIN aa', 'nothing is found');
    t.equal(behind.asked.length > 1, isSearched, `${name} from ${from}`);
  }
  const root = new Behind({});
  await ask(await start(root, { zones: ['.'] }), 'a.shop.svc. A');
  t.same(root.asked, ['a.shop.svc.', 'a.svc.', 'a.', 'a.node.example.'], 'a cluster at the root');
});

t.test('what ends the search', async (t) => {
  const second = 'a.svc.cluster.local.';
  const cases: readonly (readonly [what: string, reply: (query: Query) => Outcome, asked: number, text: string])[] = [
    ['no records', records(FLAG.AA), 2, 'NOERROR aa'],
    ['a failure that a server reports', () => emptyAnswer(RCODE.SERVFAIL, 'forward', '', FLAG.RA), 2, 'SERVFAIL ra'],
    ['a refusal', () => emptyAnswer(RCODE.REFUSED, 'acl'), 2, 'REFUSED'],
    ['a query dropped on purpose', () => noReply, 2, 'no reply'],
    ['nothing to say', () => emptyAnswer(RCODE.SERVFAIL, 'hosts'), 5, 'NXDOMAIN aa'],
    ['a denial', () => emptyAnswer(RCODE.NXDOMAIN, 'forward', '', FLAG.RA), 5, 'NXDOMAIN aa'],
  ];
  for (const [what, reply, asked, text] of cases) {
    const behind = new Behind({ [second]: reply });
    t.equal(await ask(await start(behind), 'a.shop.svc.cluster.local. A'), text, what);
    t.equal(behind.asked.length, asked, what);
  }
  const failing = new Behind({
    [second]: () => {
      throw new QueryError(RCODE.SERVFAIL, 'unreachable');
    },
    'a.node.example.': external,
  });
  await t.rejects(ask(await start(failing), 'a.shop.svc.cluster.local. A'), { message: 'unreachable' });
  t.equal(failing.asked.length, 2, 'an error');
});

t.test('an answer takes the place of the first reply', async (t) => {
  const found = { 'a.svc.cluster.local.': records(FLAG.AA, 'a.svc.cluster.local. 30 IN A 10.96.0.1') };
  const built = await start(new Behind(found));
  const query = queryFor('a.shop.svc.cluster.local. A');
  const answer = built.handler(query);
  t.notOk(answer instanceof Promise, 'at once where all others answer at once');
  const { live, source } = await answer;
  t.ok(live, 'no cache keeps what rests on a denial of the cluster');
  t.equal(source, 'autopath');
  const own = await start(new Behind({ 'a.shop.svc.cluster.local.': records(FLAG.AA, 'x.test. 30 IN A 10.96.0.1') }));
  t.equal(await ask(own, 'a.shop.svc.cluster.local. A'), 'NOERROR aa\nanswer x.test. 30 IN A 10.96.0.1', 'not its own');
  const alias = records(FLAG.RA, 'a.node.example. 60 IN CNAME b.test.', 'b.test. 20 IN A 192.0.2.1');
  t.equal(
    await ask(await start(new Behind({ 'a.node.example.': alias })), 'a.shop.svc.cluster.local. A'),
    'NOERROR ra\nanswer a.shop.svc.cluster.local. 60 IN CNAME a.node.example.\n' +
      'answer a.node.example. 60 IN CNAME b.test.\nanswer b.test. 20 IN A 192.0.2.1',
    'an alias before an alias',
  );
});

t.test('the TTLs of a cached answer are as low as its age makes them', async (t) => {
  const host = testHost();
  const bornMs = host.clock.now();
  const cached = (query: Query): Answer => ({ ...external(query), bornMs });
  const built = await start(new Behind({ 'a.': cached }), { host });
  await host.clock.advance(40_000);
  t.equal(
    await ask(built, 'a.shop.svc.cluster.local. A'),
    'NOERROR ra\nanswer a.shop.svc.cluster.local. 60 IN CNAME a.\nanswer a. 60 IN A 192.0.2.80',
  );
});

t.test('names that would be too long are passed over', async (t) => {
  const label = 'x'.repeat(63);
  const name = `${label}.${label}.${label}.${'x'.repeat(30)}.shop.example.`;
  const long = autopathReading({ read: () => `search shop.example ${'y'.repeat(63)}.example\n` });
  const behind = new Behind({});
  const built = build(long, '. {\nautopath search\n}', { next: behind.handler });
  await built.instance.start?.(false);
  t.equal(await ask(built, `${name} A`), 'NXDOMAIN aa');
  t.equal(behind.asked.length, 2);
});

t.test('the search list of a file', async (t) => {
  const behind = new Behind({ 'a.': external });
  const built = await start(behind, { directive: 'autopath search' });
  t.match(await ask(built, 'a.shop.example. A'), 'a.shop.example. 100 IN CNAME a.');
  t.same(behind.asked.splice(0), ['a.shop.example.', 'a.example.', 'a.']);
  for (const name of ['a.example.', 'shop.example.', 'ashop.example.', 'a.']) await ask(built, `${name} A`);
  t.same(
    behind.asked.splice(0),
    ['a.example.', 'shop.example.', 'ashop.example.', 'a.'],
    'only below its first domain',
  );
  const empty = await start(behind, { directive: 'autopath empty' });
  await ask(empty, 'b.shop.example. A');
  t.same(behind.asked.splice(0), ['b.shop.example.'], 'a file without a list');
  const elsewhere = await start(behind, { directive: 'autopath example.org 10.0.0.0/8 search' });
  await ask(elsewhere, 'b.shop.example. A');
  t.same(behind.asked, ['b.shop.example.'], 'only in its zones');
  t.same(readSearchDomains('search a..b . d.e\n'), ['d.e.'], 'what is no name is passed over');
  t.same(readSearchDomains('search a b\ndomain C.d e\n'), ['c.d.'], 'the last line counts');
});

t.test('searches that find something are counted', async (t) => {
  const host = testHost();
  const behind = new Behind({ 'a.': external, 'web.shop.svc.cluster.local.': external });
  const built = await start(behind, { host });
  for (const name of ['a.shop', 'web.shop', 'nosuch.shop', 'a.other']) await ask(built, `${name}.svc.cluster.local. A`);
  t.match(await host.metrics.exposition(), 'coredns_autopath_success_total{server="dns://:53"} 2\n');
});

t.test('what is wrong in a Corefile', async (t) => {
  t.match(mistakesOf(plugin, '. {\nautopath\n}'), ['Corefile:2 - plugin/autopath: no resolv-conf specified; write']);
  t.match(mistakesOf(plugin, '. {\nautopath @kubernetes {\nx\n}\n}'), [`Unexpected token '{'`]);
  t.match(mistakesOf(plugin, '. {\nautopath a\nautopath b\n}'), ['Corefile:3 - plugin/autopath: this plugin can only']);
  const { warnings, instance, handler } = build(plugin, '. {\nautopath a..b @kubernetes\n}', { next: external });
  t.match(warnings, [`'a..b' is not a valid domain name`, `this server block has no plugin 'kubernetes'`]);
  await instance.start?.(false);
  t.match(answerText(queryFor('a.shop.example. A'), await handler(queryFor('a.shop.example. A'))), '192.0.2.80');
  for (const [word, advice] of [
    ['kubernetes', `open kubernetes: no such file or directory; write '@kubernetes' for the plugin`],
    ['""', 'failed to parse "": open : no such file or directory'],
  ] as const) {
    const missing = build(plugin, `. {\nautopath ${word}\nkubernetes\n}`);
    await t.rejects(missing.instance.start?.(false) ?? Promise.resolve(), { message: advice });
  }
});
