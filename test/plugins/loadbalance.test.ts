import t from 'tap';
import { type Answer, noReply } from '../../src/core/answer.ts';
import { buildAnswer } from '../../src/core/encode.ts';
import { type Handler, type Outcome, QueryError } from '../../src/core/handler.ts';
import type { Query } from '../../src/core/query.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { FLAG, RCODE } from '../../src/dns/codes.ts';
import { parseMessage } from '../../src/dns/message.ts';
import { messageText } from '../../src/dns/text.ts';
import { loadbalancePlugin, loadbalanceReading } from '../../src/plugins/loadbalance/index.ts';
import { type Asking, queryFor } from '../support/ask.ts';
import { settled } from '../support/clock.ts';
import { build, mistakesOf, testHost } from '../support/env.ts';
import { recordOf } from '../support/records.ts';

interface Saying {
  readonly rcode?: number;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
}

function say(query: Query, { rcode = RCODE.NOERROR, ...sections }: Saying): Answer {
  return buildAnswer(query, {
    rcode,
    flags: FLAG.AA,
    source: 'kubernetes',
    live: true,
    answer: (sections.answer ?? []).map(recordOf),
    authority: (sections.authority ?? []).map(recordOf),
    additional: (sections.additional ?? []).map(recordOf),
  });
}

/** Lines of a name's addresses. */
function addresses(count: number, name = 'web.test.'): string[] {
  return Array.from({ length: count }, (_, i) => `${name} 5 IN A 10.0.0.${i + 1}`);
}

class Bench {
  readonly host = testHost();
  readonly handler: Handler;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  saying: Saying = {};
  /** What the weight file holds; none where it is an error. */
  file: string | Error = '';

  constructor(directive: string) {
    const plugin = loadbalanceReading(async (path) => {
      t.equal(path, '/etc/coredns/weights');
      if (this.file instanceof Error) throw this.file;
      return this.file;
    });
    const next = (query: Query): Outcome => say(query, this.saying);
    const { handler, instance } = build(plugin, `. {\n${directive}\n}\n`, { host: this.host, next });
    this.handler = handler;
    this.start = async () => instance.start?.(false);
    this.stop = async () => instance.stop?.();
  }

  /** The records of the reply, each with its section's name. */
  async ask(question = 'web.test. A', asking: Asking = { edns: 4096 }): Promise<string[]> {
    const query = queryFor(question, asking);
    const answer = await this.handler(query);
    const packet = encodeReply(query, answer, { random: this.host.random, now: () => this.host.clock.now() });
    return messageText(parseMessage(packet))
      .split('\n')
      .filter((line) => /^(answer|authority|additional) /.test(line));
  }

  /** The data of the records of the reply. */
  async data(question?: string): Promise<string[]> {
    return (await this.ask(question)).map((line) => line.split(' ').slice(5).join(' '));
  }

  /** How often each address is the first of all, of `total` questions. */
  async firsts(total: number, question?: string): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < total; i++) {
      const [first = ''] = (await this.data(question)).filter((text) => /^[\d.]+$|:/.test(text));
      counts[first] = (counts[first] ?? 0) + 1;
    }
    return counts;
  }
}

t.test('round_robin gives addresses in a new order each time, by the packet alone', async (t) => {
  for (const directive of ['loadbalance', 'loadbalance round_robin']) {
    const bench = new Bench(directive);
    bench.saying = { answer: addresses(4) };
    const counts = await bench.firsts(400);
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']) {
      const count = counts[address] ?? 0;
      t.ok(count > 60 && count < 140, `${address} comes first ${count} times of 400`);
    }
    t.same(
      (await bench.ask()).sort(),
      addresses(4).map((line) => `answer ${line}`),
    );
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) orders.add((await bench.data()).join());
    t.equal(orders.size, 24, 'every order comes');
  }

  const query = queryFor('web.test. A');
  const answer = say(query, { answer: addresses(3) });
  for (const outcome of [answer, Promise.resolve(answer)]) {
    const { handler } = build(loadbalancePlugin, '. {\nloadbalance\n}\n', { next: () => outcome });
    query.shuffle = false;
    const given = handler(query);
    t.equal(given instanceof Promise, outcome instanceof Promise);
    t.equal(await given, answer, 'the answer itself');
    t.ok(query.shuffle);
  }
});

t.test('what stays as it is', async (t) => {
  const twoAddresses = addresses(2);
  const cases: readonly (readonly [name: string, question: string, saying: Saying])[] = [
    ['a single record', 'web.test. A', { answer: addresses(1) }],
    ['no record', 'web.test. A', {}],
    ['a transfer', 'web.test. AXFR', { answer: twoAddresses }],
    ['NXDOMAIN', 'web.test. A', { rcode: RCODE.NXDOMAIN, authority: twoAddresses }],
    ['SERVFAIL', 'web.test. A', { rcode: RCODE.SERVFAIL, answer: twoAddresses }],
  ];
  for (const [name, question, saying] of cases) {
    const query = queryFor(question);
    const answer = say(query, saying);
    const { handler } = build(loadbalancePlugin, '. {\nloadbalance\n}\n', { next: () => answer });
    t.equal(handler(query), answer, name);
    t.notOk(query.shuffle, name);
  }
  const silent = build(loadbalancePlugin, '. {\nloadbalance\n}\n', { next: () => noReply });
  t.equal(silent.handler(queryFor('web.test. A')), noReply);
  const failing = build(loadbalancePlugin, '. {\nloadbalance\n}\n');
  t.throws(() => failing.handler(queryFor('web.test. A')), QueryError);
});

t.test('sections keep to themselves; SRV records keep their order, their addresses do not', async (t) => {
  const bench = new Bench('loadbalance');
  const answer = [1, 2, 3].map((i) => `web.test. 5 IN SRV 0 33 80 p${i}.web.test.`);
  const additional = [1, 2, 3].map((i) => `p${i}.web.test. 5 IN A 10.0.0.${i}`);
  bench.saying = { answer, additional };
  const orders = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const lines = await bench.ask('web.test. SRV');
    t.same(
      lines.slice(0, 3),
      answer.map((line) => `answer ${line}`),
    );
    t.same(
      lines.slice(3).sort(),
      additional.map((line) => `additional ${line}`),
    );
    orders.add(lines.join());
  }
  t.equal(orders.size, 6);
});

t.test('aliases come first, then others, addresses, MX, in every section', async (t) => {
  const bench = new Bench('loadbalance');
  bench.saying = {
    answer: [
      't.test. 5 IN MX 10 m.test.',
      't.test. 5 IN A 10.0.0.1',
      't.test. 5 IN TXT "x"',
      'web.test. 5 IN CNAME s.test.',
      't.test. 5 IN A 10.0.0.2',
      's.test. 5 IN CNAME t.test.',
    ],
    additional: ['ns.test. 5 IN AAAA fd00::1', 'ns.test. 5 IN A 10.0.0.9', 'ns.test. 5 IN TXT "y"'],
  };
  const answers = new Set<string>();
  const additionals = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const lines = await bench.ask();
    t.same(
      lines.map((line) => line.split(' ').slice(0, 5).join(' ')),
      [
        'answer web.test. 5 IN CNAME',
        'answer s.test. 5 IN CNAME',
        'answer t.test. 5 IN TXT',
        'answer t.test. 5 IN A',
        'answer t.test. 5 IN A',
        'answer t.test. 5 IN MX',
        'additional ns.test. 5 IN TXT',
        ...lines.slice(7).map((line) => line.split(' ').slice(0, 5).join(' ')),
      ],
    );
    answers.add(lines.slice(3, 5).join());
    additionals.add(lines.slice(7).join());
  }
  t.equal(answers.size, 2);
  t.equal(additionals.size, 2, 'A and AAAA are shuffled together');

  bench.saying = { answer: ['a.test.', 'b.test.', 'c.test.'].map((host) => `web.test. 5 IN MX 10 ${host}`) };
  const orders = new Set<string>();
  for (let i = 0; i < 60; i++) orders.add((await bench.data('web.test. MX')).join());
  t.equal(orders.size, 6, 'MX records are shuffled');
});

t.test('a rearranged answer is the same answer otherwise', async (t) => {
  const query = queryFor('WEB.test. A');
  const options = Buffer.from('000f0002000f', 'hex');
  const saying = { answer: ['t.test. 5 IN A 10.0.0.1', 'WEB.test. 5 IN CNAME t.test.'] };
  const answer: Answer = { ...say(query, saying), bornMs: 7, options, reason: 'so' };
  const { handler } = build(loadbalancePlugin, '. {\nloadbalance\n}\n', { next: () => answer });
  const { rcode, flags, live, source, reason, minTtl } = answer;
  t.match(handler(query), { rcode, flags, live, source, reason, minTtl, bornMs: 7, options });
});

t.test('prefer', async (t) => {
  const bench = new Bench('loadbalance round_robin {\nprefer 10.2.0.0/16 fd00::/8\nprefer 10.3.0.0/16\n}');
  bench.saying = {
    answer: [
      'web.test. 5 IN CNAME t.test.',
      't.test. 5 IN TXT "x"',
      't.test. 5 IN A 10.9.0.1',
      't.test. 5 IN A 10.3.0.1',
      't.test. 5 IN A 10.2.0.1',
      't.test. 5 IN A 10.2.0.2',
      't.test. 5 IN MX 10 m.test.',
      't.test. 5 IN AAAA fd00::1',
      't.test. 5 IN AAAA 2001:db8::1',
    ],
    additional: ['x.test. 5 IN A 10.9.0.1', 'x.test. 5 IN A 10.3.0.1'],
  };
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const data = await bench.data();
    seen.add(data.join(' '));
    t.equal(data[0], 't.test.');
    t.same(data.slice(1, 3).sort(), ['10.2.0.1', '10.2.0.2']);
    t.same(data.slice(3, 5), ['fd00::1', '10.3.0.1']);
    t.same(data.slice(5, 7).sort(), ['10.9.0.1', '2001:db8::1']);
    t.same(data.slice(7), ['10 m.test.', '"x"', '10.3.0.1', '10.9.0.1']);
  }
  t.equal(seen.size, 4, 'shuffled within a range');
});

t.test('weighted', async (t) => {
  const bench = new Bench('loadbalance weighted weights');
  bench.file = '# first choice\nWEB.test\n10.0.0.1 3\n\n10.0.0.2 6\n10.0.0.2 9\nother.test.\n10.0.0.3 200\n';
  await bench.start();
  t.same(bench.host.log.lines, ['[INFO] plugin/loadbalance: Successfully reloaded weight file /etc/coredns/weights']);
  bench.saying = { answer: ['web.test. 5 IN CNAME web.test.', ...addresses(3)] };
  const counts = await bench.firsts(1000);
  for (const [address, weight] of [
    ['10.0.0.1', 3],
    ['10.0.0.2', 6],
    ['10.0.0.3', 1],
  ] as const) {
    const count = counts[address] ?? 0;
    t.ok(Math.abs(count - weight * 100) < 60, `${address} comes first ${count} times of 1000`);
  }
  t.same((await bench.data()).slice(1).sort(), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);

  const answer = [1, 2].map((i) => `srv.test. 5 IN SRV 0 33 80 p${i}.web.test.`);
  const additional = [...addresses(2), 'p3.web.test. 5 IN TXT "x"'];
  bench.saying = { answer, additional };
  t.ok(((await bench.firsts(60, 'srv.test. SRV'))['10.0.0.1'] ?? 0) > 5);
  t.same((await bench.data('srv.test. SRV')).slice(0, 3), ['0 33 80 p1.web.test.', '0 33 80 p2.web.test.', '"x"']);
  t.same(await bench.data('srv.test. TXT'), [
    '0 33 80 p1.web.test.',
    '0 33 80 p2.web.test.',
    '10.0.0.1',
    '10.0.0.2',
    '"x"',
  ]);
});

t.test('weighted, and then prefer', async (t) => {
  const bench = new Bench('loadbalance weighted weights {\nprefer 10.0.0.3/32\n}');
  bench.file = 'web.test\n10.0.0.1 255';
  await bench.start();
  bench.saying = { answer: addresses(3) };
  t.same(Object.keys(await bench.firsts(20)), ['10.0.0.3']);
  t.same((await bench.data('web.test. TXT'))[0], '10.0.0.3');
});

t.test('the weight file over time', async (t) => {
  const bench = new Bench('loadbalance weighted weights {\nreload 10s\n}');
  const log = async (): Promise<string[]> => {
    await bench.host.clock.advance(10_000);
    await settled();
    return bench.host.log.lines.splice(0);
  };
  const only = async (): Promise<string[]> => Object.keys(await bench.firsts(300)).sort();
  bench.saying = { answer: addresses(2) };
  bench.file = new Error(`ENOENT: no such file or directory, open '/etc/coredns/weights'`);
  await bench.start();
  t.same(bench.host.log.lines.splice(0), [
    `[WARNING] plugin/loadbalance: Failed to open weight file:weight file open error: ENOENT: no such file or directory, ` +
      `open '/etc/coredns/weights'. Will try again in 10s`,
  ]);
  t.same(await only(), ['10.0.0.1', '10.0.0.2']);
  const success = ['[INFO] plugin/loadbalance: Successfully reloaded weight file /etc/coredns/weights'];
  bench.file = 'web.test\n10.0.0.1 255\n10.0.0.2 1';
  t.same(await log(), success);
  const counts = await bench.firsts(200);
  t.ok((counts['10.0.0.1'] ?? 0) > 190);
  t.same(await log(), [], 'not changed');
  bench.file = 'web.test\n10.0.0.1 999';
  t.same(await log(), ['[ERROR] plugin/loadbalance: wrong weight value:"999" in weight file /etc/coredns/weights']);
  t.same(await log(), [], 'told once');
  t.ok(((await bench.firsts(200))['10.0.0.1'] ?? 0) > 190, 'the last weights stay');
  bench.file = new Error('EACCES: permission denied');
  t.same(await log(), ['[ERROR] plugin/loadbalance: weight file open error: EACCES: permission denied']);
  await bench.stop();
  t.equal(bench.host.clock.pending, 0);
});

t.test('weight files that are refused at the start', async (t) => {
  const at = 'in weight file /etc/coredns/weights';
  const cases: readonly (readonly [text: string, message: string])[] = [
    ['10.0.0.1', `wrong domain name:"10.0.0.1" ${at}. (Maybe a missing weight value?)`],
    ['web.test\nfoo 1', `wrong IP address:"foo" ${at}`],
    ['web.test\n10.0.0.1 0', `wrong weight value:"0" ${at}`],
    ['web.test\n10.0.0.1 256', `wrong weight value:"256" ${at}`],
    ['web.test\n10.0.0.1 x', `wrong weight value:"x" ${at}`],
    ['10.0.0.1 1', `missing domain name ${at}`],
    ['web.test a b', `could not parse weight line:"web.test a b" ${at}`],
  ];
  for (const [text, message] of cases) {
    const bench = new Bench('loadbalance weighted weights');
    bench.file = text;
    await t.rejects(bench.start(), { message: `plugin/loadbalance: ${message}` });
  }
  const bench = new Bench('loadbalance weighted weights {\nreload 0\n}');
  bench.file = new Error('ENOENT');
  await t.rejects(bench.start(), { message: 'plugin/loadbalance: weight file open error: ENOENT' });
  await bench.stop();
  t.equal(bench.host.clock.pending, 0);
});

t.test('what it refuses in a Corefile', async (t) => {
  const place = (line: number, text: string): string => `Corefile:${line} - plugin/loadbalance: ${text}`;
  const parse = (line: number, text: string): string => place(line, `Error during parsing: ${text}`);
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    ['loadbalance foo', place(2, 'unknown policy: foo')],
    ['loadbalance round_robin x', parse(2, 'unknown property for round_robin')],
    ['loadbalance weighted', parse(2, 'missing weight file argument')],
    ['loadbalance weighted a b', parse(2, 'unexpected argument(s)')],
    ['loadbalance {\nfoo\n}', parse(3, `unknown property 'foo'`)],
    ['loadbalance {\nreload 1s\n}', parse(3, `unknown property 'reload'`)],
    ['loadbalance weighted a {\nreload\n}', parse(3, 'reload duration value is missing')],
    ['loadbalance weighted a {\nreload x\n}', parse(3, `invalid reload duration 'x'`)],
    ['loadbalance weighted a {\nreload -1s\n}', parse(3, `invalid reload duration '-1s'`)],
    ['loadbalance weighted a {\nreload 1s 2s\n}', parse(3, 'unexpected argument')],
    ['loadbalance {\nprefer 10.0.0.0\n}', parse(3, 'invalid CIDR "10.0.0.0": invalid CIDR address: 10.0.0.0')],
    ['loadbalance {\nprefer 10.0.0.0/33\n}', parse(3, 'invalid CIDR "10.0.0.0/33": invalid CIDR address: 10.0.0.0/33')],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(loadbalancePlugin, `. {\n${directive}\n}\n`), [mistake]);
});
