import assert from 'node:assert/strict';
import type DNS from 'dns2';
import { Packet } from 'dns2';
import t from 'tap';
import { CLASS, FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { canonicalAddress } from '../../src/dns/ip.ts';
import { encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import {
  addressRecord,
  nameRecord,
  type ResourceRecord,
  shapeOf,
  soaRecord,
  srvRecord,
  txtRecord,
} from '../../src/dns/record.ts';
import { messageText, recordText } from '../../src/dns/text.ts';
import { TooLongError, Writer } from '../../src/dns/writer.ts';
import { anyMessage, blankMessage, commonMessage, holdsFor } from './messages.ts';

t.test('a message reads as it was written', async () => {
  holdsFor(anyMessage, (message) => assert.deepStrictEqual(parseMessage(encodeMessage(message)), message), 1000);
});

t.test('what was read does not change with the buffer it was read from', async () => {
  holdsFor(anyMessage, (message) => {
    const wire = encodeMessage(message);
    const parsed = parseMessage(wire);
    wire.fill(0xff);
    assert.deepStrictEqual(parsed, message);
  });
});

t.test('bytes after the last record are ignored; of two OPT records the last counts', async (t) => {
  const edns = { version: 0, udpSize: 1232, dnssecOk: true, options: [{ code: 10, data: Uint8Array.of(1, 2) }] };
  const wire = encodeMessage({ ...blankMessage, rcode: RCODE.BADVERS, edns });
  t.same(parseMessage(Buffer.concat([wire, Buffer.from('trailing')])), parseMessage(wire));
  const opt = wire.subarray(12);
  const other = Buffer.from(opt).fill(0x02, 3, 5);
  const two = Buffer.concat([wire.subarray(0, 12), other, opt]);
  two[11] = 2;
  t.same(parseMessage(two), { ...blankMessage, rcode: RCODE.BADVERS, edns });
});

t.test('the text of records and messages', async (t) => {
  const soa = { mname: 'ns.a.', rname: 'h.a.', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 };
  const srv = { priority: 0, weight: 50, port: 443, target: 'x.a.' };
  const opaque = (type: number, ...bytes: number[]): ResourceRecord => {
    return { name: 'a.', type, class: CLASS.CH, ttl: 7, data: { shape: 'opaque', bytes: Uint8Array.from(bytes) } };
  };
  const message: Message = {
    ...blankMessage,
    rcode: RCODE.NXDOMAIN,
    flags: FLAG.QR | FLAG.AA,
    questions: [{ name: 'A.', type: TYPE.HTTPS, class: CLASS.IN }],
    answer: [
      addressRecord('a.', 30, '10.0.0.1'),
      addressRecord('a.', 30, '2001:db8::1'),
      nameRecord('b.a.', TYPE.CNAME, 0, 'a.'),
      { ...nameRecord('a.', TYPE.MX, 1, ''), data: { shape: 'mx', preference: 10, exchange: 'mail.a.' } },
    ],
    authority: [soaRecord('a.', 60, soa)],
    additional: [
      srvRecord('_https._tcp.a.', 30, srv),
      txtRecord('a.', 5, 'v=1 "x" \\ é', ''),
      opaque(TYPE.DS, 0, 255),
      opaque(65280),
    ],
  };
  t.equal(
    messageText(message),
    String.raw`NXDOMAIN qr aa
question A. IN HTTPS
answer a. 30 IN A 10.0.0.1
answer a. 30 IN AAAA 2001:db8::1
answer b.a. 0 IN CNAME a.
answer a. 1 IN MX 10 mail.a.
authority a. 60 IN SOA ns.a. h.a. 1 2 3 4 5
additional _https._tcp.a. 30 IN SRV 0 50 443 x.a.
additional a. 5 IN TXT "v=1 \"x\" \\ \195\169" ""
additional a. 7 CH DS \# 2 00ff
additional a. 7 CH TYPE65280 \# 0`,
  );
  t.same(parseMessage(encodeMessage(message)), message);
  t.equal(recordText(txtRecord('a.', 5, 'x'.repeat(300))), `a. 5 IN TXT "${'x'.repeat(255)}"`);
});

t.test('names are compressed against the same spelling only, and never in SRV, DNAME and unknown types', async (t) => {
  const table: readonly (readonly [title: string, records: readonly ResourceRecord[], hex: string])[] = [
    ['same name', [addressRecord('a.b.', 1, '1.2.3.4')], 'c00c 0001 0001 00000001 0004 01020304'],
    ['an end of it', [addressRecord('x.b.', 1, '1.2.3.4')], '0178c00e 0001 0001 00000001 0004 01020304'],
    ['other letters', [addressRecord('A.b.', 1, '1.2.3.4')], '0141c00e 0001 0001 00000001 0004 01020304'],
    ['root', [addressRecord('.', 1, '1.2.3.4')], '00 0001 0001 00000001 0004 01020304'],
    ['CNAME', [nameRecord('a.b.', TYPE.CNAME, 1, 'c.b.')], 'c00c 0005 0001 00000001 0004 0163c00e'],
    ['DNAME', [nameRecord('a.b.', TYPE.DNAME, 1, 'c.b.')], 'c00c 0027 0001 00000001 0005 0163016200'],
    [
      'SRV, and a name pointing into it',
      [srvRecord('a.b.', 1, { priority: 1, weight: 2, port: 3, target: 'c.b.' }), addressRecord('c.b.', 1, '1.2.3.4')],
      'c00c 0021 0001 00000001 000b 0001 0002 0003 0163016200 c027 0001 0001 00000001 0004 01020304',
    ],
  ];
  for (const [title, answer, hex] of table) {
    const questions = [{ name: 'a.b.', type: TYPE.A, class: CLASS.IN }];
    const wire = encodeMessage({ ...blankMessage, questions, answer });
    t.equal(wire.subarray(21).toString('hex'), hex.replaceAll(' ', ''), title);
    t.same(parseMessage(wire).answer, answer, title);
  }
});

t.test('what can not be written', async (t) => {
  const write = (record: ResourceRecord): unknown => encodeMessage({ ...blankMessage, answer: [record] });
  for (const name of ['a..b.', '.a.', `${'a'.repeat(64)}.`, 'a.'.repeat(128), 'a\\']) {
    t.throws(() => write(addressRecord(name, 1, '1.2.3.4')), { name: 'NameError' }, name);
    t.throws(() => write(nameRecord('a.', TYPE.CNAME, 1, name)), { name: 'NameError' }, name);
  }
  t.throws(() => write(addressRecord('a.', 1, '1.2.3')), /not an IP address: 1\.2\.3/);
  t.throws(() => write(addressRecord('a.', -1, '1.2.3.4')), RangeError);
  t.throws(() => write(addressRecord('a.', 2 ** 32, '1.2.3.4')), RangeError);
  const tooLong = Array.from({ length: 4100 }, () => addressRecord('a.', 1, '1.2.3.4'));
  t.throws(() => encodeMessage({ ...blankMessage, answer: tooLong }), TooLongError);
});

t.test('a name beyond the reach of pointers is written whole', async (t) => {
  const filler = { ...addressRecord('.', 1, '1.1.1.1'), type: TYPE.NULL };
  const bytes = new Uint8Array(0x4000);
  const records = [
    { ...filler, data: { shape: 'opaque' as const, bytes } },
    ...Array.from({ length: 3 }, () => addressRecord('late.example.', 1, '1.2.3.4')),
  ];
  const wire = encodeMessage({ ...blankMessage, answer: records });
  t.same(parseMessage(wire).answer, records);
  t.equal(wire.length, 12 + 11 + bytes.length + 3 * (14 + 14));
});

t.test('a writer grows, counts and patches', async (t) => {
  const writer = new Writer(1);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.name('a.');
  writer.name('b.a.');
  writer.wholeName('b.a.');
  writer.patchU16(1, 0xffff);
  t.equal(writer.length, 7 + 3 + 4 + 5);
  t.equal(writer.finish().toString('hex'), '01ffff040506070161000162c0070162016100');
  t.equal(writer.finish(3).toString('hex'), '01ffff');
  for (const [method, value] of [
    ['u8', 256],
    ['u16', -1],
    ['u32', 2 ** 32],
  ] as const) {
    t.throws(() => writer[method](value), RangeError, method);
  }
});

/** What dns2 understood of a record, in the text of ours. */
function textOf(record: DNS.Packet.Resource): string {
  const { TYPE: types } = Packet;
  const name = (text: string | undefined): string => `${text}.`;
  const soa = [record.serial, record.refresh, record.retry, record.expiration, record.minimum].join(' ');
  const data = new Map<number, string>([
    [types.A, `A ${record.address}`],
    [types.AAAA, `AAAA ${canonicalAddress(record.address ?? '')}`],
    [types.NS, `NS ${name(record.ns)}`],
    [types.CNAME, `CNAME ${name(record.domain)}`],
    [types.PTR, `PTR ${name(record.domain)}`],
    [types.SOA, `SOA ${name(record.primary)} ${name(record.admin)} ${soa}`],
    [types.MX, `MX ${record.priority} ${name(record.exchange)}`],
    [types.SRV, `SRV ${record.priority} ${record.weight} ${record.port} ${name(record.target)}`],
  ]);
  const rclass = record.class === CLASS.IN ? 'IN' : `CLASS${record.class}`;
  return `${name(record.name)} ${record.ttl} ${rclass} ${data.get(record.type)}`;
}

/** Our text with the class as a number, since another library has other names for classes. */
function plainText(record: ResourceRecord): string {
  const rclass = record.class === CLASS.IN ? 'IN' : `CLASS${record.class}`;
  return recordText(record).replace(/^(\S+ \d+) \S+/, `$1 ${rclass}`);
}

t.test('another library reads what we write', async () => {
  holdsFor(commonMessage, (message) => {
    const packet = Packet.parse(encodeMessage(message));
    const { header } = packet;
    assert.deepEqual(packet.errors, []);
    assert.deepEqual(
      [header.id, header.opcode, header.rcode, header.qr, header.aa, header.tc, header.rd, header.ra],
      [
        message.id,
        message.opcode,
        message.rcode,
        ...[FLAG.QR, FLAG.AA, FLAG.TC, FLAG.RD, FLAG.RA].map((bit) => Number((message.flags & bit) !== 0)),
      ],
    );
    assert.deepEqual(
      packet.questions.map(({ name, type, class: qclass }) => ({ name: `${name}.`, type, class: qclass })),
      message.questions,
    );
    assert.deepEqual(packet.answers.map(textOf), message.answer.map(plainText));
    assert.deepEqual(packet.authorities.map(textOf), message.authority.map(plainText));
    assert.deepEqual(packet.additionals.map(textOf), message.additional.map(plainText));
  });
});

t.test('we read what another library writes', async (t) => {
  const { TYPE: type, CLASS: rclass } = Packet;
  const head = { name: 'web.example.org', class: rclass.IN, ttl: 300 };
  const table: readonly (readonly [record: Partial<DNS.Packet.Resource>, text: string])[] = [
    [{ type: type.A, address: '192.0.2.1' }, 'A 192.0.2.1'],
    [{ type: type.AAAA, address: '2001:db8::80' }, 'AAAA 2001:db8::80'],
    [{ type: type.CNAME, domain: 'www.example.org' }, 'CNAME www.example.org.'],
    [{ type: type.PTR, domain: 'host.example.org' }, 'PTR host.example.org.'],
    [{ type: type.NS, ns: 'ns.example.org' }, 'NS ns.example.org.'],
    [{ type: type.MX, priority: 10, exchange: 'mail.example.org' }, 'MX 10 mail.example.org.'],
    [{ type: type.TXT, data: ['one', 'two "2"'] }, String.raw`TXT "one" "two \"2\""`],
    [{ type: type.SRV, priority: 1, weight: 2, port: 443, target: 'web.example.org' }, 'SRV 1 2 443 web.example.org.'],
    [
      {
        type: type.SOA,
        primary: 'ns.example.org',
        admin: 'admin.example.org',
        serial: 4_000_000_000,
        refresh: 1,
        retry: 2,
        expiration: 3,
        minimum: 4,
      },
      'SOA ns.example.org. admin.example.org. 4000000000 1 2 3 4',
    ],
  ];
  const packet = new Packet();
  packet.header = new Packet.Header({ id: 4711, qr: 1, rd: 1, ra: 1, rcode: 3 });
  packet.questions.push(new Packet.Question('web.example.org', type.ANY, rclass.IN));
  for (const [record] of table) packet.answers.push(new Packet.Resource({ ...head, ...record }));
  packet.additionals.push(Packet.Resource.EDNS([], { udpPayloadSize: 1232, doFlag: true }));
  const message = parseMessage(packet.toBuffer());
  t.same(
    { ...message, answer: [] },
    {
      ...blankMessage,
      id: 4711,
      rcode: RCODE.NXDOMAIN,
      flags: FLAG.QR | FLAG.RD | FLAG.RA,
      questions: [{ name: 'web.example.org.', type: TYPE.ANY, class: CLASS.IN }],
      edns: { version: 0, udpSize: 1232, dnssecOk: true, options: [] },
    },
  );
  t.same(
    message.answer.map(recordText),
    table.map(([, text]) => `web.example.org. 300 IN ${text}`),
  );
});

t.test('shapes', async (t) => {
  t.equal(shapeOf(TYPE.AAAA), 'address');
  t.equal(shapeOf(TYPE.HTTPS), 'opaque');
  t.equal(shapeOf(65535), 'opaque');
});
