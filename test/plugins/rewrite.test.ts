import t from 'tap';
import { emptyAnswer, noReply } from '../../src/core/answer.ts';
import { buildAnswer, recordsOf, type Sections } from '../../src/core/encode.ts';
import { type Handler, QueryError } from '../../src/core/handler.ts';
import { optionsOf, recordsAt } from '../../src/core/inner-query.ts';
import { type Metadata, metadata, metadataSources } from '../../src/core/metadata.ts';
import type { Query } from '../../src/core/query.ts';
import { CLASS, className, FLAG, RCODE, rcodeCode, TYPE, typeName } from '../../src/dns/codes.ts';
import { type EdnsOption, parseMessage, readOptions } from '../../src/dns/message.ts';
import { nameToWire } from '../../src/dns/name.ts';
import { messageText } from '../../src/dns/text.ts';
import type { Batch } from '../../src/kube/batch.ts';
import type { Selection } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { cachePlugin } from '../../src/plugins/cache/index.ts';
import { openClusterZones } from '../../src/plugins/kubernetes/cluster-zones.ts';
import { Serial } from '../../src/plugins/kubernetes/serial.ts';
import { Startup } from '../../src/plugins/kubernetes/startup.ts';
import { rewritePlugin } from '../../src/plugins/rewrite/index.ts';
import { LineApi } from '../scenarios/line-api.ts';
import { answerText, ask, type Asking, queryFor } from '../support/ask.ts';
import { kubernetesConfig } from '../support/cluster-zones.ts';
import { exchangeUdp, questionWire } from '../support/dns-client.ts';
import { type Built, build, noNext, testHost, type TestHost } from '../support/env.ts';
import { recordOf } from '../support/records.ts';
import { startServer } from '../support/running-server.ts';

/** Records by section, as lines; those of a question that is not there do not exist. */
type Zone = Readonly<Record<string, readonly string[]>>;

interface Manner {
  readonly live?: boolean;
  readonly flags?: number;
  readonly bornMs?: number;
  readonly options?: readonly EdnsOption[];
}

/** What stands behind: says what the zone has for a question, `NAME TYPE`, and writes down what it was asked. */
class Behind {
  readonly asked: string[] = [];
  readonly queries: Query[] = [];
  readonly #zone: Zone;
  readonly #manner: Manner;

  constructor(zone: Zone, manner: Manner = {}) {
    this.#zone = zone;
    this.#manner = manner;
  }

  readonly handler: Handler = (query) => {
    const question = `${query.text} ${typeName(query.type)}`;
    this.asked.push(query.class === 1 ? question : `${question} ${className(query.class)}`);
    this.queries.push(query);
    const { live = false, flags = FLAG.RA, bornMs = -1, options = [] } = this.#manner;
    const lines = this.#zone[question];
    const head = { flags, source: 'behind', live, options };
    if (lines === undefined) return buildAnswer(query, { ...head, rcode: RCODE.NXDOMAIN, authority: [recordOf(SOA)] });
    const [rcode = RCODE.NOERROR] = lines.flatMap((line) => rcodeCode(line) ?? []);
    return { ...buildAnswer(query, { ...head, rcode, ...sectionsOf(lines) }), bornMs };
  };
}

const SOA = 'real.test. 30 IN SOA ns.real.test. host.real.test. 1 2 3 4 5';

function sectionsOf(lines: readonly string[]): Sections {
  const of = (section: string): ReturnType<typeof recordOf>[] =>
    lines.filter((line) => line.startsWith(section)).map((line) => recordOf(line.slice(section.length)));
  return { answer: of('answer '), authority: of('authority '), additional: of('additional ') };
}

function rewriting(rules: string, next: Handler, more: { host?: TestHost; resolve?: Handler } = {}): Built {
  return build(rewritePlugin, `. {\n${rules}\n}\n`, { next, ...more });
}

/** The answer of a rewritten question, after what was asked of the plugins behind; the answer section alone. */
async function told(rules: string, zone: Zone, question: string): Promise<string> {
  const behind = new Behind(zone);
  const { handler } = rewriting(rules, behind.handler, { resolve: behind.handler });
  const text = await ask(handler, question);
  const [head = '', ...records] = text.replaceAll('answer ', '').split('\n');
  return [`${behind.asked.join(', ')} -> ${head}`, ...records].join('\n');
}

const A = 'IN A 192.0.2.1';

t.test('which names become which', async (t) => {
  const cases: readonly (readonly [rule: string, asked: string, behind: string])[] = [
    ['old.test real.test', 'old.test.', 'real.test.'],
    ['old.test real.test', 'OLD.test.', 'real.test.'],
    ['old.test real.test', 'x.old.test.', 'x.old.test.'],
    ['exact OLD.test. REAL.test.', 'old.test.', 'real.test.'],
    ['exact . real.test', '.', 'real.test.'],
    ['prefix foo bar', 'foo.real.test.', 'bar.real.test.'],
    ['prefix foo bar', 'foobar.real.test.', 'foobar.real.test.'],
    ['prefix foo bar', 'x.foo.real.test.', 'x.foo.real.test.'],
    ['suffix .corp.test .real.test', 'a.b.corp.test.', 'a.b.real.test.'],
    ['suffix .corp.test .real.test', 'corp.test.', 'corp.test.'],
    ['suffix corp.test x.real.test', 'acorp.test.', 'ax.real.test.'],
    ['suffix .corp.test .', 'www.real.test.corp.test.', 'www.real.test.'],
    ['substring mid real', 'a.mid.test.', 'a.real.test.'],
    ['substring mid real', 'mid.mid.test.', 'real.real.test.'],
    ['substring mid real', 'amid.midst.', 'areal.midst.'],
    [String.raw`regex (.*)\.apps\.test {1}.x.real.test`, 'a.b.apps.test.', 'a.b.x.real.test.'],
    [String.raw`regex (.*)\.apps\.test {1}.x.real.test`, 'A.APPS.test.', 'a.x.real.test.'],
    [String.raw`regex ^(\w+)-(\w+)\. {2}.{1}.{2}.REAL.test`, 'a-b.test.', 'b.a.b.real.test.'],
    [String.raw`regex (a)|(b)\.test\.$ {1}x{2}.real.test`, 'b.test.', 'xb.real.test.'],
    ['regex apps real.test', 'x.apps.y.', 'real.test.'],
    [String.raw`regex (?i)^APPS\.(?P<rest>.*)\.\z {1}`, 'apps.real.test.', 'real.test.'],
    [String.raw`regex ^(.*)\\.\\007\.(.*)\.$ {2}`, String.raw`a\.\007.real.test.`, 'real.test.'],
    ['suffix a.test real.test', String.raw`\200a.test.`, String.raw`\200real.test.`],
  ];
  for (const [rule, asked, behind] of cases) {
    const seen = new Behind({});
    await ask(rewriting(`rewrite name ${rule}`, seen.handler).handler, `${asked} A`);
    t.same(seen.asked, [`${behind} A`], `${rule}: ${asked}`);
  }
});

t.test('a name that is none', async (t) => {
  const cases = [
    [`exact a.test ${'x'.repeat(64)}.test`, `${'x'.repeat(64)}.test.`],
    ['prefix a a..b', 'a..b.test.'],
    ['regex ^(.)(x?) {2}.test', '.test.'],
  ] as const;
  for (const [rule, name] of cases) {
    const { handler } = rewriting(`rewrite name ${rule}`, noNext);
    const error = { rcode: RCODE.SERVFAIL, message: `invalid name after rewrite: ${name}` };
    await t.rejects(async () => handler(queryFor('a.test. A')), error, rule);
  }
});

t.test('the first rule that applies is the last, but for one that says continue', async (t) => {
  const cases: readonly (readonly [rules: string, asked: string, behind: string])[] = [
    ['rewrite name a.test b.test\nrewrite name b.test c.test', 'a.test. A', 'b.test. A'],
    ['rewrite continue name a.test b.test\nrewrite name b.test c.test', 'a.test. A', 'c.test. A'],
    ['rewrite CONTINUE NAME EXACT a.test b.test\nrewrite Stop Name b.test c.test', 'a.test. A', 'c.test. A'],
    ['rewrite continue name a.test b.test\nrewrite ttl b.test 1\nrewrite name b.test c.test', 'a.test. A', 'b.test. A'],
    ['rewrite ttl other.test 1\nrewrite name a.test b.test', 'a.test. A', 'b.test. A'],
    ['rewrite continue type AAAA A\nrewrite name a.test b.test', 'a.test. AAAA', 'b.test. A'],
    ['rewrite continue type AAAA A\nrewrite type A TXT', 'a.test. AAAA', 'a.test. TXT'],
    ['rewrite type ANY HINFO', 'A.test. ANY', 'A.test. HINFO'],
    ['rewrite type any TYPE65280', 'a.test. ANY', 'a.test. TYPE65280'],
    ['rewrite class CH IN', 'a.test. TXT CH', 'a.test. TXT'],
    ['rewrite class IN CH', 'a.test. TXT', 'a.test. TXT CH'],
    ['rewrite stop {\nname regex (.*)\\.a\\.test\n{1}.b.test answer\nauto\n}', 'x.a.test. A', 'x.b.test. A'],
    ['rewrite {\nname a.test b.test\n}', 'a.test. A', 'b.test. A'],
    ['rewrite cname x.test y.test\nrewrite name a.test b.test', 'a.test. A', 'a.test. A'],
    ['rewrite continue cname x.test y.test\nrewrite name a.test b.test', 'a.test. A', 'b.test. A'],
  ];
  for (const [rules, asked, behind] of cases) {
    const seen = new Behind({});
    await ask(rewriting(rules, seen.handler).handler, asked);
    t.same(seen.asked, [behind], rules);
  }
});

t.test('a query that no rule is about passes as it is, without a string for its name', async (t) => {
  const rules = [
    'rewrite name old.test real.test',
    'rewrite name prefix old new',
    'rewrite name suffix .old.test .new.test',
    'rewrite name substring .old. .new.',
    String.raw`rewrite name regex ^(.*)\.old\.test {1}.new.test`,
    'rewrite ttl substring old 5',
    'rewrite rcode regex old 2 0',
    'rewrite type ANY HINFO',
    'rewrite class CH IN',
    'rewrite edns0 local replace 0xffee x',
  ];
  const answer = emptyAnswer(RCODE.NOERROR, 'behind');
  let passed: Query | undefined;
  const { handler } = rewriting(rules.join('\n'), (query) => {
    passed = query;
    return answer;
  });
  for (const name of ['web.default.svc.cluster.local.', 'ol.d.', '.', 'WEB.Ol.']) {
    const query = queryFor(`${name} A`);
    for (const text of ['key', 'text']) {
      Object.defineProperty(query, text, { get: () => t.fail(`a string for ${name}`) });
    }
    t.equal(handler(query), answer, 'its answer too');
    t.equal(passed, query);
  }
});

const zone: Zone = {
  'real.test. A': [`answer real.test. 30 ${A}`],
  'www.real.test. A': ['answer www.real.test. 60 IN CNAME Web.REAL.test.', `answer Web.REAL.test. 30 ${A}`],
  'real.test. SRV': [
    'answer real.test. 30 IN SRV 0 100 80 real.test.',
    'answer real.test. 30 IN SRV 0 100 80 a.real.test.',
    `additional a.real.test. 30 ${A}`,
  ],
  'real.test. MX': ['answer real.test. 30 IN MX 10 mail.real.test.', 'authority real.test. 30 IN NS ns.real.test.'],
  'real.test. TXT': ['answer real.test. 30 IN TXT real.test.'],
  'real.test. AAAA': [`authority ${SOA}`],
  'root. NS': ['answer . 30 IN NS ns.'],
  '1.2.0.192.in-addr.arpa. PTR': ['answer 1.2.0.192.in-addr.arpa. 30 IN PTR www.real.test.'],
};

t.test('names in answers', async (t) => {
  const cases: readonly (readonly [rule: string, question: string, told: string])[] = [
    ['old.test real.test', 'old.test. A', `real.test. A -> NOERROR ra\nold.test. 30 ${A}`],
    ['old.test real.test', 'OLD.test. A', `real.test. A -> NOERROR ra\nold.test. 30 ${A}`],
    [
      'old.test real.test',
      'old.test. SRV',
      'real.test. SRV -> NOERROR ra\nold.test. 30 IN SRV 0 100 80 old.test.\n' +
        `old.test. 30 IN SRV 0 100 80 a.old.test.\nadditional a.old.test. 30 ${A}`,
    ],
    [
      'old.test real.test',
      'old.test. MX',
      'real.test. MX -> NOERROR ra\nold.test. 30 IN MX 10 mail.old.test.\nauthority old.test. 30 IN NS ns.old.test.',
    ],
    ['old.test real.test', 'old.test. TXT', 'real.test. TXT -> NOERROR ra\nold.test. 30 IN TXT "real.test."'],
    [
      'old.test real.test',
      'old.test. AAAA',
      'real.test. AAAA -> NOERROR ra\nauthority old.test. 30 IN SOA ns.old.test. host.real.test. 1 2 3 4 5',
    ],
    [
      'old.test gone.real.test',
      'old.test. A',
      `gone.real.test. A -> NXDOMAIN ra\nauthority real.test. 30 IN SOA ns.real.test. host.real.test. 1 2 3 4 5`,
    ],
    ['prefix old real', 'old.test. A', `real.test. A -> NOERROR ra\nreal.test. 30 ${A}`],
    ['prefix old real answer auto', 'old.test. A', `real.test. A -> NOERROR ra\nold.test. 30 ${A}`],
    ['substring old real answer auto', 'old.test. A', `real.test. A -> NOERROR ra\nold.test. 30 ${A}`],
    [
      'suffix .old.test .real.test',
      'www.old.test. A',
      `www.real.test. A -> NOERROR ra\nwww.real.test. 60 IN CNAME Web.REAL.test.\nWeb.REAL.test. 30 ${A}`,
    ],
    [
      'suffix .old.test .real.test answer auto',
      'www.old.test. A',
      `www.real.test. A -> NOERROR ra\nwww.old.test. 60 IN CNAME Web.old.test.\nWeb.old.test. 30 ${A}`,
    ],
    [
      'suffix .old.test . answer auto',
      'gone.old.test. A',
      'gone. A -> NXDOMAIN ra\nauthority real.test.old.test. 30 IN SOA ns.real.test.old.test. host.real.test. 1 2 3 4 5',
    ],
    ['suffix .old.test . answer auto', 'root.old.test. NS', 'root. NS -> NOERROR ra\n. 30 IN NS ns.old.test.'],
    [
      String.raw`regex (.*)\.old\.test {1}.real.test answer name (.*)\.Real\.test {1}.old.test`,
      'www.old.test. A',
      `www.real.test. A -> NOERROR ra\nwww.old.test. 60 IN CNAME Web.REAL.test.\nweb.old.test. 30 ${A}`.replace(
        'web.old',
        'Web.old',
      ),
    ],
    [
      String.raw`regex (.*)\.old\.test {1}.real.test answer auto value ^web.* x.test`,
      'www.old.test. A',
      `www.real.test. A -> NOERROR ra\nwww.old.test. 60 IN CNAME x.test.\nWeb.REAL.test. 30 ${A}`,
    ],
    [
      String.raw`suffix .arpa .arpa answer value (.*)\.real\.test {1}.old.test`,
      '1.2.0.192.in-addr.arpa. PTR',
      '1.2.0.192.in-addr.arpa. PTR -> NOERROR ra\n1.2.0.192.in-addr.arpa. 30 IN PTR www.old.test.',
    ],
  ];
  for (const [rule, question, expected] of cases) {
    t.equal(await told(`rewrite name ${rule}`, zone, question), expected, `${rule}: ${question}`);
  }
  const chain = 'rewrite continue name a.test b.test\nrewrite name b.test real.test';
  t.equal(
    await told(chain, zone, 'a.test. A'),
    `real.test. A -> NOERROR ra\na.test. 30 ${A}`,
    'back in the reverse order',
  );
});

t.test('the name at the end of NAPTR', async (t) => {
  const naptr = (target: string): Uint8Array =>
    Buffer.concat([Buffer.from('000a0064015307453255', 'hex'), Buffer.from('+sip'), Buffer.of(0), nameToWire(target)]);
  const record = { name: 'real.test.', type: TYPE.NAPTR, class: CLASS.IN, ttl: 30 };
  const { handler } = rewriting('rewrite name old.test real.test', (query) => {
    const data = { shape: 'opaque', bytes: naptr('sip.real.test.') } as const;
    return buildAnswer(query, { rcode: RCODE.NOERROR, flags: 0, source: 'behind', answer: [{ ...record, data }] });
  });
  const query = queryFor('old.test. NAPTR');
  const [found] = recordsOf(query, await handler(query)).answer;
  t.same(found?.data, { shape: 'opaque', bytes: naptr('sip.old.test.') });
});

t.test('a name in an answer that can be none', async (t) => {
  const rule = `rewrite name exact old.test real.test answer name real ${'x'.repeat(64)}.test`;
  const { handler } = rewriting(rule, new Behind(zone).handler);
  await t.rejects(async () => handler(queryFor('old.test. A')), {
    message: /^invalid answer after rewrite: label of 64/,
  });
});

t.test('types and classes are those of the client again', async (t) => {
  t.equal(await told('rewrite type AAAA A', zone, 'real.test. AAAA'), `real.test. A -> NOERROR ra\nreal.test. 30 ${A}`);
  t.equal(await told('rewrite class CH IN', zone, 'real.test. A CH'), `real.test. A -> NOERROR ra\nreal.test. 30 ${A}`);
});

t.test('TTLs', async (t) => {
  const cases: readonly (readonly [rule: string, ttls: readonly number[]])[] = [
    ['www.real.test 15', [15, 15]],
    ['exact www.real.test 15', [15, 15]],
    ['www.real.test -40', [40, 30]],
    ['www.real.test 40-', [60, 40]],
    ['www.real.test 35-50', [50, 35]],
    ['www.real.test 0', [0, 0]],
    ['www.real.test 10-100', [60, 30]],
    ['real.test 15', [60, 30]],
    ['suffix .test 15', [15, 15]],
    ['prefix www 15', [15, 15]],
    ['substring . 15', [15, 15]],
    ['regex ^www 15', [15, 15]],
  ];
  for (const [rule, ttls] of cases) {
    const text = await told(`rewrite ttl ${rule}`, zone, 'www.real.test. A');
    t.same(
      Array.from(text.matchAll(/ (\d+) IN/g), ([, ttl]) => Number(ttl)),
      ttls,
      rule,
    );
  }
  t.match(await told('rewrite ttl real.test 15', zone, 'real.test. AAAA'), 'real.test. 15 IN SOA', 'of SOA as well');
});

t.test('response codes', async (t) => {
  const cases: readonly (readonly [rule: string, question: string, rcode: string])[] = [
    ['gone.test NXDOMAIN NOERROR', 'gone.test. A', 'NOERROR'],
    ['exact gone.test 3 5', 'gone.test. A', 'REFUSED'],
    ['gone.test SERVFAIL NOERROR', 'gone.test. A', 'NXDOMAIN'],
    ['suffix .test NXDOMAIN NOERROR', 'x.gone.test. A', 'NOERROR'],
    [String.raw`regex ^real\. noerror 22`, 'real.test. A', 'BADTRUNC'],
    ['other.test NXDOMAIN NOERROR', 'gone.test. A', 'NXDOMAIN'],
  ];
  for (const [rule, question, rcode] of cases) {
    t.match(await told(`rewrite rcode ${rule}`, zone, question), `-> ${rcode}`, rule);
  }
  const both = 'rewrite continue rcode gone.test REFUSED NOERROR\nrewrite rcode gone.test NXDOMAIN REFUSED';
  t.match(await told(both, zone, 'gone.test. A'), '-> NOERROR', 'one after the other, from the last');
});

t.test('errors of the plugins behind have response codes too', async (t) => {
  const failing: Handler = () => {
    throw new QueryError(RCODE.SERVFAIL, 'unreachable');
  };
  const later: Handler = async (query) => failing(query);
  for (const next of [failing, later]) {
    const { handler } = rewriting('rewrite rcode substring . SERVFAIL NOERROR', next);
    const error = { name: 'QueryError', rcode: RCODE.NOERROR, message: 'unreachable' };
    await t.rejects(async () => handler(queryFor('a.test. A')), error, 'as the client gets it');
    const other = rewriting('rewrite name a.test b.test', next);
    await t.rejects(async () => other.handler(queryFor('a.test. A')), { ...error, rcode: RCODE.SERVFAIL });
  }
  const broken = rewriting('rewrite rcode substring . SERVFAIL NOERROR', () => {
    throw new Error('a defect');
  });
  await t.rejects(async () => broken.handler(queryFor('a.test. A')), { message: 'a defect' });
  const dropped = rewriting('rewrite name a.test b.test', () => noReply);
  t.equal(await dropped.handler(queryFor('a.test. A')), noReply, 'no reply is none');
});

const aliases: Zone = {
  'www.test. A': [
    'answer www.test. 60 IN CNAME Cdn.test.',
    `answer Cdn.test. 30 ${A}`,
    'authority test. 9 IN NS ns.test.',
  ],
  'deep.test. A': [
    'answer deep.test. 60 IN CNAME www.test.',
    'answer www.test. 60 IN CNAME cdn.test.',
    `answer cdn.test. 30 ${A}`,
  ],
  'gone.test. A': ['NXDOMAIN', 'answer gone.test. 60 IN CNAME cdn.test.', `authority ${SOA}`],
  'own.test. A': ['answer own.test. 20 IN A 192.0.2.9'],
  'chain.test. A': ['answer chain.test. 20 IN CNAME own.test.', 'answer own.test. 20 IN A 192.0.2.9'],
  'bad.test. A': ['SERVFAIL'],
};

t.test('where aliases lead', async (t) => {
  const own = 'own.test. 20 IN A 192.0.2.9';
  const cases: readonly (readonly [rules: string, question: string, told: string])[] = [
    [
      'cname cdn.test own.test',
      'www.test. A',
      `www.test. A, own.test. A -> NOERROR ra\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname exact CDN.test. own.test.',
      'deep.test. A',
      `deep.test. A, own.test. A -> NOERROR ra\ndeep.test. 60 IN CNAME www.test.\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname www.test own.test',
      'deep.test. A',
      `deep.test. A, own.test. A -> NOERROR ra\ndeep.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname prefix cdn. own.',
      'www.test. A',
      `www.test. A, own.test. A -> NOERROR ra\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname suffix cdn.test. own.test.',
      'www.test. A',
      `www.test. A, own.test. A -> NOERROR ra\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
    ['cname substring dn wn', 'www.test. A', 'www.test. A, cwn.test. A -> NOERROR ra\nwww.test. 60 IN CNAME cwn.test.'],
    [
      String.raw`cname regex ^CDN\.(.*) own.{1}`,
      'www.test. A',
      `www.test. A, own.test. A -> NOERROR ra\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname cdn.test chain.test',
      'www.test. A',
      `www.test. A, chain.test. A -> NOERROR ra\nwww.test. 60 IN CNAME chain.test.\nchain.test. 20 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname cdn.test own.test',
      'gone.test. A',
      `gone.test. A, own.test. A -> NOERROR ra\ngone.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'cname cdn.test no.test',
      'gone.test. A',
      'gone.test. A, no.test. A -> NXDOMAIN ra\ngone.test. 60 IN CNAME no.test.',
    ],
    ['cname cdn.test bad.test', 'www.test. A', 'www.test. A, bad.test. A -> SERVFAIL'],
    [
      'cname other.test own.test',
      'www.test. A',
      `www.test. A -> NOERROR ra\nwww.test. 60 IN CNAME Cdn.test.\nCdn.test. 30 ${A}\nauthority test. 9 IN NS ns.test.`,
    ],
    ['cname own.test cdn.test', 'own.test. A', `own.test. A -> NOERROR ra\n${own}`],
    [
      'continue ttl www.test 5\nrewrite cname cdn.test own.test',
      'www.test. A',
      'www.test. A, own.test. A -> NOERROR ra\nwww.test. 5 IN CNAME own.test.\nown.test. 5 IN A 192.0.2.9',
    ],
    [
      'continue name exact a.test www.test\nrewrite cname cdn.test own.test',
      'a.test. A',
      `www.test. A, own.test. A -> NOERROR ra\na.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'continue cname cdn.test own.test\nrewrite continue cname own.test no.test',
      'www.test. A',
      `www.test. A, own.test. A -> NOERROR ra\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
    [
      'continue cname x.test own.test\nrewrite continue cname cdn.test x.test',
      'www.test. A',
      `www.test. A, x.test. A, own.test. A -> NOERROR ra\nwww.test. 60 IN CNAME own.test.\n${own}`,
    ],
  ];
  for (const [rules, question, expected] of cases) {
    t.equal(await told(`rewrite ${rules}`, aliases, question), expected, `${rules}: ${question}`);
  }
});

t.test('an alias that can not be followed', async (t) => {
  const behind = new Behind(aliases);
  const failing: Handler = () => {
    throw new QueryError(RCODE.SERVFAIL, 'aliases lead in a circle');
  };
  const { handler } = rewriting('rewrite cname cdn.test own.test', behind.handler, { resolve: failing });
  t.equal(await ask(handler, 'www.test. A'), 'SERVFAIL');
  const long = rewriting(`rewrite cname cdn.test ${'x'.repeat(64)}.test`, behind.handler);
  await t.rejects(async () => long.handler(queryFor('www.test. A')), {
    message: /^invalid alias after rewrite: label of 64/,
  });
  const hops: number[] = [];
  const inner = rewriting('rewrite cname cdn.test own.test', behind.handler, {
    resolve(query) {
      hops.push(query.hops);
      return behind.handler(query);
    },
  });
  await ask(inner.handler, 'www.test. A');
  t.same(hops, [1], 'one question further from the client');
});

t.test('the answer comes at once where that of the plugins behind does', async (t) => {
  const rules = ['name a.test real.test', 'type AAAA A', 'ttl a.test 5', 'cname real.test own.test', 'edns0 nsid set'];
  for (const rule of rules) {
    const behind = new Behind({ ...zone, ...aliases });
    const at = rewriting(`rewrite ${rule}`, behind.handler, { resolve: behind.handler });
    t.notOk(at.handler(queryFor('a.test. A')) instanceof Promise, rule);
    const later = rewriting(`rewrite ${rule}`, async (query) => behind.handler(query), { resolve: behind.handler });
    const query = queryFor('a.test. A');
    const [now, then] = [await at.handler(query), await later.handler(query)];
    t.equal(answerText(query, then), answerText(query, now), `${rule}, later`);
  }
});

t.test('an answer stays what it is', async (t) => {
  const host = testHost();
  const bornMs = host.clock.now();
  await host.clock.advance(10_500);
  for (const live of [true, false]) {
    const options = [{ code: 15, data: Buffer.of(0, 1) }];
    const behind = new Behind(zone, { live, flags: FLAG.AA | FLAG.AD, options, ...(live ? {} : { bornMs }) });
    const { handler } = rewriting('rewrite name suffix .old.test .real.test answer auto', behind.handler, { host });
    const query = queryFor('www.old.test. A');
    const answer = await handler(query);
    t.match(answer, { live, source: 'behind', flags: FLAG.AA | FLAG.AD, rcode: RCODE.NOERROR, answerCount: 2 });
    t.same(
      readOptions(answer.options),
      options.map(({ code, data }) => ({ code, data: new Uint8Array(data) })),
    );
    const ttl = live ? 60 : 50;
    t.equal(recordsAt(query, answer, host.clock.now()).answer[0]?.ttl, ttl, 'the TTL that it has now');
    const bounded = rewriting('rewrite ttl www.real.test -55', behind.handler, { host });
    const direct = queryFor('www.real.test. A');
    const ttls = recordsAt(direct, await bounded.handler(direct), host.clock.now()).answer.map((record) => record.ttl);
    t.same(ttls, live ? [55, 30] : [50, 20], 'bounds are held against that');
  }
  const found = new Behind(aliases, { live: true });
  const redirected = rewriting('rewrite cname cdn.test own.test', new Behind(aliases).handler, {
    resolve: found.handler,
  });
  t.match(await redirected.handler(queryFor('www.test. A')), { live: true }, 'an alias to live data is live');
  const failed = new Behind({ 'own.test. A': ['SERVFAIL'] }, { live: true });
  const unresolved = rewriting('rewrite cname cdn.test own.test', new Behind(aliases).handler, {
    resolve: failed.handler,
  });
  t.match(await unresolved.handler(queryFor('www.test. A')), { live: true, rcode: RCODE.SERVFAIL });
});

const sent: EdnsOption[] = [{ code: 0xffee, data: Buffer.from('sent') }];

t.test('EDNS options that the plugins behind see', async (t) => {
  const peer = {
    address: '2001:db8:ff::1',
    family: 6,
    port: 0x1234,
    localAddress: '2001:db8::5',
    localPort: 53,
  } as const;
  const cases: readonly (readonly [
    rule: string,
    options: readonly EdnsOption[] | undefined,
    seen: string,
    asking?: Asking,
  ])[] = [
    ['local set 0xffee new', undefined, '65518 new'],
    ['local set 0xffee new', sent, '65518 new'],
    ['local set 65518 0x6e6577', [], '65518 new'],
    ['local append 0xffee new', sent, '65518 sent'],
    ['local append 0xffee new', [], '65518 new'],
    ['local replace 0xffee new', sent, '65518 new'],
    ['local replace 0xffee new', undefined, 'no EDNS'],
    ['local unset 0xffee', [...sent, { code: 5, data: Buffer.from('x') }, ...sent], '5 x'],
    ['local unset 0xffee', undefined, 'no EDNS'],
    ['nsid set', undefined, '3 '],
    ['nsid replace', [{ code: 3, data: Buffer.from('old') }], '3 '],
    ['nsid append', [{ code: 3, data: Buffer.from('old') }], '3 old'],
    ['nsid unset', [{ code: 3, data: Buffer.from('old') }], ''],
    ['subnet set 20 56', undefined, '8 0x000114000a01f0', { peer: { address: '10.1.255.9' } }],
    [
      'subnet set 24 50',
      undefined,
      '8 0x0002320020010db800ffc0',
      { peer: { ...peer, address: '2001:db8:ff:ffff::1' } },
    ],
    ['subnet set 0 0', undefined, '8 0x00010000'],
    ['subnet unset', [{ code: 8, data: Buffer.of(0, 1, 0, 0) }], ''],
    ['local set 65001 {qname}', undefined, '65001 A.test.'],
    ['local set 65001 {qtype}', undefined, '65001 0x001c'],
    ['local set 65001 {protocol}', undefined, '65001 udp'],
    ['local set 65001 {client_ip}', undefined, '65001 0x7f000001'],
    ['local set 65001 {client_port}', undefined, '65001 0x1234', { peer }],
    ['local set 65001 {server_ip}', undefined, '65001 0x20010db8000000000000000000000005', { peer }],
    ['local set 65001 {server_port}', undefined, '65001 0x0035', { peer }],
    ['local set 65001 {server_ip}', undefined, 'no EDNS', { peer: { localAddress: '::' } }],
  ];
  for (const [rule, options, seen, asking] of cases) {
    const behind = new Behind({});
    const { handler } = rewriting(`rewrite edns0 ${rule}`, behind.handler);
    await handler(queryFor('A.test. AAAA', { ...asking, ...(options && { options }) }));
    t.equal(optionText(behind.queries[0]), seen, `${rule} of ${options?.length}`);
    t.same(behind.asked, ['A.test. AAAA'], 'the letters stay');
  }
});

/** `3 old`, in hex what is no text. */
function optionText(query: Query | undefined): string {
  return query?.hasEdns === true ? optionsText(optionsOf(query)) : 'no EDNS';
}

function optionsText(options: readonly EdnsOption[]): string {
  const dataText = (data: Uint8Array): string => {
    const text = Buffer.from(data).toString('latin1');
    return /^[!-~]*$/.test(text) ? text : `0x${Buffer.from(data).toString('hex')}`;
  };
  return options.map(({ code, data }) => `${code} ${dataText(data)}`).join(', ');
}

t.test('EDNS options that the client sees', async (t) => {
  const upstream: EdnsOption[] = [
    { code: 8, data: Buffer.from('net') },
    { code: 0xffee, data: Buffer.from('theirs') },
  ];
  const cases: readonly (readonly [rule: string, manner: Manner, asking: Asking, seen: string])[] = [
    ['local set 0xffee new', { live: true }, { options: sent }, '65518 new'],
    ['local set 0xffee new', { live: true }, { options: [...sent, { code: 10, data: Buffer.from('c') }] }, '65518 new'],
    ['local set 0xffee new revert', { live: true }, { options: sent }, '65518 sent'],
    ['local set 0xffee new revert', { live: true }, { options: [] }, ''],
    ['local set 0xffee new', { live: true }, {}, ''],
    ['nsid set', { live: true }, { options: [] }, ''],
    ['local set 0xffee new', {}, { options: sent }, ''],
    ['local set 0xffee new', { options: upstream }, { options: sent }, '8 net, 65518 theirs'],
    ['local set 0xffee new revert', { options: upstream }, { options: sent }, '8 net, 65518 sent'],
    ['subnet set 24 56 revert', { options: upstream }, { options: [] }, '65518 theirs'],
    ['subnet append 24 56', { options: upstream }, { options: [] }, '8 net, 65518 theirs'],
  ];
  for (const [rule, manner, asking, seen] of cases) {
    const { handler } = rewriting(`rewrite edns0 ${rule}`, new Behind(zone, manner).handler);
    const query = queryFor('real.test. A', asking);
    const answer = await handler(query);
    t.equal(optionsText(readOptions(answer.options)), seen, rule);
    t.equal(query.hasEdns, asking.options !== undefined, 'the query of the client is as it was');
  }
  const both = 'rewrite continue edns0 local set 0xffee one\nrewrite edns0 local replace 0xffee two revert';
  const { handler } = rewriting(both, new Behind(zone, { live: true }).handler);
  const answer = await handler(queryFor('real.test. A', { options: [] }));
  t.equal(optionsText(readOptions(answer.options)), '65518 one', 'one taken back, one not');
});

t.test('a packet is as it was, but for its question', async (t) => {
  const behind = new Behind({});
  const { handler } = rewriting('rewrite name a.test b.test', behind.handler);
  const peer = { transport: 'tcp' } as const;
  await handler(
    queryFor('a.test. A', {
      id: 7,
      flags: FLAG.RD | FLAG.CD | FLAG.AD,
      options: sent,
      edns: 999,
      dnssecOk: true,
      peer,
    }),
  );
  const [query] = behind.queries;
  t.match(query, { id: 7, flags: FLAG.RD | FLAG.CD | FLAG.AD, udpSize: 999, dnssecOk: true, hasEdns: true, hops: 0 });
  t.equal(query?.peer.transport, 'tcp');
  t.equal(optionText(query), '65518 sent');
});

t.test('what can not be read after the question', async (t) => {
  const { handler } = rewriting('rewrite name a.test b.test', new Behind({}).handler);
  const query = queryFor('a.test. A', { options: sent });
  query.wire[query.questionEnd] = 0x40;
  await t.rejects(async () => handler(query), { rcode: RCODE.FORMERR, message: /^the query can not be rewritten/ });
  const promising = queryFor('a.test. A', { options: sent });
  promising.wire.writeUInt16BE(2, 10);
  t.equal(await ask(handler, 'a.test. A'), `NXDOMAIN ra\nauthority ${SOA}`);
  t.match(await handler(promising), { rcode: RCODE.NXDOMAIN }, 'more may be promised than is there');
});

t.test('zone transfers pass', async (t) => {
  const behind = new Behind({});
  const { handler } = rewriting('rewrite name a.test b.test', behind.handler);
  for (const type of ['AXFR', 'IXFR']) await handler(queryFor(`a.test. ${type}`));
  t.same(behind.asked, ['a.test. AXFR', 'a.test. IXFR']);
});

t.test('labels of metadata', async (t) => {
  const known: Metadata = {
    value: (query, label) => (label === 'test/none' ? '' : `${label}-of-${query.key.slice(0, -1)}`.replace('/', '-')),
    obstacle: (label) => (label === 'test/never' ? 'nobody knows it' : undefined),
  };
  const cases: readonly (readonly [rule: string, asked: string, options: string])[] = [
    [String.raw`name regex ^(.*)\.my {1}.{test/Name}.X metadata`, 'a.test-name-of-a.my.x. A', 'no EDNS'],
    ['name regex ^(.*)\\.my {1}.{test/none} metadata', 'a.my. A', 'no EDNS'],
    ['edns0 local set 65001 {test/name}', 'a.my. A', '65001 test-name-of-a.my'],
    ['edns0 local set 65001 {test/none}', 'a.my. A', 'no EDNS'],
  ];
  for (const [rule, asked, options] of cases) {
    const behind = new Behind({});
    const { env, instance } = build(rewritePlugin, `. {\nmetadata\nrewrite ${rule}\n}\n`);
    metadata.provide(env.scope, known);
    await instance.wrap?.(behind.handler)(queryFor('a.my. A'));
    t.same([behind.asked, optionText(behind.queries[0])], [[asked], options], rule);
  }
  const host = testHost();
  const { env, instance } = build(rewritePlugin, '. {\nmetadata\nrewrite edns0 local set 65001 {test/never}\n}\n', {
    host,
  });
  metadata.provide(env.scope, known);
  await instance.start?.(false);
  t.same(host.output, ['[WARNING] plugin/rewrite: no rule with {test/never} ever applies: nobody knows it']);
});

t.test('what was noted of a rewritten query is there for that of the client', async (t) => {
  const noted = new WeakMap<Query, string>();
  const { env, instance } = build(rewritePlugin, '. {\nrewrite name a.test b.test\n}\n');
  metadataSources.provide(env.scope, {
    kind: 'noted',
    prefix: 'notes',
    labels: ['notes/note'],
    value: (query) => noted.get(query),
    forget: (query) => void noted.delete(query),
    carry: (asked, query) => void noted.set(query, noted.get(asked) ?? ''),
  });
  const noting: Handler = async (asked) => {
    noted.set(asked, `note of ${asked.key}`);
    if (asked.type === TYPE.A) throw new QueryError(RCODE.SERVFAIL, 'unreachable');
    return emptyAnswer(RCODE.NOERROR, 'behind');
  };
  const handler = instance.wrap?.(noting);
  for (const question of ['a.test. A', 'a.test. AAAA']) {
    const query = queryFor(question);
    await Promise.resolve(handler?.(query)).catch(() => undefined);
    t.equal(noted.get(query), 'note of b.test.', question);
  }
});

/** `rewrite`, `cache 30` and a cluster, as in one server block; what is outside of the cluster is `outside`. */
class Block {
  readonly host = testHost();
  /** What came to the plugins behind `cache`. */
  readonly asked: string[] = [];
  readonly #api = new LineApi(SELECTIONS);
  readonly #store = new ClusterStore(
    SELECTIONS.map(({ kind }) => kind),
    this.host.clock,
  );
  readonly #handler: Handler;

  constructor(rules: string, outside: Handler) {
    const { clock, log } = this.host;
    const resolve: Handler = (query) => this.#handler(query);
    const zones = openClusterZones(kubernetesConfig('cluster.local', ['ttl 30']), {
      cluster: this.#store,
      serial: new Serial(),
      startup: new Startup(this.#store, { clock, log, limitMs: 5000 }),
      ownAddresses: [],
      resolve,
      next: outside,
      clock,
    });
    const behind: Handler = (query) => {
      this.asked.push(query.key);
      return zones.handler(query);
    };
    const { host } = this;
    const cache = build(cachePlugin, '. {\ncache 30\n}\n', { host, next: behind });
    this.#handler = build(rewritePlugin, `. {\n${rules}\n}\n`, { host, next: cache.handler, resolve }).handler;
    for (const { kind } of SELECTIONS) this.#hear(this.#api.list(kind, [], 'whole'));
  }

  /** `+ service default/web 10.96.1.1`, and the like. */
  happens(...lines: readonly string[]): void {
    for (const line of lines) this.#hear(this.#api.changes([line]));
  }

  /** The answer as `answerText` has it, with the TTLs that it has now. */
  async ask(question: string): Promise<string> {
    const query = queryFor(question);
    const answer = await this.#handler(query);
    const aged = recordsAt(query, answer, this.host.clock.now());
    return answerText(query, { ...buildAnswer(query, { ...answer, options: [], ...aged }) });
  }

  #hear(batches: readonly Batch[]): void {
    for (const batch of batches) this.#store.apply(batch);
  }
}

const SELECTIONS: readonly Selection[] = [{ kind: 'Namespace' }, { kind: 'Service' }, { kind: 'EndpointSlice' }];
const nowhere: Handler = () => emptyAnswer(RCODE.REFUSED, 'outside');

t.test('a name of the cluster is as fresh under another name', async (t) => {
  const cases: readonly (readonly [rule: string, name: string])[] = [
    ['name shop.example.com web.shop.svc.cluster.local', 'shop.example.com.'],
    ['name suffix .svc.corp.test .svc.cluster.local answer auto', 'web.shop.svc.corp.test.'],
    [String.raw`name regex ^(.*)\.apps\.test {1}.shop.svc.cluster.local answer auto`, 'web.apps.test.'],
    ['ttl substring . 30', 'web.shop.svc.cluster.local.'],
  ];
  for (const [rule, name] of cases) {
    const block = new Block(`rewrite ${rule}`, nowhere);
    block.happens('+ namespace shop');
    t.match(await block.ask(`${name} A`), 'NXDOMAIN aa', `${rule}: asked before it exists`);
    block.happens('+ service shop/web 10.96.1.1 http:80');
    t.equal(await block.ask(`${name} A`), `NOERROR aa\nanswer ${name} 30 IN A 10.96.1.1`, 'it exists');
    block.happens('- service shop/web', '+ service shop/web 10.96.1.2 http:80');
    t.equal(await block.ask(`${name} A`), `NOERROR aa\nanswer ${name} 30 IN A 10.96.1.2`, 'it has another address');
    block.happens('+ service shop/web None http:80', '+ slice shop/web-a of web 10.244.0.1 http:80');
    t.equal(await block.ask(`${name} A`), `NOERROR aa\nanswer ${name} 30 IN A 10.244.0.1`, 'its endpoint');
    block.happens('- service shop/web');
    t.match(await block.ask(`${name} A`), 'NXDOMAIN aa', 'it is gone');
    t.equal(block.asked.length, 5, 'the cluster was asked each time');
  }
});

t.test('an alias from outside that leads into the cluster is as fresh as that', async (t) => {
  const alias: Handler = (query) =>
    buildAnswer(query, {
      rcode: RCODE.NOERROR,
      flags: FLAG.RA,
      source: 'forward',
      answer: [recordOf(`${query.text} 300 IN CNAME web.old.test.`), recordOf(`web.old.test. 300 ${A}`)],
    });
  const block = new Block('rewrite cname suffix .old.test. .shop.svc.cluster.local.', alias);
  block.happens('+ namespace shop', '+ service shop/web 10.96.1.1 http:80');
  const head = 'NOERROR ra\nanswer www.test. 30 IN CNAME web.shop.svc.cluster.local.\n';
  const record = 'answer web.shop.svc.cluster.local. 30 IN A';
  t.equal(await block.ask('www.test. A'), `${head}${record} 10.96.1.1`);
  block.happens('+ service shop/web 10.96.1.2 http:80');
  t.equal(await block.ask('www.test. A'), `${head}${record} 10.96.1.2`);
  block.happens('- service shop/web');
  t.equal(await block.ask('www.test. A'), head.trim());
  t.same(block.asked.slice(1), Array(3).fill('web.shop.svc.cluster.local.'), 'what is outside was asked once');
});

t.test('an answer from outside is kept, and its TTL counts down, under any of its names', async (t) => {
  const outside: Handler = (query) =>
    buildAnswer(query, {
      rcode: RCODE.NOERROR,
      flags: FLAG.RA,
      source: 'forward',
      answer: [recordOf(`${query.text} 300 ${A}`)],
    });
  const block = new Block('rewrite name suffix .old.test .real.test answer auto', outside);
  t.equal(await block.ask('www.old.test. A'), `NOERROR ra\nanswer www.old.test. 30 ${A}`);
  await block.host.clock.advance(10_000);
  t.equal(await block.ask('WWW.old.test. A'), `NOERROR ra\nanswer www.old.test. 20 ${A}`);
  t.equal(await block.ask('www.real.test. A'), `NOERROR ra\nanswer www.real.test. 20 ${A}`);
  await block.host.clock.advance(20_000);
  t.equal(await block.ask('www.old.test. A'), `NOERROR ra\nanswer www.old.test. 30 ${A}`);
  t.same(block.asked, ['www.real.test.', 'www.real.test.'], 'asked again when it had expired');
});

t.test('the whole way: a client gets an answer to its own question', async (t) => {
  const server = await startServer(`.:0 {
  rewrite continue edns0 local set 0xffee new
  rewrite continue type AAAA A
  rewrite name suffix .old.test .real.test answer auto
  hosts {
    192.0.2.1 web.real.test
  }
}
`);
  t.teardown(() => server.close());
  const reply = await exchangeUdp(server.port, questionWire({ name: 'WEB.old.test.', type: TYPE.AAAA }));
  t.equal(
    messageText(parseMessage(reply ?? Buffer.of())),
    'NOERROR qr aa rd\nquestion WEB.old.test. IN AAAA\nanswer web.old.test. 3600 IN A 192.0.2.1',
  );
  const edns = { udpSize: 1232 };
  const other = await exchangeUdp(server.port, questionWire({ name: 'web.old.test.', type: TYPE.AAAA, edns }));
  t.match(parseMessage(other ?? Buffer.of()).edns, { udpSize: 1232, options: [{ code: 0xffee }] });
});
