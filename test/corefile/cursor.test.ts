import t from 'tap';
import {
  readEach,
  readOnce,
  type DirectiveCursor,
  type LineCursor,
  type PluginBlock,
} from '../../src/corefile/cursor.ts';
import {
  formatGoDuration,
  parseGoDuration,
  parseGoFloat,
  parseGoInteger,
  parseGoUnsigned,
  parseHostPort,
} from '../../src/corefile/go-values.ts';
import { explainDirective, optionAdvice, REFERENCE_PLUGINS } from '../../src/corefile/known.ts';
import { lex } from '../../src/corefile/lexer.ts';
import { CorefileError, mistakeText, type Mistake } from '../../src/corefile/mistake.ts';
import { nearest } from '../../src/corefile/nearest.ts';
import { parse, type Directive } from '../../src/corefile/parser.ts';

function directives(text: string): readonly Directive[] {
  const { blocks, errors } = parse(lex(`. {\n${text}\n}\n`, 'Corefile'));
  t.strictSame(errors, [], 'the test text has the right structure');
  return blocks[0]?.directives ?? [];
}

/** What a plugin would say of the lines `text`, which begin on line 2. */
function mistakes(text: string, read: (directive: DirectiveCursor) => void, reader = readEach): string[] {
  const block: PluginBlock = { zones: ['example.org.'], warn: () => {} };
  try {
    reader(directives(text), block, read);
    return [];
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    t.equal(error.message, error.mistakes.map(mistakeText).join('\n'), 'the error tells all');
    return error.mistakes.map(mistakeText);
  }
}

t.test('one word after the other', async (t) => {
  const block: PluginBlock = { zones: [], warn: () => {} };
  readEach(directives('forward . 192.0.2.1 5s -3 7 0.5 [::1]:53 x y'), block, (line) => {
    t.strictSame([line.name, line.left, line.peek(), line.arg()], ['forward', 9, '.', '.']);
    t.equal(line.optionalArg(), '192.0.2.1');
    t.strictSame([line.duration(), line.integer(), line.unsigned(), line.float()], [5000, -3, 7, 0.5]);
    t.strictSame(line.hostPort(), { host: '::1', port: 53 });
    t.strictSame(line.args(1, 2), ['x', 'y']);
    t.strictSame([line.left, line.peek(), line.optionalArg(), line.args()], [0, undefined, undefined, []]);
  });
});

t.test('zones', async (t) => {
  const warnings: Mistake[] = [];
  const block: PluginBlock = { zones: ['example.org.'], warn: (warning) => warnings.push(warning) };
  const found: (readonly string[])[] = [];
  readEach(
    directives('p\np Cluster.Local 10.0.0.0/23 a..b\np {\nfallthrough\nfallthrough ip6.arpa\n}'),
    block,
    (line) => {
      found.push(line.zones());
      line.options({ fallthrough: (option) => void found.push(option.zones(['.'])) });
    },
  );
  t.strictSame(found, [
    ['example.org.'],
    ['cluster.local.', '0.0.10.in-addr.arpa.', '1.0.10.in-addr.arpa.'],
    ['example.org.'],
    ['.'],
    ['ip6.arpa.'],
  ]);
  t.strictSame(warnings.map(mistakeText), [`Corefile:3 - plugin/p: 'a..b' is not a valid domain name and is ignored`]);
});

t.test('words that do not fit', async (t) => {
  const count = 'Error during parsing: Wrong argument count or unexpected line ending after';
  const table: readonly (readonly [line: string, read: (line: LineCursor) => unknown, expected: string])[] = [
    ['p', (line) => line.arg(), `${count} 'p'`],
    ['p a', (line) => [line.arg(), line.arg()], `${count} 'a'`],
    ['p a b', () => {}, `${count} 'a'`],
    ['p a b', (line) => line.arg(), `${count} 'b'`],
    ['p a b c', (line) => line.args(0, 2), `${count} 'c'`],
    ['p a', (line) => line.args(2), `${count} 'a'`],
    ['p', (line) => line.duration(), `${count} 'p'`],
    ['p 5', (line) => line.duration(), `time: missing unit in duration "5"`],
    ['p x', (line) => line.integer(), `strconv.Atoi: parsing "x": invalid syntax`],
    ['p -1', (line) => line.unsigned(), `strconv.ParseUint: parsing "-1": invalid syntax`],
    ['p x', (line) => line.float(), `strconv.ParseFloat: parsing "x": invalid syntax`],
    ['p foo', (line) => line.hostPort(), 'address foo: missing port in address'],
    [
      'p x',
      (line) => line.float((problem, word) => line.parseError(`invalid qps "${word}": ${problem}`)),
      `Error during parsing: invalid qps "x": strconv.ParseFloat: parsing "x": invalid syntax`,
    ],
    ['p {\n}', () => {}, `Error during parsing: Unexpected token '{', expecting argument; 'p' has no block`],
  ];
  for (const [line, read, expected] of table) {
    t.strictSame(
      mistakes(line, (cursor) => void read(cursor)),
      [`Corefile:2 - plugin/p: ${expected}`],
      line,
    );
  }
  t.strictSame(
    mistakes('p 1 2 3', (line) => [line.integer(), line.ignoreRest()]),
    [],
    'words that mean nothing',
  );
});

t.test('options', async (t) => {
  const lines: string[] = [];
  const read = (line: DirectiveCursor): void => {
    line.options({
      lameduck: (option) => lines.push(`lameduck ${option.duration()}`),
      ttl: (option) => {
        if (option.integer() > 3600) throw option.parseError('ttl must be in range [0, 3600]');
      },
      field: (option) => {
        throw option.syntaxError(`Unknown field ${option.arg()}`);
      },
    });
    lines.push('after');
  };
  t.strictSame(mistakes('health {\nlameduck 5s\nttl 30\n}', read), []);
  t.strictSame(lines, ['lameduck 5000', 'after']);
  lines.length = 0;
  const many = `health {
    lameduk 5s
    ttl 3601
    ttl 1 2
    upstream
    toString
    lameduck 1s
    field x
  }
  health {
    lameduck foo
  }`;
  t.strictSame(mistakes(many, read), [
    `Corefile:3 - plugin/health: Error during parsing: unknown property 'lameduk'; did you mean 'lameduck'?`,
    `Corefile:4 - plugin/health: Error during parsing: ttl must be in range [0, 3600]`,
    `Corefile:5 - plugin/health: Error during parsing: Wrong argument count or unexpected line ending after '2'`,
    `Corefile:6 - plugin/health: Error during parsing: unknown property 'upstream'; CoreDNS removed it and needs none to follow a CNAME; delete the line`,
    `Corefile:7 - plugin/health: Error during parsing: unknown property 'toString'`,
    `Corefile:9 - plugin/health: Syntax error: Unexpected token 'x', expecting 'Unknown field x'`,
    `Corefile:12 - plugin/health: time: invalid duration "foo"`,
  ]);
  t.strictSame(lines, ['lameduck 1000'], 'what follows the options is left out after a mistake in them');

  const inline: string[][] = [];
  const hosts = (line: DirectiveCursor): void =>
    line.options({ ttl: (option) => option.integer() }, (option) => inline.push([option.name, ...option.args()]));
  t.strictSame(mistakes('hosts {\n192.0.2.1 a b\nttl 5\n}', hosts), []);
  t.strictSame(inline, [['192.0.2.1', 'a', 'b']], 'lines of any name');

  const whole = (line: DirectiveCursor): void => {
    t.strictSame(
      line.lines().flatMap((option) => [option.name, ...option.args()]),
      ['name', 'a', 'b', 'answer', 'auto'],
    );
  };
  t.strictSame(mistakes('rewrite {\nname a b\nanswer auto\n}', whole), [], 'a block read as one');
});

t.test('mistakes of a directive and of its options are told together', async (t) => {
  const read = (line: DirectiveCursor): void => {
    line.attempt(() => {
      const ttl = line.integer();
      if (ttl <= 0) throw line.error(`cache TTL can not be zero or negative: ${ttl}`);
    });
    line.options({ servfail: (option) => option.duration() });
  };
  t.strictSame(mistakes('cache 0 {\nservfail x\n}', read), [
    'Corefile:2 - plugin/cache: cache TTL can not be zero or negative: 0',
    'Corefile:3 - plugin/cache: time: invalid duration "x"',
  ]);
  t.strictSame(
    mistakes('cache x', (line) => line.attempt(() => line.integer())),
    ['Corefile:2 - plugin/cache: strconv.Atoi: parsing "x": invalid syntax'],
  );
  t.throws(
    () =>
      mistakes('cache', (line) =>
        line.attempt(() => {
          throw new TypeError('a fault of ours');
        }),
      ),
    TypeError,
  );
});

t.test('once per block', async (t) => {
  const seen: string[] = [];
  const read = (line: DirectiveCursor): void => void seen.push(line.arg());
  t.strictSame(mistakes('errors a', read, readOnce), []);
  t.strictSame(mistakes('', read, readOnce), []);
  t.strictSame(mistakes('errors\nerrors b\nerrors c', read, readOnce), [
    `Corefile:2 - plugin/errors: Error during parsing: Wrong argument count or unexpected line ending after 'errors'`,
    'Corefile:3 - plugin/errors: this plugin can only be used once per Server Block; the first is on line 2',
    'Corefile:4 - plugin/errors: this plugin can only be used once per Server Block; the first is on line 2',
  ]);
  t.strictSame(seen, ['a']);
});

t.test('durations', async (t) => {
  const table: readonly (readonly [text: string, ms: number, printed: string])[] = [
    ['0', 0, '0s'],
    ['+0', 0, '0s'],
    ['30s', 30_000, '30s'],
    ['1m30s', 90_000, '1m30s'],
    ['30h', 108_000_000, '30h0m0s'],
    ['5m', 300_000, '5m0s'],
    ['0.5s', 500, '500ms'],
    ['.5s', 500, '500ms'],
    ['1.s', 1000, '1s'],
    ['1.5s', 1500, '1.5s'],
    ['100ms', 100, '100ms'],
    ['-1s', -1000, '-1s'],
    ['1us', 0.001, '1\u{b5}s'],
    ['1\u{b5}s', 0.001, '1\u{b5}s'],
    ['1\u{3bc}s', 0.001, '1\u{b5}s'],
    ['1500ns', 0.0015, '1.5\u{b5}s'],
    ['7ns', 0.000_007, '7ns'],
    ['1h1m1.001s', 3_661_001, '1h1m1.001s'],
    ['5.001s', 5001, '5.001s'],
  ];
  for (const [text, ms, printed] of table) {
    t.equal(parseGoDuration(text), ms, text);
    t.equal(formatGoDuration(ms), printed, printed);
  }
  const wrong: readonly (readonly [text: string, error: string])[] = [
    ['', 'time: invalid duration ""'],
    ['-', 'time: invalid duration "-"'],
    ['foo', 'time: invalid duration "foo"'],
    ['.s', 'time: invalid duration ".s"'],
    ['1s.', 'time: invalid duration "1s."'],
    ['5', 'time: missing unit in duration "5"'],
    ['1.5.5s', 'time: missing unit in duration "1.5.5s"'],
    ['5d', 'time: unknown unit "d" in duration "5d"'],
    ['1constructor', 'time: unknown unit "constructor" in duration "1constructor"'],
    ['1S', 'time: unknown unit "S" in duration "1S"'],
    ['9999999999h', 'time: invalid duration "9999999999h"'],
  ];
  for (const [text, message] of wrong) t.throws(() => parseGoDuration(text), { message }, text);
});

t.test('numbers and addresses', async (t) => {
  t.strictSame(['0', '-5', '+5', '007'].map(parseGoInteger), [0, -5, 5, 7]);
  t.strictSame(['0', '18446744073709549568'].map(parseGoUnsigned), [0, 18_446_744_073_709_549_568]);
  t.strictSame(['0', '-1.5', '.5', '5.', '1e3', '2E-1'].map(parseGoFloat), [0, -1.5, 0.5, 5, 1000, 0.2]);
  t.strictSame(['127.0.0.1:53', ':0', '[::]:9153', 'localhost:65535'].map(parseHostPort), [
    { host: '127.0.0.1', port: 53 },
    { host: '', port: 0 },
    { host: '::', port: 9153 },
    { host: 'localhost', port: 65_535 },
  ]);
  const wrong: readonly (readonly [parseText: (text: string) => unknown, text: string, message: string])[] = [
    [parseGoInteger, '1.5', 'strconv.Atoi: parsing "1.5": invalid syntax'],
    [parseGoInteger, '1_0', 'strconv.Atoi: parsing "1_0": invalid syntax'],
    [parseGoInteger, '9223372036854775808', 'strconv.Atoi: parsing "9223372036854775808": value out of range'],
    [parseGoUnsigned, '+1', 'strconv.ParseUint: parsing "+1": invalid syntax'],
    [parseGoUnsigned, '18446744073709551616', 'strconv.ParseUint: parsing "18446744073709551616": value out of range'],
    [parseGoFloat, '', 'strconv.ParseFloat: parsing "": invalid syntax'],
    [parseGoFloat, 'NaN', 'strconv.ParseFloat: parsing "NaN": invalid syntax'],
    [parseGoFloat, '1e999', 'strconv.ParseFloat: parsing "1e999": value out of range'],
    [parseHostPort, 'foo', 'address foo: missing port in address'],
    [parseHostPort, '[::1]', 'address [::1]: missing port in address'],
    [parseHostPort, 'x:y:z', 'address x:y:z: too many colons in address'],
    [parseHostPort, '::1:53', 'address ::1:53: too many colons in address'],
    [parseHostPort, '[a]b:53', 'address [a]b:53: unexpected bracket in address'],
    [parseHostPort, ':65536', 'address :65536: invalid port'],
    [parseHostPort, ':http', 'address :http: invalid port'],
  ];
  for (const [parseText, text, message] of wrong) t.throws(() => parseText(text), { message }, text);
});

t.test('directives that are not built in', async (t) => {
  const builtIn = ['cache', 'errors', 'forward', 'kubernetes', 'log', 'ready'];
  const table: readonly (readonly [name: string, advice: string])[] = [
    ['foobar', ''],
    ['chache', `; did you mean 'cache'?`],
    ['erors', `; did you mean 'errors'?`],
    ['fowrard', `; did you mean 'forward'?`],
    ['Log', `; did you mean 'log'?`],
    ['x'.repeat(100), ''],
    ['hosts', '; CoreDNS has this plugin, which is not built into Portolan yet; delete it'],
    ['https3', '; CoreDNS has this plugin, Portolan does not: Node.js has no QUIC; delete it'],
    ['metrics', `; the plugin's directive is 'prometheus'`],
    ['federation', '; CoreDNS removed it with cluster federation; delete it'],
  ];
  for (const [name, advice] of table) {
    const shown = name.length > 80 ? `${name.slice(0, 80)}...` : name;
    t.equal(explainDirective(name, builtIn), `Error during parsing: Unknown directive '${shown}'${advice}`, name);
  }
  t.equal(new Set(REFERENCE_PLUGINS).size, 60);
  const order = [
    'errors',
    'log',
    'loadbalance',
    'rewrite',
    'autopath',
    'acl',
    'cache',
    'template',
    'hosts',
    'kubernetes',
    'forward',
    'whoami',
  ];
  t.strictSame(
    REFERENCE_PLUGINS.filter((name) => order.includes(name)),
    order,
  );
});

t.test('near words', async (t) => {
  const options = ['pods', 'pod_names', 'ports', 'ttl', 'fallthrough', 'namespaces', 'namespace_labels'];
  const table: readonly (readonly [word: string, expected: readonly string[]])[] = [
    ['pod', ['pods']],
    ['posd', ['pods']],
    ['porst', ['ports', 'pods']],
    ['fallthru', []],
    ['falthrough', ['fallthrough']],
    ['namespace', ['namespaces']],
    ['tl', []],
    ['', []],
  ];
  for (const [word, expected] of table) t.strictSame(nearest(word, options), expected, word);
  t.strictSame(nearest('aaaaa', ['aaaab', 'aaaac', 'aaaa', 'aaaaaa', 'aaaaa']), ['aaaaa', 'aaaab', 'aaaac'], 'three');
  t.equal(optionAdvice('posd', options), `did you mean 'pods'?`);
});
