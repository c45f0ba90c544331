import t from 'tap';
import { emptyAnswer } from '../../../src/core/answer.ts';
import { buildAnswer, recordsOf } from '../../../src/core/encode.ts';
import type { Query } from '../../../src/core/query.ts';
import { CLASS, RCODE, TYPE } from '../../../src/dns/codes.ts';
import { nameToWire } from '../../../src/dns/name.ts';
import { ask, queryFor } from '../../support/ask.ts';
import { noNext } from '../../support/env.ts';
import { Behind, rewriting, told, A, zone } from './rewriting.ts';

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

/** What becomes of the data of a NAPTR record. */
async function renamedNaptr(rule: string, bytes: Uint8Array): Promise<unknown> {
  const data = { shape: 'opaque', bytes } as const;
  const answer = [{ name: 'real.test.', type: TYPE.NAPTR, class: CLASS.IN, ttl: 30, data }];
  const { handler } = rewriting(rule, (query) => {
    return buildAnswer(query, { rcode: RCODE.NOERROR, flags: 0, source: 'behind', answer });
  });
  const query = queryFor('old.test. NAPTR');
  return recordsOf(query, await handler(query)).answer[0]?.data;
}

t.test('the name at the end of NAPTR', async (t) => {
  const naptr = (target: string): Uint8Array =>
    Buffer.concat([Buffer.from('000a0064015307453255', 'hex'), Buffer.from('+sip'), Buffer.of(0), nameToWire(target)]);
  const rule = 'rewrite name exact old.test real.test';
  t.same(await renamedNaptr(rule, naptr('sip.real.test.')), { shape: 'opaque', bytes: naptr('sip.old.test.') });
  const tooLong = `${rule} answer value sip ${'x'.repeat(64)}.test`;
  await t.rejects(renamedNaptr(tooLong, naptr('sip.real.test.')), {
    message: /^invalid answer after rewrite: label of/,
  });
});

t.test('a name in an answer that can be none', async (t) => {
  const rule = `rewrite name exact old.test real.test answer name real ${'x'.repeat(64)}.test`;
  const { handler } = rewriting(rule, new Behind(zone).handler);
  await t.rejects(async () => handler(queryFor('old.test. A')), {
    message: /^invalid answer after rewrite: label of 64/,
  });
});
