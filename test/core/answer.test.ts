import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { type Answer, blankAnswer, emptyAnswer, isTruncated, NO_TTL, recordCount } from '../../src/core/answer.ts';
import { answerFromMessage, buildAnswer, recordsOf, type Sections } from '../../src/core/encode.ts';
import { encodeReply } from '../../src/core/reply.ts';
import { CLASS, FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, parseMessage } from '../../src/dns/message.ts';
import { keyOf, nameToWire } from '../../src/dns/name.ts';
import { FormatError } from '../../src/dns/reader.ts';
import { addressRecord, nameRecord, type ResourceRecord, soaRecord, srvRecord } from '../../src/dns/record.ts';
import { recordText } from '../../src/dns/text.ts';
import { anyMessage, anyRecord, damaged, holdsFor, samplesOf } from '../dns/messages.ts';
import { addresses, allOf, ask, ednsOf, head, questionMessage, replyOf, soa, tcpPeer, tools } from './queries.ts';

/** How many bytes a record takes when no name is compressed. */
function uncompressed({ name, data }: ResourceRecord): number {
  const bytes = (text: string): number => nameToWire(text).length;
  const fixed = bytes(name) + 10;
  switch (data.shape) {
    case 'address':
      return fixed + (data.address.includes(':') ? 16 : 4);
    case 'name':
      return fixed + bytes(data.target);
    case 'soa':
      return fixed + bytes(data.mname) + bytes(data.rname) + 20;
    case 'mx':
      return fixed + 2 + bytes(data.exchange);
    case 'srv':
      return fixed + 6 + bytes(data.target);
    case 'strings':
      return fixed + data.strings.reduce((sum, string) => sum + 1 + string.length, 0);
    case 'opaque':
      return fixed + data.bytes.length;
    default:
      return data satisfies never;
  }
}

t.test('records come back as they were given, whichever way an answer is made', async () => {
  holdsFor(anyMessage, (message) => {
    const query = ask('web.Test.svc.', { edns: ednsOf(0xffff), peer: tcpPeer });
    const own = addresses('web.Test.svc.', 2);
    const sections = { ...message, answer: [...own, ...message.answer] };
    const whole = { ...sections, rcode: message.rcode, questions: questionMessage('web.Test.svc.').questions };
    const { edns, flags } = message;
    const foreign = answerFromMessage(query, encodeMessage(whole), 'forward');
    const answers = [buildAnswer(query, { ...head, ...sections }), foreign];
    for (const answer of answers) {
      const reply = replyOf(query, answer);
      assert.deepEqual(allOf(reply), allOf(sections));
      assert.deepEqual(allOf(recordsOf(query, answer)), allOf(sections));
      assert.equal(
        answer.wholeBytes,
        allOf(sections).reduce((sum, record) => sum + uncompressed(record), 0),
      );
      assert.equal(answer.minTtl, Math.min(...allOf(sections).map((record) => record.ttl)));
      assert.deepEqual(
        Array.from(answer.ttlOffsets, (at) => answer.body.readUInt32BE(at)),
        allOf(sections).map((record) => record.ttl),
      );
      assert.equal(recordCount(answer), allOf(sections).length);
      assert.equal(answer.recordEnds.at(-1), answer.body.length);
      assert.deepEqual(
        [answer.answerCount, answer.authorityCount, answer.additionalCount],
        [sections.answer.length, sections.authority.length, sections.additional.length],
      );
      assert.deepEqual(Object.keys(answer), Object.keys(blankAnswer), 'all answers have one shape');
    }
    const reply = replyOf(query, foreign);
    assert.equal(reply.rcode, message.rcode);
    assert.equal(reply.flags, FLAG.QR | FLAG.RD | (flags & (FLAG.AA | FLAG.TC | FLAG.RA | FLAG.AD)));
    assert.deepEqual(reply.edns?.options, edns?.options ?? []);
  });
});

t.test('an answer serves any letter case of its name', async (t) => {
  const answer = buildAnswer(ask('web.test.svc.'), {
    ...head,
    answer: [addressRecord('web.test.svc.', 5, '10.0.0.1'), addressRecord('WEB.test.svc.', 5, '10.0.0.2')],
    authority: [soaRecord('svc.', 5, soa)],
    additional: [addressRecord('ns.test.svc.', 5, '10.0.0.3')],
  });
  t.same(allOf(replyOf(ask('wEb.TEST.Svc.'), answer)).map(recordText), [
    'wEb.TEST.Svc. 5 IN A 10.0.0.1',
    'WEB.TEST.Svc. 5 IN A 10.0.0.2',
    'Svc. 5 IN SOA ns.test. admin.test. 1 2 3 4 5',
    'ns.TEST.Svc. 5 IN A 10.0.0.3',
  ]);
  holdsFor(fc.array(anyRecord, { maxLength: 8 }), (records) => {
    const built = buildAnswer(ask('www.svc.cluster.local.', { peer: tcpPeer }), { ...head, answer: records });
    const reply = replyOf(ask('WWW.svc.Cluster.local.', { peer: tcpPeer }), built);
    assert.equal(reply.questions[0]?.name, 'WWW.svc.Cluster.local.');
    assert.deepEqual(
      reply.answer.map((record) => keyOf(recordText(record))),
      records.map((record) => keyOf(recordText(record))),
    );
  });
});

t.test('what an answer says of itself', async (t) => {
  const query = ask('web.test.');
  const answer = buildAnswer(query, { ...head, rcode: RCODE.NXDOMAIN, reason: 'no such Service', live: true });
  t.same(answer, {
    ...blankAnswer,
    rcode: RCODE.NXDOMAIN,
    flags: FLAG.AA,
    source: 'test',
    reason: 'no such Service',
    live: true,
  });
  t.equal(answer.minTtl, NO_TTL);
  t.same(emptyAnswer(RCODE.REFUSED, 'acl', 'blocked'), { ...blankAnswer, rcode: 5, source: 'acl', reason: 'blocked' });
  const ede = { code: 15, data: Uint8Array.of(0, 15) };
  const explained = buildAnswer(query, { ...head, answer: addresses('web.test.', 1), options: [ede] });
  t.same(replyOf(ask('web.test.', { edns: ednsOf(512) }), explained).edns?.options, [ede]);
  t.throws(() => buildAnswer(query, { ...head, answer: addresses('web..test.', 1) }), { name: 'NameError' });
  t.throws(() => buildAnswer(query, { ...head, answer: [addressRecord('a.', 1, 'b')] }), RangeError);
});

t.test('an answer that no message can hold is cut when it is made', async (t) => {
  const query = ask('web.test.', { peer: tcpPeer, edns: ednsOf(4096) });
  const all = addresses('web.test.', 5000);
  const answer = buildAnswer(query, { ...head, answer: all, additional: addresses('ns.test.', 3) });
  t.ok(isTruncated(answer));
  t.equal(answer.answerCount, 4094);
  t.equal(answer.additionalCount, 0);
  const packet = encodeReply(query, answer, tools);
  t.ok(packet.length <= 0xffff && packet.length > 0xffff - 16, `${packet.length} bytes`);
  t.same(parseMessage(packet).answer, all.slice(0, parseMessage(packet).answer.length));
});

t.test('records that a name points into stay where they are', async (t) => {
  const query = ask('web.test.', { peer: tcpPeer });
  const target = [nameRecord('web.test.', TYPE.CNAME, 5, 'a.other.'), ...addresses('a.other.', 3)];
  const cases: readonly (readonly [title: string, records: readonly ResourceRecord[], runs: readonly number[]])[] = [
    ['one address', addresses('web.test.', 1), []],
    ['three of one name', addresses('web.test.', 3), [0, 16, 3]],
    ['behind a CNAME', target, [21, 16, 3]],
    ['the first of three holds their name', addresses('a.other.', 3), [23, 16, 2]],
    ['two names', [...addresses('x.', 1), ...addresses('y.', 1)], [0, 17, 2]],
    [
      'two names, one of them pointed to',
      [...addresses('x.', 1), ...addresses('y.', 1), nameRecord('z.', TYPE.CNAME, 5, 'y.')],
      [],
    ],
    [
      'IPv4 and IPv6',
      [...addresses('web.test.', 2), ...[1, 2, 3].map((i) => addressRecord('web.test.', 5, `2001:db8::${i}`))],
      [0, 16, 2, 32, 28, 3],
    ],
    [
      'a type between them',
      [...addresses('web.test.', 2), nameRecord('web.test.', TYPE.CNAME, 5, 'web.test.'), ...addresses('web.test.', 2)],
      [0, 16, 2, 46, 16, 2],
    ],
    ['another class', addresses('web.test.', 3).map((record) => ({ ...record, class: CLASS.CH })), []],
  ];
  for (const [title, records, runs] of cases) {
    t.same([...buildAnswer(query, { ...head, answer: records }).addressRuns], runs, title);
  }
  const sections = { answer: addresses('web.test.', 2), additional: addresses('web.test.', 2) };
  t.same([...buildAnswer(query, { ...head, ...sections }).addressRuns], [0, 16, 2, 32, 16, 2], 'not across sections');

  // A name in the RDATA of an old type, which may be compressed, points to the owner of an address.
  const wire = encodeMessage({
    ...questionMessage('web.test.'),
    answer: addresses('x.', 1).concat(addresses('y.', 1)),
    authority: [
      {
        name: '.',
        type: TYPE.MB,
        class: CLASS.IN,
        ttl: 1,
        data: { shape: 'opaque', bytes: Buffer.from('c01a', 'hex') },
      },
    ],
  });
  t.same([...answerFromMessage(query, wire, 'forward').addressRuns], []);
});

t.test('foreign messages', async (t) => {
  const query = ask('web.test.', { edns: ednsOf(4096), peer: tcpPeer });
  const records = addresses('web.test.', 2);
  const optRecord = (rcodeBits: number, hex: string): ResourceRecord => {
    const data = { shape: 'opaque' as const, bytes: Buffer.from(hex, 'hex') };
    return { name: '.', type: TYPE.OPT, class: 1232, ttl: rcodeBits * 0x100_0000, data };
  };
  const wireOf = (sections: Sections): Buffer =>
    encodeMessage({ ...questionMessage('WEB.test.'), flags: FLAG.QR | FLAG.RA, rcode: 3, ...sections });
  const nsid = '000300026162';
  const table: readonly (readonly [title: string, sections: Sections, rcode: number, options: string])[] = [
    ['no OPT', { answer: records }, 3, ''],
    ['OPT alone', { additional: [optRecord(0, '')] }, 3, ''],
    ['OPT last', { answer: records, additional: [...addresses('ns.', 1), optRecord(1, nsid)] }, 19, nsid],
    ['OPT first', { answer: records, additional: [optRecord(1, nsid), ...addresses('ns.', 2)] }, 19, nsid],
    ['OPT between', { additional: [...addresses('ns.', 1), optRecord(0xff, ''), ...addresses('ns.', 1)] }, 0xff3, ''],
  ];
  for (const [title, sections, rcode, options] of table) {
    const wire = wireOf(sections);
    const answer = answerFromMessage(query, wire, 'forward');
    if (title === 'OPT last') t.ok(wire.includes(answer.body), 'the records are taken as they came');
    wire.fill(0xff);
    t.equal(answer.rcode, rcode, title);
    t.equal(answer.flags, FLAG.RA, title);
    t.equal(answer.options.toString('hex'), options, title);
    t.equal(answer.source, 'forward');
    const expected = allOf(sections).filter((record) => record.type !== TYPE.OPT);
    const reply = replyOf(query, answer);
    t.same(allOf(reply), expected, title);
    t.equal(reply.additional.length, (sections.additional ?? []).filter(({ type }) => type !== TYPE.OPT).length, title);
    t.equal(
      answer.wholeBytes,
      expected.reduce((sum, record) => sum + uncompressed(record), 0),
      title,
    );
    t.equal(answer.minTtl, expected.length === 0 ? NO_TTL : 30, title);
  }

  const two = { ...questionMessage('web.test.') };
  const refused: readonly (readonly [title: string, wire: Buffer, message: RegExp])[] = [
    ['no question', encodeMessage({ ...two, questions: [] }), /not one question/],
    ['two questions', encodeMessage({ ...two, questions: [...two.questions, ...two.questions] }), /not one question/],
    ['a shorter question', encodeMessage(questionMessage('we.test.')), /another question/],
    ['a longer question', encodeMessage(questionMessage('webs.test.')), /another question/],
    ['nothing', Buffer.alloc(0), /ends too early/],
    ['a header', encodeMessage(two).subarray(0, 12), /runs past the end/],
    ['a record less than promised', wireOf({ answer: records }).subarray(0, -1), /wrong length|ends too early/],
    ['OPT as an answer', wireOf({ answer: [optRecord(0, '')] }), /OPT record out of place/],
    ['OPT as authority', wireOf({ authority: [optRecord(0, '')] }), /OPT record out of place/],
    ['two OPT records', wireOf({ additional: [optRecord(0, ''), optRecord(0, '')] }), /OPT record out of place/],
    ['half an option', wireOf({ additional: [optRecord(0, '0003')] }), /ends too early/],
  ];
  for (const [title, wire, message] of refused) {
    t.throws(() => answerFromMessage(query, wire, 'forward'), { name: 'FormatError', message }, title);
  }
});

t.test('foreign compression: pointers into the question, into RDATA, to pointers', async (t) => {
  const hex = `
    1234 8180 0001 0004 0000 0000
    03 776562 04 74657374 00 0001 0001
    c00c 0005 0001 0000003c 0006 03 777777 c010
    c026 0005 0001 0000003c 0002 c010
    c010 0021 0001 0000003c 0008 0001 0002 0003 c026
    c038 0001 0001 0000003c 0004 0a000001`;
  const wire = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  const query = ask('wEB.teST.', { peer: tcpPeer });
  const answer = answerFromMessage(query, wire, 'forward');
  t.same(replyOf(query, answer).answer.map(recordText), [
    'wEB.teST. 60 IN CNAME www.teST.',
    'www.teST. 60 IN CNAME teST.',
    'teST. 60 IN SRV 1 2 3 www.teST.',
    'teST. 60 IN A 10.0.0.1',
  ]);
});

t.test('20,000 damaged foreign messages: an answer that can be sent and read, or a FormatError', async (t) => {
  const query = ask('web.test.', { edns: ednsOf(1232) });
  query.shuffle = true;
  const corpus = samplesOf(anyMessage, 200).map((message) =>
    encodeMessage({ ...message, questions: questionMessage('web.test.').questions }),
  );
  let sent = 0;
  for (const packet of damaged(corpus, 20_000)) {
    let answer: Answer;
    try {
      answer = answerFromMessage(query, packet, 'forward');
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      continue;
    }
    sent++;
    const reply = replyOf(query, answer);
    assert.ok(allOf(reply).length <= recordCount(answer));
    assert.equal(allOf(recordsOf(query, answer)).length, recordCount(answer));
  }
  t.ok(sent > 3000, `${sent} were sent on`);
});

t.test('a service record and its target are sent as they are stored', async (t) => {
  const target = 'web.Test.svc.cluster.local.';
  const query = ask('_http._tcp.web.test.svc.cluster.local.', { type: TYPE.SRV });
  const srv = srvRecord(query.text, 30, { priority: 0, weight: 100, port: 80, target });
  const answer = buildAnswer(query, { ...head, answer: [srv], additional: addresses(target, 1) });
  const reply = replyOf(ask('_HTTP._tcp.WEB.test.svc.cluster.local.', { type: TYPE.SRV }), answer);
  t.same(allOf(reply).map(recordText), [
    `_HTTP._tcp.WEB.test.svc.cluster.local. 30 IN SRV 0 100 80 ${target}`,
    `${target} 30 IN A 10.0.0.0`,
  ]);
});
