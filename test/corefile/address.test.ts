import t from 'tap';
import { addressText, readAddresses, zonesOfWord, type Address } from '../../src/corefile/address.ts';
import { lex } from '../../src/corefile/lexer.ts';
import { overlaps, type Listener } from '../../src/corefile/overlaps.ts';
import { reverseZones } from '../../src/corefile/reverse-zones.ts';

const label = (length: number): string => 'a'.repeat(length);

t.test('addresses', async (t) => {
  // 255 bytes on the wire: as long as a name can be.
  const name253 = `${label(63)}.${label(63)}.${label(63)}.${label(61)}`;
  const table: readonly (readonly [word: string, ...expected: string[]])[] = [
    ['.', 'dns://.:1053'],
    ['.:53', 'dns://.:53'],
    ['dns://.:53', 'dns://.:53'],
    ['example.org', 'dns://example.org.:1053'],
    ['Example.ORG.:0', 'dns://example.org.:0'],
    ['tls://example.org', 'tls://example.org.:853'],
    ['quic://.', 'quic://.:853'],
    ['grpc://.', 'grpc://.:443'],
    ['https://.', 'https://.:443'],
    ['https3://.', 'https3://.:443'],
    ['https://.:8443', 'https://.:8443'],
    ['TLS://.:53', 'dns://tls://.:53'],
    ['foo://.', 'dns://foo://.:1053'],
    ['toString://.', 'dns://tostring://.:1053'],
    ['example.org:abc', 'dns://example.org:abc.:1053'],
    ['example.org:+53', 'dns://example.org.:53'],
    [String.raw`a\.b\032.org`, String.raw`dns://a\.b\032.org.:1053`],
    [String.raw`a.org\.`, String.raw`dns://a.org\..:1053`],
    ['10.0.0.0/24', 'dns://0.0.10.in-addr.arpa.:1053'],
    ['tls://10.0.0.0/23:53', 'tls://0.0.10.in-addr.arpa.:53', 'tls://1.0.10.in-addr.arpa.:53'],
    ['fd00:10::/32:53', 'dns://0.1.0.0.0.0.d.f.ip6.arpa.:53'],
    [name253, `dns://${name253}.:1053`],
    ['10.0.0.0/33', 'dns://10.0.0.0/33.:1053'],
  ];
  for (const [word, ...expected] of table) {
    const { addresses, errors } = readAddresses(lex(word, 'Corefile'), 1053);
    t.strictSame(errors, [], word);
    t.strictSame(addresses.map(addressText), expected, word);
  }
});

t.test('words that are no address', async (t) => {
  const inspecting = 'error inspecting server blocks: ';
  // With the length bytes and the root it has 256 bytes on the wire.
  const name255 = `${label(50)}.`.repeat(5);
  const table: readonly (readonly [word: string, error: string])[] = [
    ['""', `${inspecting}expecting data after last colon: ""`],
    ['dns://', `${inspecting}expecting data after last colon: ""`],
    ['a:', `${inspecting}expecting data after last colon: "a:"`],
    [':53', `${inspecting}zone is not a valid domain name: `],
    ['.a', `${inspecting}zone is not a valid domain name: .a`],
    ['a..b', `${inspecting}zone is not a valid domain name: a..b`],
    ['.:53{', `${inspecting}zone is not a valid domain name: .:53{; put a space before the '{'`],
    [`${label(64)}.org`, `${inspecting}zone is not a valid domain name: ${label(64)}.org`],
    ['\u{e4}'.repeat(32), `${inspecting}zone is not a valid domain name: ${'\u{e4}'.repeat(32)}`],
    [name255, `${inspecting}zone is not a valid domain name: aaaa`],
    [`${label(60)}.`.repeat(5), `${inspecting}specified zone is too long: 305 > 255`],
    ['::/0', `${inspecting}invalid CIDR ::/0`],
    ['0fd0::/16', `${inspecting}invalid CIDR 0fd0::/16`],
    ['.:65536', 'address 65536: invalid port; a port is 0 to 65535'],
    ['.:-1', 'address -1: invalid port; a port is 0 to 65535'],
  ];
  for (const [word, error] of table) {
    const { addresses, errors } = readAddresses(lex(word, 'Corefile'), 53);
    t.strictSame(addresses, [], word);
    t.ok(errors[0]?.message.startsWith(error), `${word}: ${errors[0]?.message}`);
  }
  const two = readAddresses(lex('a..b\nc.:99999 d.', 'Corefile'), 53);
  t.strictSame(
    two.errors.map(({ line }) => line),
    [1, 2],
    'every word is looked at',
  );
  t.strictSame(two.addresses.map(addressText), ['dns://d.:53']);
});

t.test('names that the start-up warns of', async (t) => {
  const table: readonly (readonly [word: string, preferred: boolean])[] = [
    ['.', true],
    ['cluster.local', true],
    ['a-1.xn--b.org', true],
    ['10.in-addr.arpa', true],
    ['in-addr.arpa', true],
    ['8.ip6.arpa', true],
    ['1a.org', false],
    ['_tcp.org', false],
    ['-a.org', false],
    ['a-.org', false],
    ['*.org', false],
  ];
  for (const [word, preferred] of table) {
    const { addresses } = readAddresses(lex(word, 'Corefile'), 53);
    t.equal(addresses[0]?.preferredSyntax, preferred, word);
  }
});

t.test('zones of a plugin argument', async (t) => {
  const table: readonly (readonly [word: string, expected: readonly string[]])[] = [
    ['.', ['.']],
    ['Cluster.Local', ['cluster.local.']],
    ['tls://a.org:853', ['a.org.']],
    ['a.org:99999', ['a.org.']],
    ['172.31.0.0/16', ['31.172.in-addr.arpa.']],
    ['100.64.0.0/15', ['64.100.in-addr.arpa.', '65.100.in-addr.arpa.']],
    ['a..b', []],
    ['', []],
  ];
  for (const [word, expected] of table) t.strictSame(zonesOfWord(word), expected, word);
});

t.test('reverse zones', async (t) => {
  const table: readonly (readonly [cidr: string, first: string, count: number])[] = [
    ['10.0.0.0/0', 'in-addr.arpa.', 1],
    ['10.0.0.0/8', '10.in-addr.arpa.', 1],
    ['10.1.2.3/8', '10.in-addr.arpa.', 1],
    ['10.0.0.0/32', '0.0.0.10.in-addr.arpa.', 1],
    ['10.0.7.9/22', '4.0.10.in-addr.arpa.', 4],
    ['10.0.0.200/27', '192.0.0.10.in-addr.arpa.', 32],
    ['128.0.0.0/1', '128.in-addr.arpa.', 128],
    ['0.0.0.0/7', '0.in-addr.arpa.', 2],
    ['2001:DB8::/32', '8.b.d.0.1.0.0.2.ip6.arpa.', 1],
    ['2001:db8::1/128', `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa.`, 1],
    ['fd00::/9', '0.d.f.ip6.arpa.', 8],
    ['fd80::/9', '8.d.f.ip6.arpa.', 8],
    ['::/1', '0.ip6.arpa.', 8],
    ['64:ff9b::192.0.2.0/120', `2.0.0.0.0.c.${'0.'.repeat(16)}b.9.f.f.4.6.0.0.ip6.arpa.`, 1],
    ['1:2:3:4:5:6:7::/16', '1.0.0.0.ip6.arpa.', 1],
  ];
  for (const [cidr, first, count] of table) {
    const zones = reverseZones(cidr);
    t.equal(zones?.[0], first, cidr);
    t.equal(zones?.length, count, `${cidr}: count`);
  }
  const none = ['', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0/8', '10.0.0.256/8', '010.0.0.0/8', '1:2::3::/8'];
  const none6 = [
    'fd00::/129',
    'fd00:/16',
    'g::/16',
    '1:2:3:4:5:6:7:8:9/16',
    '1:2:3:4:5:6:7:8::/16',
    'fd00::%0/16',
    '10.0.0.0/8/8',
    '1.2.3.4::/16',
  ];
  for (const cidr of [...none, ...none6]) t.equal(reverseZones(cidr), undefined, cidr);
});

t.test('listeners that take the same queries', async (t) => {
  // One listener a line: its address, what it is bound to, and `view` where a view filters its queries.
  const table: readonly (readonly [listeners: string, expected: readonly string[]])[] = [
    ['.:53\ntls://.:53\n.:54\na.:53', []],
    ['.:53\n.:53', ['2: cannot serve dns://.:53 - it is already defined; see Corefile:1']],
    ['.:53 ::1\n.:53 127.0.0.1', []],
    ['.:53 ::1\n.:53 ::1', ['2: cannot serve dns://.:53 on ::1 - it is already defined; see Corefile:1']],
    [
      '.:53\n.:53 10.0.0.1',
      ['2: cannot serve dns://.:53 on 10.0.0.1 - zone overlap listener capacity with dns://.:53; see Corefile:1'],
    ],
    [
      '.:53 10.0.0.1\n.:53',
      ['2: cannot serve dns://.:53 - zone overlap listener capacity with dns://.:53 on 10.0.0.1; see Corefile:1'],
    ],
    ['.:53 - view\n.:53 - view\n.:53', []],
    ['.:53\n.:53 - view', ['2: cannot serve dns://.:53 - it is already defined; see Corefile:1']],
  ];
  for (const [text, expected] of table) {
    const listeners = text.split('\n').map((line, index): Listener => {
      const [word = '', host = '-', view] = line.split(' ');
      const [address] = readAddresses(lex(`${'\n'.repeat(index)}${word}`, 'Corefile'), 53).addresses as [Address];
      return { address, host: host === '-' ? '' : host, filtered: view === 'view' };
    });
    t.strictSame(
      overlaps(listeners).map(({ line, message }) => `${line}: ${message}`),
      expected,
      text,
    );
  }
});
