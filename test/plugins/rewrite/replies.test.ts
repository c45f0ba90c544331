import t from 'tap';
import { noReply } from '../../../src/core/answer.ts';
import { type Handler, QueryError } from '../../../src/core/handler.ts';
import { recordsAt } from '../../../src/core/inner-query.ts';
import { FLAG, RCODE } from '../../../src/dns/codes.ts';
import { readOptions } from '../../../src/dns/message.ts';
import { answerText, ask, queryFor } from '../../support/ask.ts';
import { testHost } from '../../support/env.ts';
import { Behind, rewriting, told, A, zone, aliases } from './rewriting.ts';

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
