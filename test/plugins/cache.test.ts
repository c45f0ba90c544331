import t from 'tap';
import type { Answer } from '../../src/core/answer.ts';
import { noReply } from '../../src/core/answer.ts';
import { type AnswerHead, buildAnswer } from '../../src/core/encode.ts';
import { type Handler, type Outcome, QueryError } from '../../src/core/handler.ts';
import type { Query } from '../../src/core/query.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { FLAG, OPCODE, RCODE, typeName } from '../../src/dns/codes.ts';
import { parseMessage } from '../../src/dns/message.ts';
import { flagWords, messageText } from '../../src/dns/text.ts';
import { slotOf } from '../../src/plugins/cache/entry.ts';
import { cachePlugin } from '../../src/plugins/cache/index.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { settled } from '../support/clock.ts';
import { type Asking, queryFor } from '../support/ask.ts';
import { build, mistakesOf, testHost } from '../support/env.ts';
import { recordOf } from '../support/records.ts';

/** What an upstream says: rcode and flags besides RA, then its records by section. */
interface Saying {
  readonly rcode?: number;
  readonly flags?: number;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  readonly live?: boolean;
}

const SOA = 'example.org. 200 IN SOA ns.example.org. host.example.org. 1 2 3 4 60';

function say(query: Query, { rcode = RCODE.NOERROR, flags = 0, live = false, ...sections }: Saying): Answer {
  const head: AnswerHead = {
    rcode,
    flags: FLAG.RA | flags,
    source: live ? 'kubernetes' : 'forward',
    live,
    answer: (sections.answer ?? []).map(recordOf),
    authority: (sections.authority ?? []).map(recordOf),
    additional: (sections.additional ?? []).map(recordOf),
  };
  return buildAnswer(query, head);
}

/** A cache before an upstream that does as the test says at the moment, and a client that writes down what it gets. */
class Bench {
  readonly host = testHost();
  readonly handler: Handler;
  readonly stop: () => Promise<void>;
  /** What the upstream was asked since the last question. */
  asked: string[] = [];
  /** Without it the upstream says `saying`. */
  upstream: ((query: Query) => Outcome) | undefined;
  saying: Saying = {};

  constructor(directive: string, zone = '.') {
    const next: Handler = (query) => {
      this.asked.push([query.text, typeName(query.type), ...flagWords(query.flags), query.peer.transport].join(' '));
      return this.upstream?.(query) ?? say(query, this.saying);
    };
    const { handler, instance } = build(cachePlugin, `${zone} {\n${directive}\n}\n`, { host: this.host, next });
    this.handler = handler;
    this.stop = async () => instance.stop?.();
  }

  /**
   * The reply as a client gets it, after `asked` with the flags of the upstream's question, or `cached`:
   *
   *     cached
   *     NOERROR qr rd ra
   *     answer web.test. 30 IN A 10.96.1.1
   */
  async ask(question: string, asking: Asking = {}): Promise<string> {
    this.asked = [];
    const query = queryFor(question, asking);
    const answer = await this.handler(query);
    const packet = encodeReply(query, answer, { random: this.host.random, now: () => this.host.clock.now() });
    const [first = '', ...rest] = messageText(parseMessage(packet)).split('\n');
    const records = rest.filter((line) => !line.startsWith('question '));
    return [this.asked.length === 0 ? 'cached' : 'asked', first, ...records].join('\n');
  }

  /** Asks for the A records of `www.example.org.`; of the reply only whether it was asked for and its last line's TTL and data. */
  async short(question = 'www.example.org. A', asking: Asking = {}): Promise<string> {
    const lines = (await this.ask(question, asking)).split('\n');
    const [from = '', head = ''] = lines;
    const record = lines.slice(2).at(-1)?.split(' ');
    return record === undefined ? `${from} ${head.split(' ')[0]}` : `${from} ${record[2]} ${record.slice(5).join(' ')}`;
  }

  async pass(seconds: number): Promise<void> {
    await this.host.clock.advance(seconds * 1000);
  }

  /** The series of the cache, or of its metric `metric`, without the labels that tell blocks apart: `hits_total success 3`. */
  async series(metric = ''): Promise<string[]> {
    const families = parseExposition(await this.host.metrics.exposition());
    const samples = [...families.values()].flatMap(({ samples }) => [...samples]);
    const lines = samples.map(([series, value]) => {
      const [, name = ''] = /^coredns_cache_(\w+)/.exec(series) ?? [];
      const [, shelf = ''] = /type="(\w+)"/.exec(series) ?? [];
      return [name, shelf, value].filter((part) => part !== '').join(' ');
    });
    return lines.filter((line) => line.startsWith(metric)).sort();
  }
}

const A = (ttl: number, address = '192.0.2.1'): Saying => ({ answer: [`www.example.org. ${ttl} IN A ${address}`] });

/** What the upstream says, by first label; else an A record. */
const SAYINGS: Readonly<Record<string, Saying>> = {
  ttl0: { answer: ['ttl0.example.org. 0 IN A 1.1.1.1'] },
  ttlmix: {
    answer: ['ttlmix.example.org. 50 IN CNAME x.example.org.', 'x.example.org. 20 IN A 1.1.1.1'],
    authority: ['example.org. 300 IN NS ns.example.org.'],
    additional: ['ns.example.org. 400 IN A 9.9.9.9'],
  },
  ttlhuge: { answer: ['ttlhuge.example.org. 90000 IN A 1.1.1.1'] },
  nx: { rcode: RCODE.NXDOMAIN, authority: [SOA] },
  nxnosoa: { rcode: RCODE.NXDOMAIN },
  nodata: { authority: [SOA] },
  nodatanosoa: {},
  servfail: { rcode: RCODE.SERVFAIL },
  notimp: { rcode: RCODE.NOTIMP },
  refused: { rcode: RCODE.REFUSED },
  formerr: { rcode: RCODE.FORMERR },
  cname: { answer: ['cname.example.org. 100 IN CNAME t.example.org.', 't.example.org. 100 IN A 1.2.3.4'] },
  cnamenodata: { answer: ['cnamenodata.example.org. 100 IN CNAME t.example.org.'], authority: [SOA] },
  cnamealone: { answer: ['cnamealone.example.org. 100 IN CNAME t.example.org.'] },
  cnameloop: {
    answer: [
      'cnameloop.example.org. 100 IN CNAME t.example.org.',
      't.example.org. 100 IN CNAME cnameloop.example.org.',
      't.example.org. 100 IN A 1.2.3.4',
    ],
  },
  cnamefork: {
    answer: [
      'cnamefork.example.org. 100 IN CNAME t.example.org.',
      'cnamefork.example.org. 100 IN CNAME u.example.org.',
      't.example.org. 100 IN A 1.2.3.4',
    ],
  },
  cnamenx: {
    rcode: RCODE.NXDOMAIN,
    answer: ['cnamenx.example.org. 100 IN CNAME nx.example.org.'],
    authority: [SOA],
  },
  stranger: { answer: ['other.example.org. 100 IN A 1.2.3.4'] },
  aa: { flags: FLAG.AA, answer: ['aa.example.org. 100 IN A 1.2.3.4'] },
  ad: { flags: FLAG.AD, answer: ['ad.example.org. 100 IN A 1.2.3.4'] },
  delegate: { authority: ['example.org. 100 IN NS ns.example.org.'] },
  additional: { additional: ['additional.example.org. 100 IN A 1.2.3.4'] },
  tc: { flags: FLAG.TC },
};

/** Question, what the client gets at first, and what it gets when it asks again at once. */
const EXCHANGES: readonly (readonly [question: string, first: string, again: string, asking?: Asking])[] = [
  [
    'www.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer www.example.org. 30 IN A 93.184.216.34',
    'cached\nNOERROR qr rd ra\nanswer www.example.org. 30 IN A 93.184.216.34',
  ],
  [
    'WWW.example.ORG. A',
    'cached\nNOERROR qr rd ra\nanswer WWW.example.ORG. 30 IN A 93.184.216.34',
    'cached\nNOERROR qr rd ra\nanswer WWW.example.ORG. 30 IN A 93.184.216.34',
  ],
  [
    'ttl0.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer ttl0.example.org. 5 IN A 1.1.1.1',
    'cached\nNOERROR qr rd ra\nanswer ttl0.example.org. 5 IN A 1.1.1.1',
  ],
  [
    'ttlmix.example.org. A',
    `asked
NOERROR qr rd ra
answer ttlmix.example.org. 20 IN CNAME x.example.org.
answer x.example.org. 20 IN A 1.1.1.1
authority example.org. 20 IN NS ns.example.org.
additional ns.example.org. 20 IN A 9.9.9.9`,
    `cached
NOERROR qr rd ra
answer ttlmix.example.org. 20 IN CNAME x.example.org.
answer x.example.org. 20 IN A 1.1.1.1
authority example.org. 20 IN NS ns.example.org.
additional ns.example.org. 20 IN A 9.9.9.9`,
  ],
  [
    'ttlhuge.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer ttlhuge.example.org. 30 IN A 1.1.1.1',
    'cached\nNOERROR qr rd ra\nanswer ttlhuge.example.org. 30 IN A 1.1.1.1',
  ],
  [
    'nx.example.org. A',
    'asked\nNXDOMAIN qr rd ra\nauthority example.org. 30 IN SOA ns.example.org. host.example.org. 1 2 3 4 60',
    'cached\nNXDOMAIN qr rd ra\nauthority example.org. 30 IN SOA ns.example.org. host.example.org. 1 2 3 4 60',
  ],
  ['nxnosoa.example.org. A', 'asked\nNXDOMAIN qr rd ra', 'asked\nNXDOMAIN qr rd ra'],
  [
    'nodata.example.org. A',
    'asked\nNOERROR qr rd ra\nauthority example.org. 30 IN SOA ns.example.org. host.example.org. 1 2 3 4 60',
    'cached\nNOERROR qr rd ra\nauthority example.org. 30 IN SOA ns.example.org. host.example.org. 1 2 3 4 60',
  ],
  ['nodatanosoa.example.org. A', 'asked\nNOERROR qr rd ra', 'cached\nNOERROR qr rd ra'],
  ['servfail.example.org. A', 'asked\nSERVFAIL qr rd ra', 'cached\nSERVFAIL qr rd ra'],
  ['notimp.example.org. A', 'asked\nNOTIMP qr rd ra', 'cached\nNOTIMP qr rd ra'],
  ['refused.example.org. A', 'asked\nREFUSED qr rd ra', 'asked\nREFUSED qr rd ra'],
  ['formerr.example.org. A', 'asked\nFORMERR qr rd ra', 'asked\nFORMERR qr rd ra'],
  [
    'cname.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer cname.example.org. 30 IN CNAME t.example.org.\nanswer t.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra\nanswer cname.example.org. 30 IN CNAME t.example.org.\nanswer t.example.org. 30 IN A 1.2.3.4',
  ],
  [
    'cnamealone.example.org. CNAME',
    'asked\nNOERROR qr rd ra\nanswer cnamealone.example.org. 30 IN CNAME t.example.org.',
    'cached\nNOERROR qr rd ra\nanswer cnamealone.example.org. 30 IN CNAME t.example.org.',
  ],
  [
    'cnamealone.example.org. ANY',
    'asked\nNOERROR qr rd ra\nanswer cnamealone.example.org. 30 IN CNAME t.example.org.',
    'cached\nNOERROR qr rd ra\nanswer cnamealone.example.org. 30 IN CNAME t.example.org.',
  ],
  [
    'cnamealone.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer cnamealone.example.org. 30 IN CNAME t.example.org.',
    'asked\nNOERROR qr rd ra\nanswer cnamealone.example.org. 30 IN CNAME t.example.org.',
  ],
  [
    'stranger.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer other.example.org. 30 IN A 1.2.3.4',
    'asked\nNOERROR qr rd ra\nanswer other.example.org. 30 IN A 1.2.3.4',
  ],
  [
    'delegate.example.org. A',
    'asked\nNOERROR qr rd ra\nauthority example.org. 5 IN NS ns.example.org.',
    'cached\nNOERROR qr rd ra\nauthority example.org. 5 IN NS ns.example.org.',
  ],
  [
    'additional.example.org. A',
    'asked\nNOERROR qr rd ra\nadditional additional.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra\nadditional additional.example.org. 30 IN A 1.2.3.4',
  ],
  [
    'aa.example.org. A',
    'asked\nNOERROR qr aa rd ra\nanswer aa.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra\nanswer aa.example.org. 30 IN A 1.2.3.4',
  ],
  ['tc.example.org. A', 'asked\nNOERROR qr tc rd ra', 'asked\nNOERROR qr tc rd ra'],
  [
    'ad.example.org. A',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
  ],
  [
    'ad.example.org. A',
    'cached\nNOERROR qr rd ra ad\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra ad\nanswer ad.example.org. 30 IN A 1.2.3.4',
    { flags: FLAG.RD | FLAG.AD },
  ],
  [
    'ad.example.org. A',
    'asked\nNOERROR qr rd ra ad\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra ad\nanswer ad.example.org. 30 IN A 1.2.3.4',
    { dnssecOk: true },
  ],
  [
    'ad.example.org. A',
    'asked\nNOERROR qr rd ra cd\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr rd ra cd\nanswer ad.example.org. 30 IN A 1.2.3.4',
    { flags: FLAG.RD | FLAG.CD },
  ],
  [
    'ad.example.org. A',
    'cached\nNOERROR qr ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'cached\nNOERROR qr ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
    { flags: 0, edns: 4096, peer: { transport: 'tcp', address: '10.1.1.1' } },
  ],
  [
    'ad.example.org. TXT',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
  ],
  [
    'ad.example.org. A CH',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 30 IN A 1.2.3.4',
  ],
  [
    'ad.example.org. AXFR',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 5 IN A 1.2.3.4',
    'asked\nNOERROR qr rd ra\nanswer ad.example.org. 5 IN A 1.2.3.4',
  ],
  [
    'cnamenx.example.org. A',
    `asked
NXDOMAIN qr rd ra
answer cnamenx.example.org. 5 IN CNAME nx.example.org.
authority example.org. 5 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`,
    `asked
NXDOMAIN qr rd ra
answer cnamenx.example.org. 5 IN CNAME nx.example.org.
authority example.org. 5 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`,
  ],
  [
    'cnamenodata.example.org. A',
    `asked
NOERROR qr rd ra
answer cnamenodata.example.org. 30 IN CNAME t.example.org.
authority example.org. 30 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`,
    `cached
NOERROR qr rd ra
answer cnamenodata.example.org. 30 IN CNAME t.example.org.
authority example.org. 30 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`,
  ],
];

/** Speaks by the first label of the question, some time later. */
async function byLabel(query: Query): Promise<Answer> {
  const saying = SAYINGS[query.key.split('.')[0] ?? ''];
  return say(query, saying ?? { answer: [`${query.text} 100 IN A 93.184.216.34`] });
}

t.test('what clients get with `cache 30` before a resolver, at first and again', async (t) => {
  const bench = new Bench('cache 30');
  bench.upstream = byLabel;
  for (const [question, first, again, asking] of EXCHANGES) {
    t.equal(await bench.ask(question, asking), first, `${question} at first`);
    t.equal(await bench.ask(question, asking), again, `${question} again`);
  }
  for (const label of ['cnameloop', 'cnamefork']) {
    await bench.ask(`${label}.example.org. A`);
    t.match(await bench.ask(`${label}.example.org. A`), /^asked/, `${label} leads nowhere`);
  }
});

t.test('the resolver sees AD, the client its own query', async (t) => {
  const bench = new Bench('cache');
  const outcomes: readonly ((query: Query) => Outcome)[] = [
    (query) => say(query, A(30)),
    async (query) => say(query, A(30)),
    () => {
      throw new QueryError(RCODE.REFUSED, 'no');
    },
    () => Promise.reject(new QueryError(RCODE.REFUSED, 'no')),
  ];
  for (const [i, upstream] of outcomes.entries()) {
    bench.asked = [];
    bench.upstream = upstream;
    const query = queryFor(`q${i}.test. A`);
    try {
      await bench.handler(query);
    } catch (error) {
      t.type(error, QueryError);
    }
    t.same(bench.asked, [`q${i}.test. A rd ad udp`]);
    t.equal(query.flags, FLAG.RD);
  }
});

t.test('a hit is the very answer that was stored, at once', async (t) => {
  const bench = new Bench('cache');
  bench.upstream = byLabel;
  await bench.ask('www.example.org. A');
  const first = bench.handler(queryFor('www.example.org. A'));
  t.notOk(first instanceof Promise);
  t.equal(bench.handler(queryFor('WWW.example.org. A', { edns: 4096, id: 9 })), first);
  await bench.ask('ad.example.org. A');
  const plain = bench.handler(queryFor('ad.example.org. A'));
  const authentic = bench.handler(queryFor('ad.example.org. A', { flags: FLAG.AD }));
  t.not(plain, authentic);
  t.equal(bench.handler(queryFor('ad.example.org. A')), plain);
  t.equal(bench.handler(queryFor('ad.example.org. A', { flags: FLAG.AD })), authentic);
  t.match(plain, { source: 'cache', reason: 'from the cache, first given by forward' });
});

t.test('questions that share a slot do not share an answer', async (t) => {
  const stored = queryFor('www.example.org. A');
  const cases: readonly (readonly [question: string, asking?: Asking])[] = [
    ['www.example.net. A'],
    ['w.example.org. A'],
    ['www.example.org. AAAA'],
    ['www.example.org. A CH'],
    ['www.example.org. A', { dnssecOk: true }],
    ['www.example.org. A', { flags: FLAG.CD }],
  ];
  for (const [question, asking] of cases) {
    const bench = new Bench('cache');
    bench.saying = A(30);
    await bench.handler(stored);
    const other = queryFor(question, asking);
    t.not(slotOf(other), slotOf(stored));
    other.hash ^= slotOf(other) ^ slotOf(stored);
    t.equal(slotOf(other), slotOf(stored));
    bench.asked = [];
    await bench.handler(other);
    t.equal(bench.asked.length, 1, question);
  }
});

t.test('options belong to one hop', async (t) => {
  const bench = new Bench('cache');
  bench.upstream = (query) => ({ ...say(query, A(30)), options: Buffer.from('000f0002000f', 'hex') });
  t.equal((await bench.handler(queryFor('www.example.org. A'))).options.length, 0);
  t.equal((await bench.handler(queryFor('www.example.org. A'))).options.length, 0);
});

t.test('time', async (t) => {
  const bench = new Bench('cache 60');
  bench.saying = A(40);
  t.equal(await bench.short(), 'asked 40 192.0.2.1');
  await bench.pass(0.9);
  t.equal(await bench.short(), 'cached 40 192.0.2.1');
  await bench.pass(38.2);
  t.equal(await bench.short(), 'cached 1 192.0.2.1');
  bench.saying = A(7, '192.0.2.2');
  await bench.pass(0.9);
  t.equal(await bench.short(), 'asked 7 192.0.2.2', 'nothing of it is left');

  const kept = new Bench('cache 60 {\nkeepttl\n}');
  kept.saying = A(40);
  await kept.short();
  await kept.pass(39);
  t.equal(await kept.short(), 'cached 40 192.0.2.1');
  await kept.pass(1);
  t.equal(await kept.short(), 'asked 40 192.0.2.1');
});

t.test('minimum and maximum', async (t) => {
  const options = 'cache {\nsuccess 5000 300 60\ndenial 5000 40 20\nservfail 3s\n}';
  const denial = (ttl: number): Saying => ({
    rcode: RCODE.NXDOMAIN,
    authority: [`example.org. ${ttl} IN SOA ns. host. 1 2 3 4 5`],
  });
  const cases: readonly (readonly [saying: Saying, ttl: string])[] = [
    [A(10), '60'],
    [A(100), '100'],
    [A(1000), '300'],
    [denial(10), '20'],
    [denial(30), '30'],
    [denial(100), '40'],
    [{ rcode: RCODE.SERVFAIL, authority: [SOA] }, '3'],
    [{ rcode: RCODE.REFUSED, authority: [SOA] }, '60'],
  ];
  for (const [saying, ttl] of cases) {
    const bench = new Bench(options);
    bench.saying = saying;
    t.equal((await bench.short()).split(' ')[1], ttl, JSON.stringify(saying));
  }
  const inner = new Bench('cache 100');
  inner.upstream = (query) => ({ ...say(query, A(90)), bornMs: inner.host.clock.now() - 30_500 });
  t.equal(await inner.short(), 'asked 60 192.0.2.1', 'an answer that is half a minute old already');
  await inner.pass(59);
  t.equal(await inner.short(), 'cached 1 192.0.2.1');
});

t.test('cluster data is never stored', async (t) => {
  const bench = new Bench('cache 30 {\nserve_stale\nkeepttl\n}');
  const cases: readonly (readonly [saying: Saying, first: string])[] = [
    [A(5), '5 192.0.2.1'],
    [A(300), '30 192.0.2.1'],
    [A(0), '0 192.0.2.1'],
    [{ answer: ['www.example.org. 5 IN CNAME t.test.', 't.test. 300 IN A 192.0.2.2'] }, '5 192.0.2.2'],
    [{ rcode: RCODE.NXDOMAIN, authority: ['cluster.local. 60 IN SOA ns. host. 7 2 3 4 5'] }, '30 ns. host. 7 2 3 4 5'],
    [{ authority: ['cluster.local. 5 IN SOA ns. host. 8 2 3 4 5'] }, '5 ns. host. 8 2 3 4 5'],
    [{ rcode: RCODE.SERVFAIL }, 'SERVFAIL'],
  ];
  for (const [saying, first] of cases) {
    bench.saying = { ...saying, live: true };
    t.equal(await bench.short(), `asked ${first}`, JSON.stringify(saying));
    t.equal(await bench.short(), `asked ${first}`);
  }

  const query = queryFor('www.example.org. A');
  const fitting = say(query, { ...A(30), live: true });
  bench.upstream = () => fitting;
  t.equal(bench.handler(query), fitting, 'what needs no change is passed on as it is');
  const long = say(query, { ...A(60), live: true });
  const before = Buffer.from(long.body);
  bench.upstream = () => long;
  const lowered = await bench.handler(query);
  t.match(lowered, { minTtl: 30, live: true, source: 'kubernetes' });
  t.same(long.body, before, 'others have the same answer');

  bench.upstream = undefined;
  bench.saying = A(10);
  t.equal(await bench.short(), 'asked 10 192.0.2.1');
  await bench.pass(20);
  bench.saying = { ...A(5, '10.96.0.1'), live: true };
  await bench.short();
  await settled();
  t.equal(await bench.short(), 'asked 5 10.96.0.1', 'nor does an old answer from elsewhere outlive it');
  t.same(await bench.series('entries'), ['entries denial 0', 'entries success 0']);
});

t.test('failures', async (t) => {
  const timeout = (): Outcome => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout'));
  const bench = new Bench('cache');
  bench.upstream = timeout;
  await t.rejects(bench.ask('www.example.org. A'), { message: 'i/o timeout' });
  bench.upstream = undefined;
  bench.saying = A(30);
  t.equal(await bench.ask('www.example.org. A'), 'cached\nSERVFAIL qr rd');
  await bench.pass(5);
  t.equal(await bench.short(), 'asked 30 192.0.2.1', 'forgotten after five seconds');

  const others: readonly (readonly [name: string, directive: string, upstream: () => Outcome])[] = [
    ['servfail 0', 'cache {\nservfail 0\n}', timeout],
    ['the error says REFUSED', 'cache', () => Promise.reject(new QueryError(RCODE.REFUSED, 'too many'))],
    ['a defect', 'cache', () => Promise.reject(new TypeError('oh'))],
    [
      'it failed without waiting',
      'cache',
      () => {
        throw new QueryError(RCODE.SERVFAIL, 'no next plugin found');
      },
    ],
  ];
  for (const [name, directive, upstream] of others) {
    const bench = new Bench(directive);
    bench.upstream = upstream;
    await t.rejects(bench.ask('www.example.org. A'), name);
    bench.upstream = undefined;
    bench.saying = A(30);
    t.equal(await bench.short(), 'asked 30 192.0.2.1', name);
  }

  const silent = new Bench('cache');
  silent.upstream = () => noReply;
  t.equal(silent.handler(queryFor('www.example.org. A')), noReply);
  t.equal(silent.handler(queryFor('www.example.org. A')), noReply);
  t.equal(silent.asked.length, 2);
});

t.test('signatures out of their time are not stored for those who look at them', async (t) => {
  const seconds = Date.parse('2026-01-01T00:00:00Z') / 1000;
  const rrsig = (inception: number, expiration: number): string => {
    const data = Buffer.alloc(22);
    data.writeUInt32BE(seconds + expiration, 8);
    data.writeUInt32BE(seconds + inception, 12);
    return `www.example.org. 30 IN RRSIG ${data.toString('hex')}`;
  };
  const cases: readonly (readonly [inception: number, expiration: number, dnssecOk: boolean, again: string])[] = [
    [-60, 60, true, 'cached'],
    [-60, -1, true, 'asked'],
    [1, 60, true, 'asked'],
    [-60, -1, false, 'cached'],
  ];
  for (const [inception, expiration, dnssecOk, again] of cases) {
    const bench = new Bench('cache');
    bench.saying = { answer: [...(A(30).answer ?? []), rrsig(inception, expiration)] };
    await bench.ask('www.example.org. A', { dnssecOk });
    t.match(await bench.ask('www.example.org. A', { dnssecOk }), new RegExp(`^${again}`), `${inception} ${expiration}`);
  }
});

t.test('zones', async (t) => {
  const bench = new Bench('cache 30 example.org 10.0.0.0/8 {\ndisable success sub.example.org\ndisable denial\n}');
  bench.saying = { answer: ['www.example.org. 100 IN A 192.0.2.1'], authority: [SOA] };
  bench.upstream = (query) => say(query, { answer: [`${query.text} 100 IN A 192.0.2.1`] });
  const cases: readonly (readonly [question: string, first: string, again: string])[] = [
    ['www.example.org. A', 'asked 30 192.0.2.1', 'cached 30 192.0.2.1'],
    ['www.sub.example.org. A', 'asked 30 192.0.2.1', 'asked 30 192.0.2.1'],
    ['1.2.3.10.in-addr.arpa. A', 'asked 30 192.0.2.1', 'cached 30 192.0.2.1'],
    ['www.example.com. A', 'asked 100 192.0.2.1', 'asked 100 192.0.2.1'],
  ];
  for (const [question, first, again] of cases) {
    t.equal(await bench.short(question), first, question);
    t.equal(await bench.short(question), again, `${question} again`);
  }
  bench.upstream = (query) => say(query, { rcode: RCODE.NXDOMAIN, authority: [SOA] });
  t.match(await bench.short('nx.example.org. A'), /^asked 30/);
  t.match(await bench.short('nx.example.org. A'), /^asked 30/);
});

t.test('other opcodes are not stored', async (t) => {
  const bench = new Bench('cache');
  bench.saying = A(30);
  t.equal(await bench.short('www.example.org. A', { opcode: OPCODE.NOTIFY }), 'asked 5 192.0.2.1');
  t.equal(await bench.short(), 'asked 30 192.0.2.1');
});

t.test('prefetch', async (t) => {
  const bench = new Bench('cache {\nprefetch 3 1m 20%\n}');
  bench.saying = A(100, '192.0.2.1');
  t.equal(await bench.short(), 'asked 100 192.0.2.1');
  await bench.pass(79);
  t.equal(await bench.short(), 'cached 21 192.0.2.1');
  t.equal(await bench.short(), 'cached 21 192.0.2.1');
  t.equal(await bench.short(), 'cached 21 192.0.2.1', 'asked for often enough, but too early');
  await bench.pass(1);
  bench.saying = A(100, '192.0.2.2');
  t.equal(await bench.short(), 'asked 20 192.0.2.1', 'the client gets the old one');
  t.same(bench.asked, ['www.example.org. A rd ad tcp']);
  await settled();
  t.equal(await bench.short(), 'cached 100 192.0.2.2');
  await bench.pass(85);
  t.equal(await bench.short(), 'cached 15 192.0.2.2', 'the hit before is more than a minute ago: counted anew');
  await bench.short();

  bench.upstream = () => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout'));
  t.equal(await bench.short(), 'asked 15 192.0.2.2');
  await settled();
  const waiting = Promise.withResolvers<Answer>();
  bench.upstream = () => waiting.promise;
  t.equal(await bench.short(), 'asked 15 192.0.2.2', 'after a failure it is tried again');
  t.equal(await bench.short(), 'cached 15 192.0.2.2', 'one at a time');
  waiting.resolve(noReply);
  t.same(await bench.series('prefetch'), ['prefetch_total 3']);
});

t.test('prefetch goes on for a name that is asked for steadily', async (t) => {
  const bench = new Bench('cache {\nprefetch 3 1h 50%\n}');
  bench.saying = A(100);
  await bench.short();
  for (const expected of ['cached 100', 'cached 100', 'cached 100']) t.match(await bench.short(), expected);
  for (let i = 0; i < 3; i++) {
    await bench.pass(60);
    t.equal(await bench.short(), 'asked 40 192.0.2.1', 'its hits count on after it was fetched anew');
    await settled();
  }
});

t.test('serve_stale immediate', async (t) => {
  const bench = new Bench('cache {\nserve_stale 1m immediate 7s 10s\n}');
  bench.saying = A(10, '192.0.2.1');
  await bench.short();
  await bench.pass(10);
  bench.upstream = () => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout'));
  t.equal(await bench.short(), 'asked 7 192.0.2.1', 'the answer is old, and fetched anew in the background');
  await settled();
  await bench.pass(9);
  t.equal(await bench.short(), 'cached 7 192.0.2.1', 'not again within ten seconds after a failure');
  await bench.pass(1);
  bench.upstream = (query) => say(query, { rcode: RCODE.SERVFAIL });
  t.equal(await bench.short(), 'asked 7 192.0.2.1');
  await settled();
  await bench.pass(10);
  bench.upstream = (query) => say(query, { flags: FLAG.TC });
  t.equal(await bench.short(), 'asked 7 192.0.2.1');
  await settled();
  await bench.pass(10);
  bench.upstream = undefined;
  bench.saying = A(10, '192.0.2.2');
  t.equal(await bench.short(), 'asked 7 192.0.2.1');
  await settled();
  t.equal(await bench.short(), 'cached 10 192.0.2.2');
  await bench.pass(69);
  t.equal(await bench.short(), 'asked 7 192.0.2.2');
  await settled();
  await bench.pass(70);
  t.equal(await bench.short(), 'asked 10 192.0.2.2', 'a minute after it expired it is too old');

  const denied = new Bench('cache {\nserve_stale\n}');
  denied.saying = A(10);
  await denied.short();
  await denied.pass(11);
  denied.saying = { rcode: RCODE.NXDOMAIN, authority: [SOA] };
  t.equal(await denied.short(), 'asked 0 192.0.2.1');
  await settled();
  t.equal(await denied.short(), 'cached 200 ns.example.org. host.example.org. 1 2 3 4 60');
  await denied.pass(201);
  denied.saying = A(10);
  t.equal(await denied.short(), 'asked 0 ns.example.org. host.example.org. 1 2 3 4 60');
  await settled();
  t.equal(await denied.short(), 'cached 10 192.0.2.1', 'the old denial is gone');
});

t.test('serve_stale with keepttl', async (t) => {
  const bench = new Bench('cache {\nserve_stale\nkeepttl\n}');
  bench.saying = A(10);
  await bench.short();
  await bench.pass(12);
  t.equal(await bench.short(), 'asked 10 192.0.2.1');
});

t.test('serve_stale verify', async (t) => {
  const bench = new Bench('cache {\nserve_stale 1h verify\n}');
  bench.saying = A(10, '192.0.2.1');
  await bench.short();
  await bench.pass(10);
  const bad: readonly ((query: Query) => Outcome)[] = [
    () => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout')),
    async (query) => say(query, { rcode: RCODE.SERVFAIL }),
    async (query) => say(query, { rcode: RCODE.REFUSED }),
    (query) => say(query, { flags: FLAG.TC }),
    async (query) => say(query, SAYINGS['cnamenx'] ?? {}),
    async () => noReply,
  ];
  for (const upstream of bad) {
    bench.upstream = upstream;
    t.equal(await bench.short(), 'asked 0 192.0.2.1');
    t.same(bench.asked, ['www.example.org. A rd ad udp']);
  }
  bench.upstream = async (query) => say(query, A(30, '192.0.2.2'));
  t.equal(await bench.short(), 'asked 30 192.0.2.2');
  t.equal(await bench.short(), 'cached 30 192.0.2.2');
  t.same(await bench.series('served_stale'), ['served_stale_total 6']);

  await bench.pass(30);
  const late = Promise.withResolvers<Answer>();
  bench.upstream = () => late.promise;
  const both = [bench.short(), bench.short()];
  t.equal(bench.asked.length, 1, 'without RECHECK each client waits for a check of its own');
  late.resolve(say(queryFor('www.example.org. A'), A(30, '192.0.2.3')));
  t.same(await Promise.all(both), ['asked 30 192.0.2.3', 'asked 30 192.0.2.3']);
});

t.test('serve_stale verify with a timeout', async (t) => {
  const bench = new Bench('cache {\nserve_stale 1h verify 100ms 3s 30s\n}');
  bench.saying = { flags: FLAG.AD, ...A(10, '192.0.2.1') };
  await bench.short();
  await bench.pass(10);

  bench.upstream = async (query) => say(query, { flags: FLAG.AD, ...A(10, '192.0.2.2') });
  t.equal(
    await bench.ask('www.example.org. A'),
    'asked\nNOERROR qr rd ra\nanswer www.example.org. 10 IN A 192.0.2.2',
    'in time',
  );
  t.equal(bench.host.clock.pending, 0);

  await bench.pass(10);
  const late = Promise.withResolvers<Answer>();
  bench.upstream = () => late.promise;
  const pending = bench.short();
  await bench.pass(0.1);
  t.equal(await pending, 'asked 3 192.0.2.2', 'too late for this client');
  t.equal(await bench.short(), 'cached 3 192.0.2.2', 'the check is still under way');
  late.resolve(say(queryFor('www.example.org. A'), A(10, '192.0.2.3')));
  await settled();
  t.equal(await bench.short(), 'cached 10 192.0.2.3', 'but not for the next one');

  await bench.pass(10);
  bench.upstream = () => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout'));
  t.equal(await bench.short(), 'asked 3 192.0.2.3');
  await bench.pass(29);
  t.equal(await bench.short(), 'cached 3 192.0.2.3');
  await bench.pass(1);
  t.equal(await bench.short(), 'asked 3 192.0.2.3');
});

t.test('a failure does not hide a positive answer', async (t) => {
  const bench = new Bench('cache {\nserve_stale 1h\nservfail 1m\nprefetch 1 1m 90%\n}');
  bench.upstream = () => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout'));
  await t.rejects(bench.ask('www.example.org. A'));
  t.equal(await bench.short(), 'cached SERVFAIL');
  await bench.pass(60);
  bench.upstream = undefined;
  bench.saying = A(10);
  t.equal(await bench.short(), 'asked 10 192.0.2.1', 'a failure is not served stale');
  await bench.pass(1);
  bench.upstream = () => Promise.reject(new QueryError(RCODE.SERVFAIL, 'i/o timeout'));
  t.equal(await bench.short(), 'asked 9 192.0.2.1');
  await settled();
  t.equal(await bench.short(), 'asked 9 192.0.2.1');
});

t.test('prefer_positive', async (t) => {
  const denial: Saying = { rcode: RCODE.NXDOMAIN, authority: [SOA] };
  const delegation: Saying = SAYINGS['delegate'] ?? {};
  for (const mode of ['immediate', 'verify']) {
    const bench = new Bench(`cache {\nserve_stale 1h ${mode}\nserve_stale_policy prefer_positive\n}`);
    bench.saying = denial;
    t.match(await bench.short(), /^asked 200 ns/);
    await bench.pass(200);
    bench.saying = A(10);
    await bench.short();
    await settled();
    t.equal(await bench.short(), 'cached 10 192.0.2.1', `${mode}: a positive answer replaces a denial`);
    for (const saying of [denial, delegation, { rcode: RCODE.SERVFAIL }]) {
      await bench.pass(11);
      bench.saying = saying;
      t.equal(await bench.short(), 'asked 0 192.0.2.1', `${mode}: ${JSON.stringify(saying)}`);
      await settled();
      bench.saying = A(10);
      t.equal(await bench.short(), mode === 'verify' ? 'asked 10 192.0.2.1' : 'asked 0 192.0.2.1');
      await settled();
      t.equal(await bench.short(), 'cached 10 192.0.2.1');
    }
    bench.saying = denial;
    await bench.pass(3700);
    t.match(await bench.short(), /^asked 200 ns/, `${mode}: after an hour it is over`);
    t.match(await bench.short(), /^cached 200 ns/);
  }
});

t.test('the newest answer counts: a denial ends an older positive one', async (t) => {
  const bench = new Bench('cache {\nprefetch 1 1m 90%\ndenial 5000 5\n}');
  bench.saying = A(100);
  await bench.short();
  await bench.pass(10);
  bench.saying = { rcode: RCODE.NXDOMAIN, authority: [SOA] };
  t.equal(await bench.short(), 'asked 90 192.0.2.1');
  await settled();
  bench.saying = A(100, '192.0.2.2');
  await bench.pass(5);
  t.equal(await bench.short(), 'asked 100 192.0.2.2', 'it does not come back when the denial expires');
});

t.test('a defect in the background is told', async (t) => {
  const bench = new Bench('cache {\nserve_stale\n}');
  bench.saying = A(10);
  await bench.short();
  await bench.pass(10);
  bench.upstream = () => Promise.reject(new TypeError('oh'));
  t.equal(await bench.short(), 'asked 0 192.0.2.1');
  await settled();
  t.match(bench.host.log.lines[0], /^\[ERROR\] plugin\/cache: refreshing www\.example\.org\. A failed: TypeError: oh/);
});

t.test('what does not fit makes room', async (t) => {
  const bench = new Bench('cache {\nsuccess 0\n}');
  bench.upstream = (query) => say(query, { answer: [`${query.text} 100 IN A 192.0.2.1`] });
  for (let i = 0; i < 1100; i++) await bench.short(`n${i}.test. A`);
  t.same(await bench.series('entries'), ['entries denial 0', 'entries success 1024']);
  t.same(await bench.series('evictions'), ['evictions_total success 76']);
  t.match(await bench.short('n1099.test. A'), /^cached/);
  t.match(await bench.short('n0.test. A'), /^asked/);

  const large = new Bench('cache {\nsuccess 0\n}');
  const texts = Array.from({ length: 200 }, (_, i) => `${'x'.repeat(250)}${i}`.slice(-250));
  large.upstream = (query) => say(query, { answer: texts.map((text) => `${query.text} 100 IN TXT "${text}"`) });
  for (let i = 0; i < 100; i++) await large.short(`n${i}.test. TXT`);
  const [, entries = ''] = await large.series('entries');
  const count = Number(entries.split(' ').at(-1));
  t.ok(count > 10 && count < 25, `${count} answers of 52 kB each in a mebibyte`);
});

t.test('metrics', async (t) => {
  const bench = new Bench('cache 30 example.org example.net', 'example.org example.net');
  bench.upstream = byLabel;
  for (const name of ['www', 'www', 'nx', 'nx', 'nx', 'refused']) await bench.ask(`${name}.example.org. A`);
  await bench.ask('www.example.com. A');
  t.same(await bench.series(), [
    'entries denial 1',
    'entries success 1',
    'hits_total denial 2',
    'hits_total success 1',
    'misses_total 3',
    'requests_total 6',
  ]);
  const exposition = await bench.host.metrics.exposition();
  t.match(exposition, 'coredns_cache_requests_total{server="dns://:53",view="",zones="example.org.,example.net."} 6\n');
  await bench.ask('www.example.org. A', { peer: { server: 'dns://:5353' } });
  t.match(
    await bench.host.metrics.exposition(),
    'coredns_cache_entries{server="dns://:5353",type="success",view="",zones="example.org.,example.net."} 1\n',
  );
  await bench.stop();
  t.same(await bench.series('entries'), []);
});

t.test('what it refuses in a Corefile', async (t) => {
  const place = (line: number, text: string): string => `Corefile:${line} - plugin/cache: ${text}`;
  const count = 'Error during parsing: Wrong argument count or unexpected line ending after';
  const cases: readonly (readonly [directive: string, ...mistakes: string[]])[] = [
    ['cache 0', place(2, 'cache TTL can not be zero or negative: 0')],
    ['cache -5', place(2, 'cache TTL can not be zero or negative: -5')],
    ['cache\ncache', place(3, 'this plugin can only be used once per Server Block; the first is on line 2')],
    ['cache {\nfoo\n}', place(3, `${count} 'foo'`)],
    ['cache {\nsuccess\n}', place(3, `${count} 'success'`)],
    ['cache {\nsuccess x\n}', place(3, 'strconv.Atoi: parsing "x": invalid syntax')],
    ['cache {\ndenial 10 0\n}', place(3, 'cache TTL can not be zero or negative: 0')],
    ['cache {\ndenial 10 5 -1\n}', place(3, 'cache min TTL can not be negative: -1')],
    ['cache {\nprefetch\n}', place(3, `${count} 'prefetch'`)],
    ['cache {\nprefetch 1 1m 20% x\n}', place(3, `${count} 'x'`)],
    ['cache {\nprefetch -1\n}', place(3, 'prefetch amount should be positive: -1')],
    ['cache {\nprefetch 1 5\n}', place(3, 'time: missing unit in duration "5"')],
    ['cache {\nprefetch 1 1m 20x\n}', place(3, "last character of percentage should be `%`, but is: 'x'")],
    ['cache {\nprefetch 2 1m 5%\n}', place(3, 'percentage should fall in range [10, 90]: 5')],
    ['cache {\nprefetch 2 1m x%\n}', place(3, 'strconv.Atoi: parsing "x": invalid syntax')],
    ['cache {\nserve_stale -1s\n}', place(3, 'invalid negative duration for serve_stale')],
    ['cache {\nserve_stale 1h x\n}', place(3, 'invalid value for serve_stale refresh mode: x')],
    ['cache {\nserve_stale 1h immediate 1s 1s x\n}', place(3, `${count} 'x'`)],
    [
      'cache {\nserve_stale 1h immediate 1.5s\n}',
      place(3, 'serve_stale response TTL must be a whole number of seconds'),
    ],
    ['cache {\nserve_stale 1h verify x\n}', place(3, 'invalid serve_stale verify timeout: time: invalid duration "x"')],
    ['cache {\nserve_stale 1h verify -1s\n}', place(3, 'invalid negative timeout for serve_stale verify')],
    ['cache {\nserve_stale 1h verify 1s -1s\n}', place(3, 'invalid negative response TTL for serve_stale')],
    ['cache {\nserve_stale 1h verify 1s 1s 6m\n}', place(3, 'serve_stale failure recheck cannot exceed 5 minutes')],
    ['cache {\nserve_stale 1h verify 1s 1s -1s\n}', place(3, 'invalid negative failure recheck for serve_stale')],
    ['cache {\nserve_stale_policy prefer_positive\n}', place(2, 'serve_stale_policy requires serve_stale')],
    ['cache {\nserve_stale\nserve_stale_policy x\n}', place(4, 'invalid serve_stale_policy: x')],
    ['cache {\nservfail 10m\n}', place(3, 'caching SERVFAIL responses over 5 minutes is not permitted')],
    ['cache {\nservfail -1s\n}', place(3, 'invalid negative ttl for servfail')],
    ['cache {\ndisable foo\n}', place(3, 'cache type for disable must be "success" or "denial"')],
    ['cache {\ndisable success a..b\n}', place(3, 'invalid disabled zone: a..b')],
    ['cache {\nkeepttl x\n}', place(3, `${count} 'x'`)],
    [
      'cache 0 {\nfoo\nservfail 10m\n}',
      place(2, 'cache TTL can not be zero or negative: 0'),
      place(3, `${count} 'foo'`),
      place(4, 'caching SERVFAIL responses over 5 minutes is not permitted'),
    ],
  ];
  for (const [directive, ...mistakes] of cases) t.same(mistakesOf(cachePlugin, `. {\n${directive}\n}\n`), mistakes);
  const sound = [
    'cache foo.org 30',
    'cache 30 {\nsuccess 10\n}',
    'cache {\nsuccess 9984 30\ndenial 9984 5 1 x\nprefetch 0\nserve_stale 0\nkeepttl\n}',
    'cache {\nserve_stale 10m VERIFY 0 1s 5m\nserve_stale_policy PREFER_POSITIVE\nservfail 0\ndisable denial\n}',
    'cache 99999999999999 {\nsuccess 99999999999 5 99999999999\n}',
  ];
  for (const directive of sound) t.same(mistakesOf(cachePlugin, `. {\n${directive}\n}\n`), [], directive);
});
