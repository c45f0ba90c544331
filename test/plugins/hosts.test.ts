import t from 'tap';
import type { Answer } from '../../src/core/answer.ts';
import { emptyAnswer } from '../../src/core/answer.ts';
import type { Handler } from '../../src/core/handler.ts';
import { FLAG, RCODE } from '../../src/dns/codes.ts';
import type { FileVersion, HostsFiles } from '../../src/plugins/hosts/hosts-file.ts';
import { hostsPlugin, hostsReading } from '../../src/plugins/hosts/index.ts';
import { systemHostsFiles } from '../../src/plugins/hosts/hosts-file.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { answerText, ask, queryFor } from '../support/ask.ts';
import { settled } from '../support/clock.ts';
import { build, mistakesOf, testHost } from '../support/env.ts';

/** Files that a test writes. */
class MemoryFiles implements HostsFiles {
  readonly #files = new Map<string, { readonly text: string; readonly version: FileVersion }>();
  fault: Error | undefined;
  reads = 0;

  write(path: string, text: string, writtenMs = 0): void {
    this.#files.set(path, { text, version: { writtenMs, size: text.length, isDirectory: false } });
  }

  addDirectory(path: string): void {
    this.#files.set(path, { text: '', version: { writtenMs: 0, size: 0, isDirectory: true } });
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  async version(path: string): Promise<FileVersion | undefined> {
    if (this.fault !== undefined) throw this.fault;
    return this.#files.get(path)?.version;
  }

  async read(path: string): Promise<string> {
    this.reads++;
    return this.#files.get(path)?.text ?? '';
  }
}

class Bench {
  readonly host = testHost();
  readonly files = new MemoryFiles();
  readonly handler: Handler;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;

  constructor(directive: string, zones = '.') {
    const next = (): Answer => emptyAnswer(RCODE.REFUSED, 'next');
    const plugin = hostsReading(this.files);
    const { handler, instance } = build(plugin, `${zones} {\n${directive}\n}\n`, { host: this.host, next });
    this.handler = handler;
    this.start = async () => instance.start?.(false);
    this.stop = async () => instance.stop?.();
  }

  /** `next` for what the next plugin is asked, else rcode, flags and records. */
  async ask(question: string): Promise<string> {
    const text = await ask(this.handler, question);
    return text === 'REFUSED' ? 'next' : text.replaceAll('\nanswer ', ' | ');
  }

  async pass(seconds: number): Promise<void> {
    await this.host.clock.advance(seconds * 1000);
    await settled();
  }

  async series(): Promise<Record<string, number>> {
    const families = parseExposition(await this.host.metrics.exposition());
    return Object.fromEntries([...families.values()].flatMap(({ samples }) => [...samples]));
  }
}

const FILE = `# a comment
10.8.0.0 ten.example.org # another
10.8.0.1 TEN.example.org.
1.2.3.4 ONE.example.org two.example.org *.wild.example.org
fe80::1%lo zone.example.org
::1 v6.example.org
1.2.3.4 one.example.org
::ffff:10.0.0.9 mapped.example.org
nonsense bad.example.org
1.2.3.5
1.2.3.6 a..b ${'x'.repeat(64)}.example.org good.example.org
10.0.0.7 dual.example.org
2001:DB8:0::7 dual.example.org
fd00::1 *.wild6.example.org
10.0.0.8 exact.wild6.example.org
10.0.0.10 *.deep.wild.example.org\r
`;

/** With and without `fallthrough`, where they differ. */
const ANSWERS: readonly (readonly [question: string, alone: string, withFallthrough?: string])[] = [
  ['one.example.org. A', 'NOERROR aa | one.example.org. 3600 IN A 1.2.3.4 | one.example.org. 3600 IN A 1.2.3.4'],
  ['ten.example.org. A', 'NOERROR aa | ten.example.org. 3600 IN A 10.8.0.0 | ten.example.org. 3600 IN A 10.8.0.1'],
  ['one.example.org. AAAA', 'NOERROR aa'],
  ['one.example.org. TXT', 'NOERROR aa'],
  ['one.example.org. HTTPS', 'NOERROR aa'],
  ['nope.example.org. A', 'SERVFAIL', 'next'],
  ['nope.example.org. TXT', 'SERVFAIL', 'next'],
  ['example.org. A', 'SERVFAIL', 'next'],
  ['. A', 'SERVFAIL', 'next'],
  ['one.example.org. PTR', 'next'],
  [
    '4.3.2.1.in-addr.arpa. PTR',
    'NOERROR aa | 4.3.2.1.in-addr.arpa. 3600 IN PTR one.example.org.' +
      ' | 4.3.2.1.in-addr.arpa. 3600 IN PTR two.example.org. | 4.3.2.1.in-addr.arpa. 3600 IN PTR one.example.org.',
  ],
  ['5.3.2.1.in-addr.arpa. PTR', 'next'],
  ['3.2.1.in-addr.arpa. PTR', 'next'],
  ['4.3.2.1.in-addr.arpa. A', 'SERVFAIL', 'next'],
  [
    '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.arpa. PTR',
    'NOERROR aa | 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.arpa. 3600 IN PTR dual.example.org.',
  ],
  ['zone.example.org. AAAA', 'NOERROR aa | zone.example.org. 3600 IN AAAA fe80::1'],
  ['v6.example.org. AAAA', 'NOERROR aa | v6.example.org. 3600 IN AAAA ::1'],
  ['mapped.example.org. A', 'NOERROR aa | mapped.example.org. 3600 IN A 10.0.0.9'],
  ['9.0.0.10.in-addr.arpa. PTR', 'NOERROR aa | 9.0.0.10.in-addr.arpa. 3600 IN PTR mapped.example.org.'],
  ['good.example.org. A', 'NOERROR aa | good.example.org. 3600 IN A 1.2.3.6'],
  ['bad.example.org. A', 'SERVFAIL', 'next'],
  ['dual.example.org. A', 'NOERROR aa | dual.example.org. 3600 IN A 10.0.0.7'],
  ['dual.example.org. AAAA', 'NOERROR aa | dual.example.org. 3600 IN AAAA 2001:db8::7'],
  ['a.wild.example.org. A', 'NOERROR aa | a.wild.example.org. 3600 IN A 1.2.3.4'],
  ['another.wild.example.org. A', 'NOERROR aa | another.wild.example.org. 3600 IN A 1.2.3.4'],
  ['*.wild.example.org. A', 'NOERROR aa | *.wild.example.org. 3600 IN A 1.2.3.4'],
  ['a.wild.example.org. AAAA', 'NOERROR aa'],
  ['wild.example.org. A', 'SERVFAIL', 'next'],
  ['a.b.wild.example.org. A', 'SERVFAIL', 'next'],
  ['a.deep.wild.example.org. A', 'NOERROR aa | a.deep.wild.example.org. 3600 IN A 10.0.0.10'],
  ['exact.wild6.example.org. A', 'NOERROR aa | exact.wild6.example.org. 3600 IN A 10.0.0.8'],
  ['exact.wild6.example.org. AAAA', 'NOERROR aa | exact.wild6.example.org. 3600 IN AAAA fd00::1'],
];

t.test('what a hosts file answers', async (t) => {
  const alone = new Bench('hosts /etc/hosts.test');
  const falling = new Bench('hosts /etc/hosts.test {\nfallthrough\n}');
  for (const bench of [alone, falling]) {
    bench.files.write('/etc/hosts.test', FILE);
    await bench.start();
  }
  for (const [question, answer, withFallthrough = answer] of ANSWERS) {
    t.equal(await alone.ask(question), answer, question);
    t.equal(await alone.ask(question), answer, `${question} again`);
    t.equal(await falling.ask(question), withFallthrough, `${question} with fallthrough`);
  }
});

t.test('an answer is made once, belongs to every spelling, and to no cache', async (t) => {
  const bench = new Bench('hosts {\n10.0.0.1 web.test *.apps.test\n10.0.0.2 web.test\n}');
  const first = bench.handler(queryFor('WEB.test. A'));
  t.equal(bench.handler(queryFor('web.test. A')), first);
  t.match(first, { live: true, source: 'hosts', flags: FLAG.AA });
  const query = queryFor('Web.Test. A');
  t.equal(
    answerText(query, await bench.handler(query)),
    'NOERROR aa\nanswer Web.Test. 3600 IN A 10.0.0.1\nanswer Web.Test. 3600 IN A 10.0.0.2',
  );
  const wildcard = bench.handler(queryFor('a.apps.test. A'));
  t.equal(bench.handler(queryFor('much.apps.test. A')), wildcard);
  const noData = bench.handler(queryFor('web.test. TXT'));
  t.match(noData, { live: true, answerCount: 0 });
  t.match(bench.handler(queryFor('2.0.0.10.in-addr.arpa. PTR')), { live: true });
});

t.test('names that share a hash do not share an answer', async (t) => {
  const bench = new Bench('hosts {\n10.0.0.1 web.test\n}');
  const query = queryFor('www.test. A');
  query.hash = queryFor('web.test. A').hash;
  t.match(bench.handler(query), { rcode: RCODE.SERVFAIL, live: true });
});

t.test('lines of the Corefile come after those of the file', async (t) => {
  const bench = new Bench('hosts /f {\n10.0.0.2 web.test *.apps.test # more\n10.0.0.3 a.apps.test\nttl 60\n}');
  t.equal(await bench.ask('web.test. A'), 'NOERROR aa | web.test. 60 IN A 10.0.0.2', 'known without any file');
  bench.files.write('/f', '10.0.0.1 web.test\n10.0.0.4 a.apps.test\n10.0.0.5 *.apps.test\n');
  await bench.start();
  t.equal(await bench.ask('web.test. A'), 'NOERROR aa | web.test. 60 IN A 10.0.0.1 | web.test. 60 IN A 10.0.0.2');
  t.equal(
    await bench.ask('b.apps.test. A'),
    'NOERROR aa | b.apps.test. 60 IN A 10.0.0.5 | b.apps.test. 60 IN A 10.0.0.2',
  );
  t.equal(
    await bench.ask('a.apps.test. A'),
    'NOERROR aa | a.apps.test. 60 IN A 10.0.0.4 | a.apps.test. 60 IN A 10.0.0.3',
  );
});

t.test('zones', async (t) => {
  const lines = '10.0.0.1 web.example.org\n10.0.0.2 web.example.com';
  const named = new Bench(`hosts /f example.org {\n${lines}\nfallthrough sub.example.org\n}`);
  const ofBlock = new Bench(`hosts {\n${lines}\n}`, 'example.org');
  for (const bench of [named, ofBlock]) {
    t.equal(await bench.ask('web.example.org. A'), 'NOERROR aa | web.example.org. 3600 IN A 10.0.0.1');
    t.equal(await bench.ask('web.example.com. A'), 'next', 'outside');
    t.equal(await bench.ask('other.example.com. A'), 'next');
    t.equal(
      await bench.ask('1.0.0.10.in-addr.arpa. PTR'),
      'NOERROR aa | 1.0.0.10.in-addr.arpa. 3600 IN PTR web.example.org.',
    );
    t.equal(await bench.ask('2.0.0.10.in-addr.arpa. PTR'), 'next', 'its name is outside');
    t.equal(await bench.ask('nope.example.org. A'), 'SERVFAIL');
  }
  t.equal(await named.ask('nope.sub.example.org. A'), 'next');
  t.equal(await ofBlock.ask('nope.sub.example.org. A'), 'SERVFAIL');
});

t.test('no_reverse and fallthrough_unsupported', async (t) => {
  const bench = new Bench('hosts {\n10.0.0.1 web.test\nno_reverse\nfallthrough test\nfallthrough_unsupported\n}');
  t.equal(await bench.ask('1.0.0.10.in-addr.arpa. PTR'), 'next');
  t.equal(await bench.ask('web.test. TXT'), 'next');
  t.equal(await bench.ask('web.test. AAAA'), 'NOERROR aa');
  t.equal(await bench.ask('web.other. TXT'), 'SERVFAIL');
});

t.test('the file over time', async (t) => {
  const bench = new Bench('hosts NodeHosts {\nreload 15s\n10.0.0.9 inline.test\n}');
  const path = '/etc/coredns/NodeHosts';
  await bench.start();
  t.same(bench.host.log.lines.splice(0), [`[WARNING] plugin/hosts: File does not exist: ${path}`]);
  t.same(await bench.series(), { coredns_hosts_reload_timestamp_seconds: 0 });
  t.equal(await bench.ask('web.test. A'), 'SERVFAIL');

  bench.files.write(path, '10.0.0.1 web.test *.apps.test', 1_700_000_000_500);
  await bench.pass(14);
  t.equal(await bench.ask('web.test. A'), 'SERVFAIL');
  await bench.pass(1);
  t.equal(await bench.ask('web.test. A'), 'NOERROR aa | web.test. 3600 IN A 10.0.0.1');
  t.same(await bench.series(), {
    [`coredns_hosts_entries{hostsfile="${path}"}`]: 5,
    coredns_hosts_reload_timestamp_seconds: 1_700_000_000.5,
  });

  bench.files.write(path, '10.0.0.2 web.test *.apps.test', 1_700_000_000_500);
  await bench.pass(15);
  t.equal(bench.files.reads, 1, 'same time and size');
  bench.files.write(path, '10.0.0.2 web.test *.apps.test', 1_700_000_001_000);
  await bench.pass(15);
  t.equal(await bench.ask('web.test. A'), 'NOERROR aa | web.test. 3600 IN A 10.0.0.2');

  bench.files.write(path, '10.0.0.20 web.test', 1_700_000_001_000);
  await bench.pass(15);
  t.equal(await bench.ask('web.test. A'), 'NOERROR aa | web.test. 3600 IN A 10.0.0.20', 'written twice in a moment');
  bench.files.write(path, '10.0.0.2 web.test *.apps.test', 1_700_000_001_500);
  await bench.pass(15);

  bench.files.remove(path);
  await bench.pass(15);
  t.equal(await bench.ask('web.test. A'), 'NOERROR aa | web.test. 3600 IN A 10.0.0.2', 'gone: the last one counts on');
  bench.files.fault = new Error('EACCES: permission denied');
  await bench.pass(45);
  t.same(bench.host.log.lines.splice(0), [
    `[WARNING] plugin/hosts: Hosts file ${path} stays as read before: EACCES: permission denied`,
  ]);
  bench.files.fault = undefined;
  bench.files.write(path, '', 1_700_000_002_000);
  await bench.pass(15);
  t.equal(await bench.ask('web.test. A'), 'SERVFAIL', 'emptied');
  t.equal(await bench.ask('inline.test. A'), 'NOERROR aa | inline.test. 3600 IN A 10.0.0.9');
  await bench.stop();
  t.equal(bench.host.clock.pending, 0);
});

t.test('the file at the start', async (t) => {
  const silent = new Bench('hosts');
  await silent.start();
  t.same(silent.host.log.lines, [], '/etc/hosts need not be there');
  await silent.pass(5);
  silent.files.write('/etc/hosts', '10.0.0.1 web.test', 1);
  await silent.pass(5);
  t.match(await silent.ask('web.test. A'), /10\.0\.0\.1$/);

  const once = new Bench('hosts /f {\nreload 0s\n}');
  once.files.write('/f', '10.0.0.1 web.test');
  await once.start();
  t.equal(once.host.clock.pending, 0);
  t.match(await once.ask('web.test. A'), /10\.0\.0\.1$/);
  await once.stop();

  const directory = new Bench('hosts /d');
  directory.files.addDirectory('/d');
  await directory.start();
  t.same(directory.host.log.lines, ['[WARNING] plugin/hosts: Hosts file "/d" is a directory']);

  const broken = new Bench('hosts /f');
  broken.files.fault = new Error('ENOTDIR: not a directory');
  await t.rejects(broken.start(), {
    message: `plugin/hosts: unable to access hosts file '/f': ENOTDIR: not a directory`,
  });
  await broken.stop();
});

t.test('a long line hides nothing, and many names are no burden', async (t) => {
  const bench = new Bench('hosts /blocklist {\nfallthrough\n}');
  const names = Array.from({ length: 20_000 }, (_, i) => `ad${i}.example.net`);
  const long = `0.0.0.0 ${names.slice(0, 10_000).join(' ')}`;
  bench.files.write('/blocklist', [long, ...names.slice(10_000).map((name) => `0.0.0.0 ${name}`)].join('\n'));
  await bench.start();
  for (const i of [0, 9999, 10_000, 19_999]) t.match(await bench.ask(`ad${i}.example.net. A`), / 0\.0\.0\.0$/);
  t.equal(await bench.ask('ad20000.example.net. A'), 'next');
  t.equal((await bench.series())['coredns_hosts_entries{hostsfile="/blocklist"}'], 40_000);
});

t.test('real files', async (t) => {
  const path = `${t.testdir({ hosts: '10.0.0.1 web.test\n' })}/hosts`;
  t.match(await systemHostsFiles.version(path), { size: 18, isDirectory: false });
  t.equal(await systemHostsFiles.read(path), '10.0.0.1 web.test\n');
  t.equal(await systemHostsFiles.version(`${path}.missing`), undefined);
  await t.rejects(systemHostsFiles.version(`${path}/below`), { code: 'ENOTDIR' });
});

t.test('what it refuses in a Corefile', async (t) => {
  const place = (line: number, text: string): string => `Corefile:${line} - plugin/hosts: ${text}`;
  const parse = (line: number, text: string): string => place(line, `Error during parsing: ${text}`);
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    ['hosts {\nttl\n}', parse(3, 'ttl needs a time in second')],
    ['hosts {\nttl x\n}', parse(3, 'ttl needs a number of second')],
    ['hosts {\nttl -1\n}', parse(3, 'ttl provided is invalid')],
    ['hosts {\nttl 65536\n}', parse(3, 'ttl provided is invalid')],
    ['hosts {\nreload\n}', parse(3, 'reload needs a duration (zero seconds to disable)')],
    ['hosts {\nreload x\n}', parse(3, `invalid duration for reload 'x'`)],
    ['hosts {\nreload -1s\n}', parse(3, `invalid negative duration for reload '-1s'`)],
    ['hosts {\nfallthrough\n10.0.0.1 web.test\n}', parse(4, `unknown property '10.0.0.1'`)],
    ['hosts {\nfallthrough_unsupported\n}', parse(2, 'fallthrough_unsupported requires fallthrough')],
    ['hosts\nhosts', place(3, 'this plugin can only be used once per Server Block; the first is on line 2')],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(hostsPlugin, `. {\n${directive}\n}\n`), [mistake]);
  t.same(mistakesOf(hostsPlugin, '. {\nhosts {\nwhat ever\n10.0.0.1\nttl 60 seconds\n}\n}\n'), []);
});
