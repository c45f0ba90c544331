import t from 'tap';
import { emptyAnswer, noReply, type Answer } from '../../src/core/answer.ts';
import { buildAnswer, type AnswerHead } from '../../src/core/encode.ts';
import { type Handler, QueryError } from '../../src/core/handler.ts';
import { FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { addressRecord, nameRecord, soaRecord } from '../../src/dns/record.ts';
import { errorsPlugin } from '../../src/plugins/errors/index.ts';
import { logPlugin } from '../../src/plugins/log/index.ts';
import { ask, type Asking, queryFor } from '../support/ask.ts';
import { build, mistakesOf, testHost } from '../support/env.ts';

const soa = soaRecord('example.org.', 30, {
  mname: 'ns.example.org.',
  rname: 'root.example.org.',
  serial: 1,
  refresh: 7200,
  retry: 1800,
  expire: 86400,
  minimum: 30,
});

function answering(head: Partial<AnswerHead>): Handler {
  return (query) => buildAnswer(query, { rcode: RCODE.NOERROR, flags: 0, source: 'test', ...head });
}

const address: Handler = (query) =>
  buildAnswer(query, {
    rcode: RCODE.NOERROR,
    flags: FLAG.AA,
    source: 'test',
    answer: [addressRecord(query.text, 30, '10.96.0.1')],
  });
const nameError = answering({ rcode: RCODE.NXDOMAIN, authority: [soa] });
const noData = answering({ authority: [soa] });

function throwing(message: string, rcode: number = RCODE.SERVFAIL): Handler {
  return () => {
    throw new QueryError(rcode, message);
  };
}

function rejecting(message: string): Handler {
  return () => Promise.reject(new QueryError(RCODE.SERVFAIL, message));
}

t.test('errors: what it refuses in a Corefile', async (t) => {
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    [
      'errors\nerrors',
      'Corefile:3 - plugin/errors: this plugin can only be used once per Server Block; the first is on line 2',
    ],
    ['errors stderr', 'Corefile:2 - plugin/errors: Error during parsing: invalid log file: stderr'],
    [
      'errors stdout b',
      `Corefile:2 - plugin/errors: Error during parsing: Wrong argument count or unexpected line ending after 'b'`,
    ],
    [
      'errors {\nfoo\n}',
      `Corefile:3 - plugin/errors: Syntax error: Unexpected token 'foo', expecting 'Unknown field foo'`,
    ],
    [
      'errors {\nconsolidate 5m\n}',
      `Corefile:3 - plugin/errors: Error during parsing: Wrong argument count or unexpected line ending after '5m'`,
    ],
    [
      'errors {\nconsolidate 5 a\n}',
      `Corefile:3 - plugin/errors: Error during parsing: time: missing unit in duration "5"`,
    ],
    [
      'errors {\nconsolidate 5m a loud\n}',
      'Corefile:3 - plugin/errors: Error during parsing: unknown option in consolidate: loud',
    ],
    [
      'errors {\nconsolidate 5m a info error\n}',
      'Corefile:3 - plugin/errors: Error during parsing: multiple log levels specified in consolidate',
    ],
    [
      'errors {\nconsolidate 5m a show_first info\n}',
      'Corefile:3 - plugin/errors: Error during parsing: log level must come before show_first in consolidate',
    ],
    [
      'errors {\nconsolidate 5m a(\n}',
      'Corefile:3 - plugin/errors: Error during parsing: error parsing regexp: missing closing ): `a(`',
    ],
    [
      'errors {\nconsolidate 5m (?=a)\n}',
      'Corefile:3 - plugin/errors: Error during parsing: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
    ],
    [
      `errors {\nconsolidate 5m ${'a'.repeat(10_001)}\n}`,
      'Corefile:3 - plugin/errors: Error during parsing: regex pattern too long: 10001 > 10000',
    ],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(errorsPlugin, `. {\n${directive}\n}\n`), [mistake]);
});

t.test('errors: one line for each error, and an answer with its rcode', async (t) => {
  const cases: readonly (readonly [question: string, next: Handler, answer: string, line: string])[] = [
    ['Slow.example.org. A', throwing('i/o timeout'), 'SERVFAIL', '2 slow.example.org. A: i/o timeout'],
    ['slow.example.org. TYPE65280', rejecting('i/o timeout'), 'SERVFAIL', '2 slow.example.org. TYPE65280: i/o timeout'],
    [
      '. NS',
      throwing('concurrent queries exceeded maximum 1000', RCODE.REFUSED),
      'REFUSED',
      '5 . NS: concurrent queries exceeded maximum 1000',
    ],
  ];
  for (const [question, next, answer, line] of cases) {
    const host = testHost();
    const { handler } = build(errorsPlugin, '. {\nerrors\n}\n', { host, next });
    t.equal(await ask(handler, question), answer);
    t.same(host.output, [`[ERROR] plugin/errors: ${line}`]);
  }
});

t.test('errors: an answer passes as it is, whatever its rcode', async (t) => {
  const host = testHost();
  for (const next of [address, nameError, answering({ rcode: RCODE.SERVFAIL }), async () => noReply]) {
    const { handler } = build(errorsPlugin, '. {\nerrors stdout\n}\n', { host, next });
    const query = queryFor('example.org. A');
    t.same(await handler(query), await next(query));
  }
  t.same(host.output, []);
});

t.test('errors: a defect passes, and tells its place in the program where that is asked for', async (t) => {
  const defects: readonly Handler[] = [
    () => {
      throw new TypeError('x is not a function');
    },
    () => Promise.reject(new TypeError('x is not a function')),
  ];
  for (const next of defects) {
    const host = testHost();
    await t.rejects(ask(build(errorsPlugin, '. {\nerrors\n}\n', { host, next }).handler, 'a.test. A'), TypeError);
    t.same(host.output, []);
    const { handler } = build(errorsPlugin, '. {\nerrors {\nstacktrace\n}\n}\n', { host, next });
    await t.rejects(ask(handler, 'a.test. A'), TypeError);
    t.match(host.output, [
      /^\[ERROR\] plugin\/errors: 2 a\.test\. A: TypeError: x is not a function\n {4}at .*errors-log/s,
    ]);
  }
});

/** What `errors` prints: each error of `script` by its text, each number a pause in seconds, `stop` the end of the server. */
async function consolidated(rules: string, script: readonly (string | number)[]): Promise<string[]> {
  const host = testHost();
  host.log.setDebug(true);
  let message = '';
  const next: Handler = (query) => throwing(message)(query);
  const { handler, instance } = build(errorsPlugin, `. {\nerrors {\n${rules}\n}\n}\n`, { host, next });
  for (const step of script) {
    if (typeof step === 'number') await host.clock.advance(step * 1000);
    else if (step === 'stop') await instance.stop?.();
    else {
      message = step;
      await ask(handler, 'a.test. A');
    }
  }
  return host.output.map((line) => line.replace('plugin/errors: ', ''));
}

t.test('errors: consolidate counts from the first error on and tells at the end of the period', async (t) => {
  const timeouts = 'consolidate 5m ".* i/o timeout$"';
  t.same(await consolidated(timeouts, ['x i/o timeout', 200, 'y i/o timeout', 99, 'z i/o timeout', 1]), [
    `[ERROR] 3 errors like '.* i/o timeout$' occurred in last 5m0s`,
  ]);
  t.same(await consolidated(timeouts, ['x i/o timeout', 300, 'y i/o timeout', 299, 'other', 1]), [
    `[ERROR] 1 errors like '.* i/o timeout$' occurred in last 5m0s`,
    '[ERROR] 2 a.test. A: other',
    `[ERROR] 1 errors like '.* i/o timeout$' occurred in last 5m0s`,
  ]);
  t.same(await consolidated(timeouts, ['x i/o timeout', 'x i/o timeout', 'stop', 'stop', 300]), [
    `[ERROR] 2 errors like '.* i/o timeout$' occurred in last 5m0s`,
  ]);
  t.same(await consolidated(timeouts, [300, 'stop']), []);
});

t.test('errors: the first rule that matches applies, at its level', async (t) => {
  t.same(
    await consolidated('consolidate 1m (?i)TIMEOUT warning\nconsolidate 30s time info\nconsolidate 1s debug debug', [
      'a timeout',
      'time is up',
      'time is up',
      'some debug',
      60,
    ]),
    [
      `[DEBUG] 1 errors like 'debug' occurred in last 1s`,
      `[INFO] 2 errors like 'time' occurred in last 30s`,
      `[WARNING] 1 errors like '(?i)TIMEOUT' occurred in last 1m0s`,
    ],
  );
});

t.test('errors: show_first logs the first, and the number if there were more', async (t) => {
  t.same(await consolidated('consolidate 1m up warning show_first', ['up', 60, 'up', 'up', 'up', 60, 'up', 'stop']), [
    '[WARNING] 2 a.test. A: up',
    '[WARNING] 2 a.test. A: up',
    `[WARNING] 3 errors like 'up' occurred in last 1m0s`,
    '[WARNING] 2 a.test. A: up',
  ]);
});

t.test('log: what it refuses in a Corefile, and what it doubts', async (t) => {
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    ['log . {\nclass foo\n}', 'Corefile:3 - plugin/log: invalid Class: foo; write all, success, denial or error'],
    ['log . {\nfoo\n}', `Corefile:3 - plugin/log: Error during parsing: unknown property 'foo'`],
    [
      'log . {\nclass\n}',
      `Corefile:3 - plugin/log: Error during parsing: Wrong argument count or unexpected line ending after 'class'`,
    ],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(logPlugin, `. {\n${directive}\n}\n`), [mistake]);
  const doubts: readonly (readonly [directive: string, ...warnings: string[]])[] = [
    ['log'],
    ['log ""'],
    ['log . "{remote} {name}"'],
    [
      'log a..b c.test',
      `Corefile:2 - plugin/log: 'a..b' is not a valid domain name and is ignored: empty label in a..b.`,
    ],
    [
      'log {combined}',
      `Corefile:2 - plugin/log: '{combined}' is taken for a name; a format comes after one: log . {combined}`,
    ],
  ];
  for (const [directive, ...warnings] of doubts) t.same(build(logPlugin, `. {\n${directive}\n}\n`).warnings, warnings);
});

interface Printing {
  readonly next?: Handler;
  readonly asking?: Asking;
  /** How long the answer takes. */
  readonly ms?: number;
  readonly logFormat?: 'text' | 'json';
}

/** What `log` prints for one question. */
async function printed(directives: string, question: string, printing: Printing = {}): Promise<string[]> {
  const { next = address, asking = {}, ms = 0, logFormat = 'text' } = printing;
  const host = testHost({ logFormat });
  const slow: Handler = async (query) => {
    await host.clock.advance(ms);
    return next(query);
  };
  const { handler } = build(logPlugin, `. {\n${directives}\n}\n`, { host, next: ms === 0 ? next : slow });
  await ask(handler, question, asking).catch((error: unknown) => {
    if (!(error instanceof QueryError)) throw error;
  });
  return host.output;
}

t.test('log: the common format, line by line', async (t) => {
  const cases: readonly (readonly [question: string, printing: Printing, line: string])[] = [
    [
      'kubernetes.default.svc.cluster.local. A',
      { ms: 0.075833, asking: { id: 27557, peer: { port: 57452 } } },
      '127.0.0.1:57452 - 27557 "A IN kubernetes.default.svc.cluster.local. udp 54 false 512" NOERROR qr,aa,rd 106 0.000075833s',
    ],
    [
      'WWW.example.org. AAAA',
      {
        ms: 2500,
        next: answering({ flags: FLAG.RA | FLAG.AD | FLAG.TC }),
        asking: { flags: 0, edns: 4096, dnssecOk: true, peer: { address: 'fd00::9', family: 6 } },
      },
      '[fd00::9]:40212 - 4711 "AAAA IN www.example.org. udp 44 true 4096" NOERROR qr,tc,ra,ad 33 2.5s',
    ],
    [
      'nope.example.org. TYPE65280 CLASS7',
      { next: nameError, asking: { flags: FLAG.RD | FLAG.CD, edns: 100, peer: { transport: 'tcp' } } },
      '127.0.0.1:40212 - 4711 "TYPE65280 CLASS7 nope.example.org. tcp 45 false 65535" NXDOMAIN qr,rd,cd 111 0s',
    ],
    [
      'small.example.org. A',
      { next: throwing('no'), asking: { edns: 100 } },
      '127.0.0.1:40212 - 4711 "A IN small.example.org. udp 46 false 512" SERVFAIL qr,rd 35 0s',
    ],
    [
      'a.test. A',
      { next: rejecting('no'), asking: { opcode: 4 } },
      '127.0.0.1:40212 - 4711 "A IN a.test. udp 24 false 512" SERVFAIL qr 24 0s',
    ],
    ['a.test. A', { next: () => noReply }, '127.0.0.1:40212 - 4711 "A IN a.test. udp 24 false 512" - - 0 0s'],
    [
      'a.test. A',
      { next: () => emptyAnswer(12, '') },
      '127.0.0.1:40212 - 4711 "A IN a.test. udp 24 false 512" 12 qr,rd 24 0s',
    ],
  ];
  for (const [question, printing, line] of cases) t.same(await printed('log', question, printing), [`[INFO] ${line}`]);
});

t.test('log: formats', async (t) => {
  const cases: readonly (readonly [format: string, line: string])[] = [
    ['{combined}', '127.0.0.1:40212 - 4711 "A IN a.test. udp 24 false 512" NOERROR qr,aa,rd 46 0s "0"'],
    ['<{common}>', '<127.0.0.1:40212 - 4711 "A IN a.test. udp 24 false 512" NOERROR qr,aa,rd 46 0s>'],
    ['{local} {type}{class}', '[::1] AIN'],
    ['{/kubernetes/client-namespace} {name}', '- a.test.'],
    ['X{bogus} { {name} } }{', 'X{bogus} { a.test. } }{'],
    ['{>bogus} {NAME} {}', '{>bogus} {NAME} {}'],
  ];
  for (const [format, line] of cases) {
    const asking: Asking = { peer: { localAddress: '::1' } };
    t.same(await printed(`log . "${format}"`, 'a.test. A', { asking }), [`[INFO] ${line}`], format);
  }
});

t.test('log: the first rule whose name covers the query applies, and no other', async (t) => {
  const rules = [
    'log example.org. "1 {name}"',
    'log a.test B.test "2 {name}"',
    'log deep.a.test "3 {name}"',
    'log c.test "4 {name}" {\nclass error\n}',
    'log sub.c.test c.test "5 {name}"',
  ].join('\n');
  const cases: readonly (readonly [name: string, ...lines: string[]])[] = [
    ['www.example.org.', '[INFO] 1 www.example.org.'],
    ['notexample.org.'],
    ['deep.a.test.', '[INFO] 2 deep.a.test.'],
    ['x.b.TEST.', '[INFO] 2 x.b.test.'],
    ['sub.c.test.'],
  ];
  for (const [name, ...lines] of cases) t.same(await printed(rules, `${name} A`), lines, name);
});

t.test('log: classes', async (t) => {
  const denial: Handler = answering({ rcode: RCODE.NXDOMAIN });
  const delegation = answering({ authority: [nameRecord('example.org.', TYPE.NS, 30, 'ns.example.org.')] });
  const alias = answering({ answer: [nameRecord('a.test.', TYPE.CNAME, 30, 'b.test.')], authority: [soa] });
  const cases: readonly (readonly [what: string, next: Handler, expected: string, asking?: Asking])[] = [
    ['a.test. A', address, 'success'],
    ['a.test. A', alias, 'success'],
    ['a.test. A', delegation, 'success'],
    ['a.test. A', answering({}), 'success'],
    ['a.test. A', nameError, 'denial'],
    ['a.test. A', denial, 'denial'],
    ['a.test. A', noData, 'denial'],
    [
      'a.test. A',
      answering({ rcode: RCODE.NXDOMAIN, answer: [nameRecord('a.test.', TYPE.CNAME, 30, 'b.test.')] }),
      'error',
    ],
    ['a.test. A', answering({ rcode: RCODE.REFUSED, authority: [soa] }), 'error'],
    ['a.test. A', throwing('no'), 'error'],
    ['a.test. A', rejecting('no'), 'error'],
    ['a.test. A', () => noReply, 'error'],
    ['a.test. AXFR', address, 'error'],
    ['a.test. SOA', address, 'error', { opcode: 4 }],
  ];
  for (const [question, next, expected, asking = {}] of cases) {
    const found: string[] = [];
    for (const name of ['success', 'denial', 'error', 'all', 'denial all', 'success denial']) {
      const lines = await printed(`log . "{name}" {\nclass ${name}\n}`, question, { next, asking });
      if (lines.length > 0) found.push(name);
    }
    const both = expected === 'error' ? [] : ['success denial'];
    t.same(found, [expected, 'all', 'denial all', ...both], question);
  }
});

t.test('log: a JSON record has the fields apart, and the line as its message', async (t) => {
  const [line = ''] = await printed('log . "{name} {rcode}"', 'Say\\"it.example.org. HTTPS', {
    logFormat: 'json',
    ms: 1.25,
    asking: { edns: 1232, dnssecOk: true, peer: { address: 'fd00::9', family: 6 } },
  });
  const expected = {
    time: '2026-01-01T00:00:00.001Z',
    level: 'info',
    msg: 'say\\"it.example.org. NOERROR',
    plugin: 'log',
    client_ip: 'fd00::9',
    client_port: 40212,
    qname: 'say\\"it.example.org.',
    qtype: 'HTTPS',
    qclass: 'IN',
    protocol: 'udp',
    id: 4711,
    opcode: 0,
    request_size: 47,
    dnssec_ok: true,
    bufsize: 1232,
    rcode: 'NOERROR',
    response_size: 70,
    duration_seconds: 0.00125,
  };
  t.same(JSON.parse(line), expected);
  t.same(Object.keys(JSON.parse(line)), Object.keys(expected));
  const [silence = ''] = await printed('log', 'a.test. A', { logFormat: 'json', next: () => noReply });
  t.match(JSON.parse(silence), { rcode: null, response_size: 0 });
});

t.test('the line of a query comes before the line of its error, and the answer is that of errors', async (t) => {
  for (const next of [throwing('i/o timeout'), rejecting('i/o timeout')]) {
    const host = testHost();
    const log = build(logPlugin, '. {\nlog . "{name} {rcode}"\n}\n', { host, next });
    const { handler } = build(errorsPlugin, '. {\nerrors\n}\n', { host, next: log.handler });
    t.equal(await ask(handler, 'a.test. A'), 'SERVFAIL');
    t.same(host.output, ['[INFO] a.test. SERVFAIL', '[ERROR] plugin/errors: 2 a.test. A: i/o timeout']);
  }
});

t.test('an answer that is there at once comes back at once, and is the same', async (t) => {
  const ready: Answer = emptyAnswer(RCODE.NOERROR, 'test');
  const next: Handler = () => ready;
  for (const [plugin, text] of [
    [errorsPlugin, 'errors'],
    [logPlugin, 'log'],
    [logPlugin, 'log . {\nclass error\n}'],
    [logPlugin, 'log other.test'],
  ] as const) {
    const { handler } = build(plugin, `. {\n${text}\n}\n`, { next });
    t.equal(handler(queryFor('a.test. A')), ready, text);
  }
});
