import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { type Answer, blankAnswer, emptyAnswer, isTruncated } from '../../src/core/answer.ts';
import { answerFromMessage, buildAnswer, recordsOf } from '../../src/core/encode.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { FLAG, OPCODE, RCODE, TYPE } from '../../src/dns/codes.ts';
import { type Edns, encodeOptions, parseMessage } from '../../src/dns/message.ts';
import { addressRecord, nameRecord, type ResourceRecord, soaRecord } from '../../src/dns/record.ts';
import { recordText } from '../../src/dns/text.ts';
import { anyMessage, holdsFor } from '../dns/messages.ts';
import {
  addresses,
  allOf,
  ask,
  clock,
  ednsOf,
  head,
  questionMessage,
  replyOf,
  soa,
  tcpPeer,
  tools,
  udpPeer,
} from './queries.ts';

t.test('truncation: 90 addresses', async (t) => {
  // The reference compresses only what does not fit otherwise, so its replies over TCP have 2914 and 2925 bytes.
  const table: readonly (readonly [udpSize: number | 'none', over: 'udp' | 'tcp', records: number, bytes: number])[] = [
    ['none', 'udp', 29, 498],
    [0, 'udp', 29, 509],
    [300, 'udp', 29, 509],
    [512, 'udp', 29, 509],
    [700, 'udp', 40, 685],
    [1000, 'udp', 59, 989],
    [1232, 'udp', 74, 1229],
    [4096, 'udp', 90, 1485],
    ['none', 'tcp', 90, 1474],
    [512, 'tcp', 90, 1485],
  ];
  for (const [udpSize, over, records, bytes] of table) {
    const edns = udpSize === 'none' ? undefined : ednsOf(udpSize);
    const query = ask('biga.example.org.', { edns, peer: over === 'udp' ? udpPeer : tcpPeer });
    const answer = buildAnswer(query, { ...head, answer: addresses('biga.example.org.', 90) });
    const label = `size ${udpSize} over ${over}`;
    t.equal(encodeReply(query, answer, tools).length, bytes, label);
    const reply = replyOf(query, answer);
    t.equal((reply.flags & FLAG.TC) !== 0, records < 90, label);
    t.same(reply.answer, addresses('biga.example.org.', 90).slice(0, records), label);
    t.equal(reply.edns?.udpSize, edns?.udpSize, label);
    t.notOk(isTruncated(answer), 'the answer itself is whole');
  }
});

t.test('a cut leaves whole records in their order, in whichever section it falls', async (t) => {
  const sections = {
    answer: addresses('web.test.', 10),
    authority: [soaRecord('test.', 5, soa), nameRecord('test.', TYPE.NS, 5, 'ns.test.')],
    additional: addresses('ns.test.', 40),
  };
  const query = ask('web.test.');
  const reply = replyOf(query, buildAnswer(query, { ...head, ...sections }));
  t.equal(reply.answer.length, 10);
  t.equal(reply.authority.length, 2);
  t.ok(reply.additional.length > 5 && reply.additional.length < 40);
  t.ok(reply.flags & FLAG.TC, 'TC though only additional records are left out');

  holdsFor(fc.tuple(anyMessage, fc.integer({ min: 0, max: 1500 })), ([message, udpSize]) => {
    const asked = ask('web.test.', { edns: ednsOf(udpSize) });
    const answer = buildAnswer(asked, { ...message, ...head, options: message.edns?.options ?? [] });
    const packet = encodeReply(asked, answer, tools);
    const reply = parseMessage(packet);
    const kept = allOf(reply);
    const whole = allOf(message);
    assert.ok(packet.length <= Math.max(512, udpSize));
    assert.deepEqual(kept, whole.slice(0, kept.length));
    assert.equal((reply.flags & FLAG.TC) !== 0, kept.length < whole.length);
    assert.deepEqual(reply.edns, { ...ednsOf(udpSize), options: message.edns?.options ?? [] });
    const size = (count: number): number => (count === 0 ? 0 : (answer.recordEnds[count - 1] ?? 0));
    const room = Math.max(512, udpSize) - (packet.length - size(kept.length));
    assert.ok(kept.length === whole.length || size(kept.length + 1) > room, 'the next one would not have fitted');
  });
});

t.test('sections of hundreds of records, and none', async (t) => {
  const query = ask('web.test.', { peer: tcpPeer });
  const some = addresses('web.test.', 300);
  for (const sections of [{ answer: some }, { authority: some }, { additional: some }, {}]) {
    t.same(replyOf(query, buildAnswer(query, { ...head, ...sections })), {
      ...questionMessage('web.test.'),
      flags: FLAG.QR | FLAG.AA | FLAG.RD,
      ...sections,
    });
  }
});

t.test('where not even the first record fits, TC stands alone', async (t) => {
  const query = ask('web.test.');
  const data = { shape: 'opaque' as const, bytes: new Uint8Array(600) };
  const answer = buildAnswer(query, {
    ...head,
    answer: [{ name: 'web.test.', type: TYPE.NULL, class: 1, ttl: 5, data }],
  });
  t.same(replyOf(query, answer), {
    ...questionMessage('web.test.'),
    flags: FLAG.QR | FLAG.AA | FLAG.TC | FLAG.RD,
  });
});

t.test('OPT: only for those who sent one, with their size and DO bit and none of their options', async (t) => {
  const cookie = { code: 10, data: Buffer.from('12345678') };
  const table: readonly (readonly [asked: Edns | undefined, replied: Edns | undefined])[] = [
    [undefined, undefined],
    [ednsOf(4096), ednsOf(4096)],
    [ednsOf(0, true), ednsOf(0, true)],
    [ednsOf(65535), ednsOf(65535)],
    [{ ...ednsOf(1232), options: [cookie] }, ednsOf(1232)],
  ];
  for (const [edns, expected] of table) {
    const query = ask('web.test.', { edns });
    t.same(replyOf(query, emptyAnswer(RCODE.REFUSED, 'test')).edns, expected);
  }
  const large = { ...blankAnswer, options: encodeOptions([{ code: 12, data: new Uint8Array(600) }]) };
  const packet = encodeReply(ask('web.test.', { edns: ednsOf(512) }), large, tools);
  t.ok(packet.length <= 512, 'options that do not fit are left out');
  t.same(parseMessage(packet).edns, ednsOf(512));
  const overTcp = replyOf(ask('web.test.', { edns: ednsOf(512), peer: tcpPeer }), large);
  t.equal(overTcp.edns?.options[0]?.data.length, 600, 'over TCP they fit');
  const extended = emptyAnswer(RCODE.BADCOOKIE, 'test');
  t.equal(replyOf(ask('web.test.', { edns: ednsOf(512) }), extended).rcode, RCODE.BADCOOKIE);
  t.equal(replyOf(ask('web.test.'), extended).rcode, RCODE.SERVFAIL, 'without OPT there is no way to say it');
});

t.test('header bits: RD and CD come from a query, nothing from a NOTIFY', async (t) => {
  const all = FLAG.AA | FLAG.TC | FLAG.RD | FLAG.RA | FLAG.Z | FLAG.AD | FLAG.CD;
  const answer = emptyAnswer(RCODE.NOERROR, 'test', '', FLAG.AA);
  const query = replyOf(ask('web.test.', { flags: all }), answer);
  t.equal(query.flags, FLAG.QR | FLAG.AA | FLAG.RD | FLAG.CD);
  const notify = replyOf(ask('web.test.', { flags: all, opcode: OPCODE.NOTIFY }), answer);
  t.equal(notify.flags, FLAG.QR | FLAG.AA);
  t.equal(notify.opcode, OPCODE.NOTIFY);
  t.equal(replyOf(ask('web.test.', { flags: 0 }), answer).flags, FLAG.QR | FLAG.AA);
});

t.test('a query that breaks off in its question is answered in full form', async (t) => {
  const whole = ask('web.test.');
  const query = whole.copy();
  query.wire = whole.wire.subarray(0, 12 + query.nameLength);
  query.questionEnd = query.wire.length;
  query.type = 0;
  query.class = 0;
  const answer = buildAnswer(query, {
    ...head,
    answer: [nameRecord('web.test.', TYPE.CNAME, 5, 'b.a.'), ...addresses('b.a.', 1)],
  });
  const reply = replyOf(query, answer);
  t.same(reply.questions, [{ name: 'web.test.', type: 0, class: 0 }]);
  t.same(reply.answer.map(recordText), ['web.test. 5 IN CNAME b.a.', 'b.a. 30 IN A 10.0.0.0']);
  t.same(recordsOf(query, answer).answer, reply.answer);
  t.same(answerFromMessage(query, encodeReply(query, answer, tools), 'forward').body, answer.body);
});

t.test('TTLs fall with the age of an answer', async (t) => {
  const query = ask('web.test.', { edns: ednsOf(512, true) });
  const records = [addressRecord('web.test.', 30, '10.0.0.1'), addressRecord('web.test.', 5, '10.0.0.2')];
  const fresh = buildAnswer(query, { ...head, answer: records, authority: [soaRecord('test.', 0xffff_ffff, soa)] });
  const aged = { ...fresh, bornMs: clock.now() };
  const ttlsOf = (answer: Answer): number[] => allOf(replyOf(query, answer)).map((record) => record.ttl);
  const table: readonly (readonly [afterMs: number, ttls: readonly number[]])[] = [
    [0, [30, 5, 0xffff_ffff]],
    [999, [30, 5, 0xffff_ffff]],
    [1000, [29, 4, 0xffff_fffe]],
    [5000, [25, 0, 0xffff_fffa]],
    [3_600_000, [0, 0, 0xffff_ffff - 3600]],
  ];
  const start = clock.now();
  for (const [afterMs, ttls] of table) {
    await clock.advance(start + afterMs - clock.now());
    t.same(ttlsOf(aged), ttls, `after ${afterMs} ms`);
    t.same(ttlsOf(fresh), [30, 5, 0xffff_ffff], 'one without a birth does not age');
    t.same(replyOf(query, aged).edns, ednsOf(512, true), 'nor does OPT');
  }
  t.same(ttlsOf({ ...fresh, bornMs: clock.now() + 5000 }), [30, 5, 0xffff_ffff], 'nor one from the future');
  t.equal(fresh.body.readUInt32BE(fresh.ttlOffsets[0] ?? 0), 30, 'the answer itself stays as it is');
});

/** The texts of a section's records, sorted. */
function sorted(records: readonly ResourceRecord[]): string[] {
  return records.map(recordText).sort();
}

t.test('shuffling keeps the records of each section, and their names', async (t) => {
  let moved = 0;
  holdsFor(
    fc.tuple(anyMessage, fc.array(fc.constantFrom('web.test.', 'a.test.', 'b.test.', 'C.'), { maxLength: 12 })),
    ([message, owners]) => {
      const some = owners.map((owner, i) =>
        addressRecord(owner, 60 + i, i % 5 === 4 ? `2001:db8::${i}` : `10.0.0.${i}`),
      );
      const half = some.length >> 1;
      const sections = {
        answer: [...some.slice(0, half), ...message.answer],
        authority: message.authority,
        additional: [...message.additional, ...some.slice(half)],
      };
      const query = ask('web.test.', { peer: tcpPeer });
      const answer = { ...buildAnswer(query, { ...head, ...sections }), bornMs: clock.now() };
      const before = replyOf(query, answer);
      query.shuffle = true;
      const after = replyOf(query, answer);
      assert.deepEqual(sorted(after.answer), sorted(before.answer));
      assert.deepEqual(sorted(after.authority), sorted(before.authority));
      assert.deepEqual(sorted(after.additional), sorted(before.additional));
      for (const [i, record] of allOf(after).entries()) {
        if (allOf(before)[i]?.data.shape !== 'address') assert.deepEqual(record, allOf(before)[i]);
      }
      if (allOf(after).some((record, i) => recordText(record) !== recordText(allOf(before)[i] ?? record))) moved++;
    },
    1000,
  );
  t.ok(moved > 200, `${moved} of 1000 came in another order`);
});

t.test('of too many addresses chance decides which are sent, each with the same odds', async (t) => {
  const query = ask('web.test.');
  const answer = buildAnswer(query, { ...head, answer: addresses('web.test.', 90) });
  const seen = new Map<string, number>();
  const firsts = new Set<string>();
  query.shuffle = true;
  const rounds = 900;
  for (let round = 0; round < rounds; round++) {
    const packet = encodeReply(query, answer, tools);
    assert.equal(packet.length, 12 + 14 + 30 * 16);
    const { answer: sent, flags } = parseMessage(packet);
    assert.equal(sent.length, 30);
    assert.equal(new Set(sent.map(recordText)).size, 30);
    assert.ok(flags & FLAG.TC);
    for (const text of sent.map(recordText)) seen.set(text, (seen.get(text) ?? 0) + 1);
    firsts.add(recordText(sent[0] ?? addressRecord('.', 0, '0.0.0.0')));
  }
  t.equal(seen.size, 90);
  const [least, most] = [Math.min(...seen.values()), Math.max(...seen.values())];
  // 300 expected, standard deviation 14.
  t.ok(least > 240 && most < 360, `each of them ${least} to ${most} times in ${rounds}`);
  t.equal(firsts.size, 90, 'each stands first at times');
});

t.test('an aged answer is shuffled and cut with the right TTLs', async (t) => {
  const query = ask('web.test.', { edns: ednsOf(600) });
  query.shuffle = true;
  const some = Array.from({ length: 90 }, (_, i) => addressRecord('web.test.', 100 + i, `10.0.0.${i}`));
  const answer = { ...buildAnswer(query, { ...head, answer: some }), bornMs: clock.now() - 7000 };
  for (const { ttl, data } of replyOf(query, answer).answer) {
    assert.equal(data.shape, 'address');
    t.equal(ttl, 93 + Number(data.address.split('.').at(-1)), data.address);
  }
});
