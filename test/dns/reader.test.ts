import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { CLASS, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, encodeOptions, parseMessage, readOptions } from '../../src/dns/message.ts';
import { readRdata, skipRdata } from '../../src/dns/rdata.ts';
import { FormatError, Reader } from '../../src/dns/reader.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { messageText } from '../../src/dns/text.ts';
import { anyMessage, blankMessage, damaged, holdsFor, samplesOf } from './messages.ts';

/** What `work` threw, as text; FormatErrors are told by their message and place. */
function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : 'not an Error';
  }
  return 'none';
}

t.test('names that are no names', async (t) => {
  // Each starts at byte 12, behind a header; `length` bytes are read when it is a name after all.
  const header = '00'.repeat(12);
  const label63 = `3f${'61'.repeat(63)}`;
  const table: readonly (readonly [title: string, hex: string, outcome: string])[] = [
    ['the root', '00', '.'],
    ['a pointer back', '0161 00 0162 c00c', 'a.'],
    ['a pointer to itself', 'c00c', 'compression pointer leads nowhere at byte 12'],
    ['a pointer forwards', 'c00e 00', 'compression pointer leads nowhere at byte 12'],
    ['a pointer into the header', 'c000', 'compression pointer leads nowhere at byte 12'],
    ['a pointer past the end', 'ffff', 'compression pointer leads nowhere at byte 12'],
    ['a loop over a label', '0161 c00c', 'name over 255 bytes at byte 12'],
    ['half a pointer', 'c0', 'name runs past the end at byte 13'],
    ['nothing', '', 'name runs past the end at byte 12'],
    ['a label without its end', '0361', 'name runs past the end at byte 12'],
    ['no root', '0161', 'name runs past the end at byte 14'],
    ['label type 0x40', `40${'61'.repeat(64)}00`, 'label of an unknown kind at byte 12'],
    ['label type 0x80', '80 00', 'label of an unknown kind at byte 12'],
    ['256 bytes', `${label63.repeat(3)}3e${'61'.repeat(62)}00`, 'name over 255 bytes at byte 267'],
  ];
  for (const [title, hex, outcome] of table) {
    const reader = new Reader(Buffer.from(header + hex.replaceAll(' ', ''), 'hex'), 12);
    let name = '';
    const thrown = failure(() => (name = reader.name()));
    t.equal(thrown === 'none' ? name : thrown, outcome, title);
  }
  const longest = Buffer.from(`${header}${label63.repeat(3)}3d${'61'.repeat(61)}00`, 'hex');
  t.equal(new Reader(longest, 12).nameWire().length, 255);
});

t.test('pointers are followed, told of and counted', async (t) => {
  const targets: number[] = [];
  const wire = Buffer.from(`${'00'.repeat(12)}01620001 61c00c c00f`.replaceAll(' ', ''), 'hex');
  const reader = new Reader(wire, 15, (target) => targets.push(target));
  t.equal(reader.name(), 'a.b.');
  t.equal(reader.offset, 19);
  t.equal(reader.savedBytes, 1);
  t.same([...reader.nameWire()], [1, 97, 1, 98, 0]);
  t.equal(reader.savedBytes, 4);
  t.ok(reader.done);
  t.same(targets, [12, 15, 12]);

  const chain = Buffer.alloc(12 + 1 + 2 * 128);
  for (let i = 0; i < 128; i++) chain.writeUInt16BE(0xc000 | (i === 0 ? 12 : 11 + 2 * i), 13 + 2 * i);
  t.equal(new Reader(chain, 13 + 2 * 126).name(), '.');
  t.equal(
    failure(() => new Reader(chain, 13 + 2 * 127).name()),
    'compression pointer leads nowhere at byte 13',
  );
});

t.test('messages that break off, and RDATA that does not fill its length', async (t) => {
  const whole = encodeMessage({
    ...blankMessage,
    questions: [{ name: 'a.', type: TYPE.A, class: CLASS.IN }],
    answer: [addressRecord('a.', 1, '1.2.3.4')],
    edns: { version: 0, udpSize: 512, dnssecOk: false, options: [{ code: 10, data: Uint8Array.of(1) }] },
  });
  for (let length = 0; length < whole.length; length++) {
    t.throws(() => parseMessage(whole.subarray(0, length)), { name: 'FormatError' }, `the first ${length} bytes`);
  }

  const record = (type: number, length: number, hex: string): Buffer => {
    const fields = Buffer.alloc(10);
    fields.writeUInt16BE(type);
    fields.writeUInt16BE(length, 8);
    const counts = Buffer.from('000000000000000100000000', 'hex');
    return Buffer.concat([counts, Buffer.of(0), fields, Buffer.from(hex.replaceAll(' ', ''), 'hex')]);
  };
  const wrong = 'record data of the wrong length at byte 23';
  const table: readonly (readonly [title: string, type: number, length: number, hex: string, outcome: string])[] = [
    ['A of 3 bytes', TYPE.A, 3, '010203', 'message ends too early at byte 23'],
    ['A of 5 bytes', TYPE.A, 5, '0102030405', wrong],
    ['AAAA of 4 bytes', TYPE.AAAA, 4, '01020304'.repeat(4), wrong],
    ['longer than the message', TYPE.NULL, 5, '01020304', 'past the end at byte 23'],
    ['CNAME and more', TYPE.CNAME, 2, '0000', wrong],
    ['CNAME over its end', TYPE.CNAME, 1, '016100', wrong],
    ['SOA without its numbers', TYPE.SOA, 2, '0000', 'message ends too early'],
    ['TXT over its end', TYPE.TXT, 2, '026162', wrong],
    ['TXT past the message', TYPE.TXT, 2, '0561', 'message ends too early at byte 24'],
    ['MX without a name', TYPE.MX, 2, '0001', 'name runs past the end'],
    ['SRV without a name', TYPE.SRV, 6, '000100020003', 'name runs past the end'],
    ['NAPTR of two strings', TYPE.NAPTR, 8, '00010002 0161 00 00', 'name runs past the end'],
    ['SIG too short', TYPE.SIG, 4, '00000000', 'message ends too early'],
    ['NXT whose name runs over its end', TYPE.NXT, 2, '016100', wrong],
  ];
  for (const [title, type, length, hex, outcome] of table) {
    const wire = record(type, length, hex);
    t.match(
      failure(() => parseMessage(wire)),
      outcome,
      title,
    );
  }
  t.throws(() => readOptions(Buffer.from('000a00', 'hex')), { name: 'FormatError' });
  t.throws(() => readOptions(Buffer.from('000a000201', 'hex')), { name: 'FormatError' });
  t.same(readOptions(encodeOptions([])), []);
});

t.test('names inside old types are written out', async (t) => {
  // Each RDATA points to the owner `a.` at byte 12, or holds it whole.
  const table: readonly (readonly [type: number, rdata: string, whole: string])[] = [
    [TYPE.RP, 'c00c 0162c00c', '016100 0162016100'],
    [TYPE.MINFO, 'c00c c00c', '016100 016100'],
    [TYPE.AFSDB, '0001 c00c', '0001 016100'],
    [TYPE.KX, '0001 c00c', '0001 016100'],
    [TYPE.PX, '0001 c00c c00c', '0001 016100 016100'],
    [TYPE.NAPTR, '0001 0002 0173 00 027878 c00c', '0001 0002 0173 00 027878 016100'],
    [TYPE.SIG, `${'00'.repeat(18)} c00c ffff`, `${'00'.repeat(18)} 016100 ffff`],
    [TYPE.NXT, 'c00c 62', '016100 62'],
    [TYPE.MB, 'c00c', '016100'],
    [TYPE.HTTPS, '0001 00', '0001 00'],
    [65280, 'c00c', 'c00c'],
  ];
  for (const [type, rdata, whole] of table) {
    const data = Buffer.from(rdata.replaceAll(' ', ''), 'hex');
    const fields = Buffer.alloc(10);
    fields.writeUInt16BE(type);
    fields.writeUInt16BE(data.length, 8);
    const head = Buffer.from('000000000000000100000000016100', 'hex');
    const [record] = parseMessage(Buffer.concat([head, fields, data])).answer;
    assert.equal(record?.data.shape, 'opaque');
    t.equal(Buffer.from(record.data.bytes).toString('hex'), whole.replaceAll(' ', ''), `type ${type}`);
  }
});

t.test('RDATA is skipped just as it is read', async (t) => {
  const types = [...Object.values(TYPE), 65280];
  // Small numbers are lengths of labels and strings, so that some of it makes sense.
  const bytes = fc.array(fc.oneof(fc.nat(3), fc.constantFrom(0xc0, 12, 0x61)), { maxLength: 48 });
  let valid = 0;
  holdsFor(
    fc.tuple(fc.constantFrom(...types), bytes, fc.nat(50)),
    ([type, bytes, length]) => {
      const wire = Buffer.concat([Buffer.alloc(12, 'a'), Buffer.from(bytes)]);
      const [reading, skipping] = [new Reader(wire, 12), new Reader(wire, 12)];
      const isRead = failure(() => readRdata(reading, type, length)) === 'none';
      assert.equal(failure(() => skipRdata(skipping, type, length)) === 'none', isRead);
      if (!isRead) return;
      valid++;
      assert.equal(skipping.offset, 12 + length);
      assert.equal(reading.offset, 12 + length);
    },
    5000,
  );
  t.ok(valid > 500, `${valid} were valid`);
});

t.test('50,000 damaged messages: a message or a FormatError, and soon', async (t) => {
  const corpus = samplesOf(anyMessage, 300).map(encodeMessage);
  let whole = 0;
  for (const packet of damaged(corpus, 50_000)) {
    try {
      const message = parseMessage(packet);
      whole++;
      if (whole % 16 === 0) assert.ok(messageText(message).length > 0);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      assert.ok(error.offset >= 0 && error.offset <= packet.length);
    }
  }
  t.ok(whole > 5000 && whole < 45_000, `${whole} of them could be read`);
});

t.test('the most laborious message is read in bounded time', async (t) => {
  // 65,535 bytes full of names, each a pointer to the longest chain of labels and pointers there can be.
  const wire = Buffer.alloc(0xffff);
  wire.writeUInt16BE(10_000, 4);
  let at = 12;
  wire.write('\x01a\x00', at, 'latin1');
  at += 3 + 4;
  let last = 12;
  for (let i = 0; i < 126; i++) {
    wire.write('\x01a', at, 'latin1');
    wire.writeUInt16BE(0xc000 | last, at + 2);
    last = at;
    at += 4 + 4;
  }
  for (; at + 6 <= wire.length; at += 6) wire.writeUInt16BE(0xc000 | last, at);
  const steps: number[] = [];
  const reader = new Reader(wire, 12, (target) => steps.push(target));
  for (let i = 0; i < 10_000; i++) {
    reader.skipName();
    reader.skip(4);
  }
  t.ok(steps.length <= 10_000 * 127, `${steps.length} pointers`);
  t.equal(parseMessage(wire).questions.length, 10_000);
});
