import assert from 'node:assert/strict';
import { Packet } from 'dns2';
import * as fc from 'fast-check';
import t from 'tap';
import {
  CLASS,
  classCode,
  className,
  FLAG,
  RCODE,
  rcodeCode,
  rcodeName,
  TYPE,
  typeCode,
  typeName,
} from '../../src/dns/codes.ts';
import { addressOfReverseName, addressToBytes, canonicalAddress, reverseName } from '../../src/dns/ip.ts';
import { absolute, isWithin, keyOf, labelsOf, NameError, nameToWire, wireToText } from '../../src/dns/name.ts';
import { flagWords } from '../../src/dns/text.ts';
import { holdsFor, wireOf } from './messages.ts';

const letters63 = 'a'.repeat(63);
/** 255 bytes of wire: the longest name. */
const longestName = `${letters63}.${letters63}.${letters63}.${'b'.repeat(61)}.`;

t.test('text to wire and back', async (t) => {
  const table: readonly (readonly [text: string, wire: string, canonical?: string])[] = [
    ['.', '00'],
    ['', '00', '.'],
    ['a.', '0161 00'],
    ['www.Example.', '03777777 074578616d706c65 00'],
    ['www.example', '03777777 076578616d706c65 00', 'www.example.'],
    ['_dns._udp.example.', '045f646e73 045f756470 076578616d706c65 00'],
    [String.raw`a\.b.c.`, '03612e62 0163 00'],
    [String.raw`a\\.b.`, '02615c 0162 00'],
    [String.raw`a\ b\@c\;\(\)\"\'.`, '0a612062 4063 3b28292227 00'.replaceAll(' ', '')],
    [String.raw`a b'c.`, '05612062 2763 00', String.raw`a\ b\'c.`],
    [String.raw`\000\031\127\255.`, '04001f7fff 00'],
    [String.raw`\065\097\046.`, '0341612e 00', String.raw`Aa\..`],
    [String.raw`\a\1\12.`, '0461313132 00', 'a112.'],
    ['é.', '02c3a9 00', String.raw`\195\169.`],
    ['日本.', '06e697a5e69cac 00', String.raw`\230\151\165\230\156\172.`],
  ];
  for (const [text, wire, canonical = text] of table) {
    t.equal(nameToWire(text).toString('hex'), wire.replaceAll(' ', ''), text);
    t.equal(wireToText(nameToWire(text)), canonical, text);
    t.equal(wireToText(Buffer.from(`ffff${nameToWire(text).toString('hex')}ffff`, 'hex'), 2), canonical, 'within more');
  }
});

t.test('any labels survive the way through text', async () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
  holdsFor(fc.array(label, { maxLength: 8 }), (labels) => {
    const wire = wireOf(labels);
    const text = wireToText(wire);
    assert.deepEqual([...nameToWire(text)], [...wire]);
    assert.equal(absolute(text), text);
    assert.equal(
      labelsOf(text)
        .map((label) => `${label}.`)
        .join('') || '.',
      text,
    );
  });
});

t.test('names that can not be written', async (t) => {
  t.equal(nameToWire(longestName).length, 255);
  t.equal(wireToText(nameToWire(longestName)), longestName);
  t.equal(nameToWire(`${String.raw`\000`.repeat(63)}.`).length, 65, 'an escape is one byte');
  const table: readonly (readonly [text: string, message: RegExp])[] = [
    ['..', /empty label/],
    ['.a.', /empty label/],
    ['a..b.', /empty label/],
    ['a..', /empty label/],
    [`${letters63}a.`, /label of 64 bytes is over 63/],
    [`${'é'.repeat(32)}.`, /label of 64 bytes/],
    [`b${longestName}`, /label of 64 bytes|name of 256 bytes is over 255/],
    [`a.${longestName}`, /name of 257 bytes is over 255/],
    ['a.'.repeat(128), /name of 257 bytes/],
    ['a.'.repeat(100_000), /too long/],
    [String.raw`a\256.`, /escape \\256 is over 255/],
    [String.raw`a.b\999`, /escape \\999/],
    ['a\\', /broken escape/],
  ];
  for (const [text, message] of table) t.throws(() => nameToWire(text), { name: 'NameError', message });
  t.ok(new NameError('x') instanceof Error);
});

t.test('keys, absolute names, labels, zones', async (t) => {
  t.equal(keyOf(String.raw`WWW.\065É.`), String.raw`www.\065É.`);
  for (const [text, expected] of [
    ['', '.'],
    ['.', '.'],
    ['a', 'a.'],
    ['a.', 'a.'],
    [String.raw`a\.`, String.raw`a\..`],
    [String.raw`a\\.`, String.raw`a\\.`],
    [String.raw`\.`, String.raw`\..`],
    [String.raw`a\\\\.`, String.raw`a\\\\.`],
  ] as const) {
    t.equal(absolute(text), expected, text);
  }
  for (const [text, labels] of [
    ['', []],
    ['.', []],
    ['a', ['a']],
    ['a.b.', ['a', 'b']],
    ['a..b.', ['a', '', 'b']],
    [String.raw`a\.b.c.`, [String.raw`a\.b`, 'c']],
    [String.raw`a\\.b.`, [String.raw`a\\`, 'b']],
    [String.raw`a\\..b.`, [String.raw`a\\`, '', 'b']],
    [String.raw`a\046b.\.`, [String.raw`a\046b`, String.raw`\.`]],
  ] as const) {
    t.same(labelsOf(text), labels, text);
  }
  for (const [key, zone, expected] of [
    ['a.', '.', true],
    ['.', '.', true],
    ['.', 'a.', false],
    ['a.', 'a.', true],
    ['b.a.', 'a.', true],
    ['ba.', 'a.', false],
    ['a.', 'b.a.', false],
    [String.raw`b\.a.`, 'a.', false],
    [String.raw`b\\.a.`, 'a.', true],
  ] as const) {
    t.equal(isWithin(key, zone), expected, `${key} in ${zone}`);
  }
});

t.test('addresses in the text of RFC 5952', async (t) => {
  const table: readonly (readonly [text: string, canonical?: string])[] = [
    ['0.0.0.0'],
    ['10.0.0.1'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['1::'],
    ['2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8:0000:0001:0000:0000:0000:0001', '2001:db8:0:1::1'],
    ['2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:1.2.3.4'],
    ['::ffff:102:304', '::ffff:1.2.3.4'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::1.2.3.4', '::102:304'],
    ['fe80::1'],
  ];
  for (const [text, canonical = text] of table) t.equal(canonicalAddress(text), canonical, text);
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    ':',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::g',
    'fe80::1%eth0',
    '1::2::3',
    '::1.2.3.256',
    'example.',
  ]) {
    t.equal(addressToBytes(text), undefined, text);
    t.equal(canonicalAddress(text), undefined, text);
    t.equal(reverseName(text), undefined, text);
  }
});

t.test('reverse names, both ways', async (t) => {
  const one = `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa.`;
  t.equal(reverseName('10.1.2.3'), '3.2.1.10.in-addr.arpa.');
  t.equal(reverseName('2001:db8::1'), one);
  for (const address of ['10.1.2.3', '0.0.0.0', '255.255.255.255', '2001:db8::1', '::', '::ffff:1.2.3.4']) {
    t.equal(addressOfReverseName(reverseName(address) ?? ''), address);
  }
  for (const front of ['x', '0', 'b.a', 'c.b.a'])
    t.equal(addressOfReverseName(`${front}.${one}`), '2001:db8::1', front);
  for (const key of [
    'in-addr.arpa.',
    '.in-addr.arpa.',
    '2.1.10.in-addr.arpa.',
    '4.3.2.1.10.in-addr.arpa.',
    '03.2.1.10.in-addr.arpa.',
    '256.2.1.10.in-addr.arpa.',
    'x.2.1.10.in-addr.arpa.',
    '3..1.10.in-addr.arpa.',
    '3.2.1.10.in-addr.arpa.example.',
    '3.2.1.10.xin-addr.arpa.',
    'ip6.arpa.',
    one.slice(2),
    `3.2.1.0.${one}`,
    `g${one.slice(1)}`,
    `10${one.slice(1)}`,
    'example.',
    '',
  ]) {
    t.equal(addressOfReverseName(key), undefined, key);
  }
  holdsFor(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
    const address = canonicalAddress(text);
    assert.ok(address !== undefined);
    assert.equal(addressOfReverseName(reverseName(text) ?? ''), address);
  });
});

t.test('numbers and mnemonics', async (t) => {
  for (const [name, code] of Object.entries(TYPE)) {
    t.equal(typeName(code), name);
    t.equal(typeCode(name.toLowerCase()), code);
  }
  for (const [name, code] of Object.entries(CLASS)) t.equal(classCode(className(code)), code, name);
  for (const [name, code] of Object.entries(RCODE)) t.equal(rcodeCode(rcodeName(code).toLowerCase()), code, name);
  t.equal(typeName(65280), 'TYPE65280');
  t.equal(typeCode('type65280'), 65280);
  t.equal(typeCode('TYPE1'), TYPE.A);
  t.equal(className(7), 'CLASS7');
  t.equal(classCode('class7'), 7);
  t.equal(rcodeName(12), 'RCODE12');
  for (const text of ['', 'TYPE', 'TYPE65536', 'TYPE-1', 'TYPE1.5', 'TYPE000001', 'CLASS1', 'toString', 'A ']) {
    t.equal(typeCode(text), undefined, text);
  }
  t.equal(classCode('TYPE1'), undefined);
  t.equal(rcodeCode('RCODE12'), undefined);
  t.same(flagWords(0xffff), ['qr', 'aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd']);
  t.same(flagWords(FLAG.QR | FLAG.AA | FLAG.RD), ['qr', 'aa', 'rd']);
});

t.test('another library has the same numbers', async (t) => {
  const { EDNS, ...types } = Packet.TYPE;
  const { BADSIG, ...rcodes } = Packet.RCODE;
  t.match(TYPE, { ...types, OPT: EDNS });
  t.match(CLASS, Packet.CLASS);
  t.match(RCODE, { ...rcodes, BADVERS: BADSIG });
});
