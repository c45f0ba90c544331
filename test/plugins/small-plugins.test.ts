import { networkInterfaces } from 'node:os';
import t from 'tap';
import { bindOn, bindPlugin } from '../../src/plugins/bind/index.ts';
import { debugPlugin } from '../../src/plugins/debug/index.ts';
import { whoamiPlugin } from '../../src/plugins/whoami/index.ts';
import { ask, type Asking, queryFor } from '../support/ask.ts';
import { build, mistakesOf, testHost } from '../support/env.ts';

const argumentCount = 'Error during parsing: Wrong argument count or unexpected line ending after';

t.test('whoami tells address, port and transport', async (t) => {
  const { handler } = build(whoamiPlugin, '. {\nwhoami\n}\n');
  const longest = `${`${'x'.repeat(62)}.`.repeat(4)}y.`;
  const cases: readonly (readonly [question: string, asking: Asking, answer: string])[] = [
    [
      'Foo.bar. A',
      {},
      'NOERROR aa\nadditional Foo.bar. 0 IN A 127.0.0.1\nadditional _udp.Foo.bar. 0 IN SRV 0 0 40212 .',
    ],
    [
      'foo.bar. TXT',
      { peer: { transport: 'tcp', address: '2001:db8::1', family: 6, port: 7 } },
      'NOERROR aa\nadditional foo.bar. 0 IN AAAA 2001:db8::1\nadditional _tcp.foo.bar. 0 IN SRV 0 0 7 .',
    ],
    ['. NS', {}, 'NOERROR aa\nadditional . 0 IN A 127.0.0.1\nadditional _udp. 0 IN SRV 0 0 40212 .'],
    [
      'version.bind. TXT CH',
      {},
      'NOERROR aa\nadditional version.bind. 0 CH A 127.0.0.1\nadditional _udp.version.bind. 0 CH SRV 0 0 40212 .',
    ],
    [`${longest} A`, {}, `NOERROR aa\nadditional ${longest} 0 IN A 127.0.0.1`],
  ];
  for (const [question, asking, answer] of cases) t.equal(await ask(handler, question, asking), answer);
  t.match(handler(queryFor('foo.bar. A')), { live: true, source: 'whoami' }, 'no cache may hold it');
  t.same(mistakesOf(whoamiPlugin, '. {\nwhoami x\n}\n'), [`Corefile:2 - plugin/whoami: ${argumentCount} 'x'`]);
});

t.test('debug lasts while a running configuration has it', async (t) => {
  const host = testHost();
  const switched: boolean[] = [];
  const changed = { ...host, control: { ...host.control, setDebug: (on: boolean) => void switched.push(on) } };
  const instances = [1, 2, 3].map(() => build(debugPlugin, '. {\ndebug\n}\n', { host: changed }).instance);
  const [first, second, third] = instances;
  t.equal(first?.wrap, undefined);
  t.same(switched, [], 'not before it starts');
  await first?.start?.(false);
  await second?.start?.(false);
  t.same(switched, [true], 'two blocks');
  await third?.start?.(true);
  await first?.stop?.();
  await second?.stop?.();
  t.same(switched, [true], 'reloaded with one');
  await third?.stop?.();
  t.same(switched, [true, false], 'reloaded without');
  t.same(mistakesOf(debugPlugin, '. {\ndebug x\n}\n'), [`Corefile:2 - plugin/debug: ${argumentCount} 'x'`]);
});

const onHost = bindOn(() => ({
  lo: [{ address: '127.0.0.1' }, { address: '::1' }],
  eth0: [{ address: '10.244.0.2' }, { address: 'fd00::2' }, { address: 'fe80::2' }],
}));

t.test('bind', async (t) => {
  const cases: readonly (readonly [directive: string, ...addresses: string[]])[] = [
    ['bind 127.0.0.1', '127.0.0.1'],
    ['bind 169.254.20.10 10.0.0.10', '169.254.20.10', '10.0.0.10'],
    ['bind fd00:90de:d95::1', 'fd00:90de:d95::1'],
    ['bind ::\nbind 0.0.0.0', '::', '0.0.0.0'],
    ['bind eth0', '10.244.0.2', 'fd00::2', 'fe80::2%eth0'],
    ['bind lo eth0 {\nexcept ::1 fd00::2\nexcept 127.0.0.1\n}', '10.244.0.2', 'fe80::2%eth0'],
    ['bind lo 10.244.0.2 {\nexcept eth0\n}', '127.0.0.1', '::1'],
    ['bind lo {\nexcept ::1\n}\nbind ::1', '127.0.0.1', '::1'],
  ];
  for (const [directive, ...addresses] of cases) {
    t.same(build(onHost, `. {\n${directive}\n}\n`).instance, { listen: { addresses } }, directive);
  }
  for (const [name, list = []] of Object.entries(networkInterfaces())) {
    const { listen } = build(bindPlugin, `. {\nbind ${name}\n}\n`).instance;
    t.equal(listen?.addresses?.length, list.length, `${name} of this host`);
  }
});

t.test('what bind refuses', async (t) => {
  const place = (line: number, text: string): string => `Corefile:${line} - plugin/bind: ${text}`;
  const cases: readonly (readonly [directive: string, ...mistakes: string[]])[] = [
    ['bind', place(2, 'at least one address or interface name is expected')],
    ['bind nope0', place(2, 'not a valid IP address or interface name: "nope0"')],
    ['bind constructor', place(2, 'not a valid IP address or interface name: "constructor"')],
    ['bind lo {\nexcept\n}', place(3, 'at least one address or interface must be given to except subdirective')],
    ['bind lo {\nfoo\n}', place(3, 'invalid option "foo"')],
    ['bind lo {\nexcept lo\n}', place(2, `'except' leaves no address to listen on`)],
    [
      'bind a\nbind b',
      place(2, 'not a valid IP address or interface name: "a"'),
      place(3, 'not a valid IP address or interface name: "b"'),
    ],
  ];
  for (const [directive, ...mistakes] of cases) t.same(mistakesOf(onHost, `. {\n${directive}\n}\n`), mistakes);
  const blind = bindOn(() => {
    throw new Error('EPERM');
  });
  t.same(mistakesOf(blind, '. {\nbind 10.0.0.1\n}\n'), []);
  t.same(mistakesOf(blind, '. {\nbind eth0\n}\n'), [
    place(2, 'failed to get interfaces list, cannot bind by interface name: EPERM'),
  ]);
});
