import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import t from 'tap';
import { parseQuery, type Verdict } from '../../src/core/accept.ts';
import { emptyAnswer } from '../../src/core/answer.ts';
import { Query } from '../../src/core/query.ts';
import { badVersionReply, bareReply, encodeReply, malformedReply, noQuestionReply } from '../../src/core/reply.ts';
import { ZoneName, ZoneSet } from '../../src/core/zone-name.ts';
import { FLAG, OPCODE, OPTION, RCODE, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import { isWithin, keyOf, nameToWire } from '../../src/dns/name.ts';
import { anyMessage, anyName, anyRecord, damaged, holdsFor, samplesOf } from '../dns/messages.ts';
import { ask, ednsOf, questionMessage, tcpPeer, tools, udpPeer } from './queries.ts';

/** What a client gets when the chain, if it is asked at all, gives only `rcode` and `flags`. */
function replyTo(query: Query, verdict: Verdict, rcode: number, flags: number): Buffer {
  switch (verdict) {
    case 'ignore':
      return Buffer.alloc(0);
    case 'notimp':
      return bareReply(query, RCODE.NOTIMP, query.opcode);
    case 'formerr':
      return bareReply(query, RCODE.FORMERR, OPCODE.QUERY);
    case 'servfail':
      return noQuestionReply(query);
    case 'malformed':
      return malformedReply(query);
    case 'badvers':
      return badVersionReply(query);
    case 'accept':
      return encodeReply(query, emptyAnswer(rcode, 'test', '', flags), tools);
    default:
      return verdict satisfies never;
  }
}

/** All that a query holds, its strings too. */
function factsOf(query: Query): Record<string, unknown> {
  const { id, opcode, flags, type, class: qclass, questionEnd, nameLength, hash, mixedCase } = query;
  const { hasEdns, udpSize, dnssecOk, shuffle, key, text } = query;
  const name = query.name.toString('hex', 0, nameLength);
  const header = { id, opcode, flags, type, qclass, questionEnd, name, hash, mixedCase };
  return { ...header, hasEdns, udpSize, dnssecOk, shuffle, key, text };
}

interface Packet {
  readonly label: string;
  readonly request: string;
  readonly verdict: Verdict;
  /** What the reference replied, its records and EDNS options left out; '' where it was silent. */
  readonly reply: string;
}

t.test('packets, what becomes of them, and the reply to each', async (t) => {
  const packets: readonly Packet[] = JSON.parse(readFileSync(`${import.meta.dirname}/packets.json`, 'utf8'));
  // The same Query for all, as a listener does it.
  const query = new Query();
  for (const { label, request, verdict, reply } of packets) {
    t.equal(parseQuery(query, Buffer.from(request, 'hex'), udpPeer), verdict, label);
    const expected = Buffer.from(reply, 'hex');
    const word = verdict === 'accept' ? expected.readUInt16BE(2) : 0;
    const actual = replyTo(query, verdict, word & 15, word & FLAG.AA);
    t.equal(actual.toString('hex'), reply, `reply to ${label}`);
  }
});

t.test('more packets', async (t) => {
  const name = '03777777 00'.replaceAll(' ', '');
  const question = `${name}00010001`;
  const header = (flags: string, qd: number, an: number, ns: number, ar: number): string =>
    `abcd${flags}${[qd, an, ns, ar].map((count) => `000${count}`).join('')}`;
  const one = header('0100', 1, 0, 0, 0);
  const withOne = header('0100', 1, 0, 0, 1);
  const opt = (rdata: string): string =>
    `00002904d000008000${(rdata.length / 2).toString(16).padStart(4, '0')}${rdata}`;
  const longest = `${`3f${'61'.repeat(63)}`.repeat(3)}3d${'61'.repeat(61)}00`;
  const longer = `${`3f${'61'.repeat(63)}`.repeat(3)}3e${'61'.repeat(62)}00`;
  const table: readonly (readonly [label: string, request: string, verdict: Verdict])[] = [
    ['the longest name', `${one}${longest}00010001`, 'accept'],
    ['a byte longer', `${one}${longer}00010001`, 'formerr'],
    ['64 bytes in a label', `${one}40${'61'.repeat(64)}0000010001`, 'formerr'],
    ['half a type', `${one}${name}00`, 'formerr'],
    ['half a class', `${one}${name}000100`, 'formerr'],
    ['a pointer as the name', `${one}c00c00010001`, 'formerr'],
    ['an owner that points to the question', `${withOne}${question}c00c00290200000000000000`, 'accept'],
    ['an owner that points to the header', `${withOne}${question}c00400290200000000000000`, 'malformed'],
    ['an owner that points to itself', `${withOne}${question}c01500290200000000000000`, 'malformed'],
    ['half a pointer', `${withOne}${question}c0`, 'malformed'],
    ['an owner without end', `${withOne}${question}0161`, 'malformed'],
    ['an owner of 255 bytes', `${withOne}${question}${longest}00010001000000000000`, 'accept'],
    ['an owner of 256 bytes', `${withOne}${question}${longer}00010001000000000000`, 'malformed'],
    ['an owner over 255 bytes', `${withOne}${question}${'0161'.repeat(140)}000029020000000000`, 'malformed'],
    ['a record without its fields', `${withOne}${question}0000290200`, 'malformed'],
    ['RDATA past the end', `${withOne}${question}00002902000000000000ff01`, 'malformed'],
    ['half an option', `${withOne}${question}${opt('000a00')}`, 'malformed'],
    ['an option past the end of OPT', `${withOne}${question}${opt('000a000201')}`, 'malformed'],
    ['two options', `${withOne}${question}${opt('000a000201020003 0000'.replaceAll(' ', ''))}`, 'accept'],
    ['a good OPT, then a broken one', `${header('0100', 1, 0, 0, 2)}${question}${opt('')}${opt('00')}`, 'malformed'],
    ['a broken record, then a good OPT', `${header('0100', 1, 1, 0, 1)}${question}00${opt('')}`, 'malformed'],
    ['AA, Z and all else in an unknown opcode', `${header('17f0', 1, 0, 0, 0)}${question}`, 'notimp'],
    ['a response of an unknown opcode', `${header('9100', 1, 0, 0, 0)}${question}`, 'ignore'],
    ['half a header', one.slice(0, 12), 'ignore'],
  ];
  for (const [label, request, verdict] of table) {
    const query = new Query();
    t.equal(parseQuery(query, Buffer.from(request, 'hex'), udpPeer), verdict, label);
    if (verdict === 'malformed') t.equal(query.hasEdns, false, `${label}: a reply without OPT`);
    if (verdict === 'formerr') t.match(query, { key: '.', text: '.', type: 0, class: 0 }, `${label}: no question`);
  }
  const query = new Query();
  parseQuery(query, Buffer.from(`${header('17f0', 1, 0, 0, 0)}${question}`, 'hex'), udpPeer);
  t.equal(bareReply(query, RCODE.NOTIMP, query.opcode).toString('hex'), `abcd93b4${'0000'.repeat(4)}`);
});

t.test('client subnets: only those that RFC 7871 allows', async (t) => {
  const table: readonly (readonly [option: string, verdict: Verdict])[] = [
    ['0001 18 00 0a0001', 'accept'],
    ['0001 20 20 0a000102', 'accept'],
    ['0001 00 00', 'accept'],
    ['0002 38 00 20010db8000000', 'accept'],
    ['0002 80 80 20010db8000000000000000000000001', 'accept'],
    ['0000 00 00', 'accept'],
    ['0001 21 00 0a000102', 'malformed'],
    ['0001 18 21 0a0001', 'malformed'],
    ['0001 20 00 0a00010203', 'malformed'],
    ['0002 81 00', 'malformed'],
    ['0000 01 00', 'malformed'],
    ['0009 18 00', 'malformed'],
    ['0001 18', 'malformed'],
  ];
  for (const [text, verdict] of table) {
    const data = Buffer.from(text.replaceAll(' ', ''), 'hex');
    const edns = { ...ednsOf(512), options: [{ code: OPTION.SUBNET, data }] };
    const packet = encodeMessage({ ...questionMessage('www.test.'), edns });
    t.equal(parseQuery(new Query(), packet, udpPeer), verdict, text);
  }
});

t.test('options of a length that they can not have', async (t) => {
  const table = [
    [OPTION.LONG_LIVED_QUERY, [18, 19], [0, 17]],
    [OPTION.UPDATE_LEASE, [4, 8], [0, 5, 12]],
    [OPTION.EXPIRE, [0, 4], [1, 3]],
    [OPTION.TCP_KEEPALIVE, [0, 2], [1, 3]],
    [OPTION.EXTENDED_ERROR, [2, 30], [0, 1]],
    [OPTION.NSID, [0, 1, 30], []],
    [OPTION.COOKIE, [0, 8, 40], []],
    [26946, [0, 1, 300], []],
  ] as const;
  const verdictOf = (code: number, length: number): Verdict => {
    const edns = { ...ednsOf(512), options: [{ code, data: new Uint8Array(length) }] };
    return parseQuery(new Query(), encodeMessage({ ...questionMessage('www.test.'), edns }), udpPeer);
  };
  for (const [code, good, bad] of table) {
    for (const length of good) t.equal(verdictOf(code, length), 'accept', `option ${code}, ${length} bytes`);
    for (const length of bad) t.equal(verdictOf(code, length), 'malformed', `option ${code}, ${length} bytes`);
  }
});

t.test('what is malformed comes back with its question and its flags', async (t) => {
  const [question] = questionMessage('WWW.test.').questions;
  const packet = encodeMessage({ ...questionMessage('WWW.test.'), opcode: OPCODE.NOTIFY, flags: 0x02b0 });
  packet[11] = 1;
  const query = new Query();
  t.equal(parseQuery(query, Buffer.concat([packet, Buffer.from('00', 'hex')]), udpPeer), 'malformed');
  const reply = parseMessage(malformedReply(query));
  t.match(reply, { rcode: RCODE.FORMERR, opcode: OPCODE.QUERY, questions: [question], edns: undefined });
  t.equal(reply.flags, 0x82b0, 'TC, RA, AD, CD as they were sent');
});

t.test('a query over 512 bytes is read whole, over UDP too', async (t) => {
  const edns = { ...ednsOf(4096, true), options: [{ code: OPTION.PADDING, data: new Uint8Array(500) }] };
  for (const peer of [udpPeer, tcpPeer]) {
    const query = ask('www.test.', { edns, peer });
    t.equal(query.udpSize, 4096);
    t.ok(query.dnssecOk);
    t.equal(query.peer, peer);
  }
});

/** Options whose data may not be just anything. */
const WITH_A_FORM: ReadonlySet<number> = new Set([
  OPTION.SUBNET,
  OPTION.LONG_LIVED_QUERY,
  OPTION.UPDATE_LEASE,
  OPTION.EXPIRE,
  OPTION.TCP_KEEPALIVE,
  OPTION.EXTENDED_ERROR,
]);

/** The message as a query that must be accepted: one question, no more records than a query may have. */
function asQuery(message: Message): Message {
  return {
    ...message,
    opcode: message.opcode % 2 === 0 ? OPCODE.QUERY : OPCODE.NOTIFY,
    flags: message.flags & ~FLAG.QR,
    answer: message.answer.slice(0, 1),
    authority: message.authority.slice(0, 1),
    additional: message.additional.slice(0, message.edns === undefined ? 2 : 1),
    edns: message.edns && {
      ...message.edns,
      options: message.edns.options.filter(({ code }) => !WITH_A_FORM.has(code)),
    },
  };
}

/** Asserts that `query` says of its packet what the plain parser says. */
function assertSameFacts(query: Query, message: Message): void {
  const [question] = message.questions;
  assert.ok(question);
  const { edns } = message;
  assert.deepEqual(factsOf(query), {
    id: message.id,
    opcode: message.opcode,
    flags: message.flags | (message.opcode << 11) | (message.rcode & 15),
    type: question.type,
    qclass: question.class,
    questionEnd: 12 + nameToWire(question.name).length + 4,
    name: nameToWire(keyOf(question.name)).toString('hex'),
    hash: query.hash,
    mixedCase: keyOf(question.name) !== question.name,
    hasEdns: edns !== undefined,
    udpSize: edns?.udpSize ?? 512,
    dnssecOk: edns?.dnssecOk ?? false,
    shuffle: false,
    key: keyOf(question.name),
    text: question.name,
  });
}

t.test('a query says what the plain parser says', async () => {
  holdsFor(
    fc.tuple(anyMessage, anyName),
    ([message, name]) => {
      const asked = asQuery({ ...message, questions: [{ name, type: message.id, class: 1 }] });
      const query = new Query();
      const verdict = parseQuery(query, encodeMessage(asked), udpPeer);
      assert.equal(verdict, (asked.edns?.version ?? 0) === 0 ? 'accept' : 'badvers');
      assertSameFacts(query, asked);
    },
    1000,
  );
});

t.test('of two OPT records the last counts, wherever it stands; in other sections it does not', async (t) => {
  const packet = encodeMessage({ ...questionMessage('a.'), edns: ednsOf(512) });
  const opt = packet.subarray(19);
  const larger = Buffer.from(opt).fill(0x10, 3, 4);
  const query = new Query();
  const both = Buffer.concat([packet.subarray(0, 19), larger, opt]);
  both[11] = 2;
  t.equal(parseQuery(query, both, udpPeer), 'accept');
  t.equal(query.udpSize, 512);
  both[11] = 1;
  both[9] = 1;
  t.equal(parseQuery(query, both, udpPeer), 'accept');
  t.equal(query.udpSize, 512);
  both[11] = 0;
  t.equal(parseQuery(query, both, udpPeer), 'accept');
  t.equal(query.hasEdns, false);
});

/** A buffer that fails a test when it is read past its end. */
function guarded(packet: Buffer): Buffer {
  return new Proxy(packet, {
    get(target, key) {
      const index = typeof key === 'string' && /^-?\d+$/.test(key) ? Number(key) : 0;
      if (index < 0 || (index > 0 && index >= target.length)) throw new RangeError(`byte ${index} of ${target.length}`);
      return Reflect.get(target, key, target);
    },
  });
}

t.test('50,000 damaged packets: a verdict each, and never a fact that is not in the packet', async (t) => {
  const corpus = samplesOf(fc.tuple(anyMessage, anyName, fc.array(anyRecord, { maxLength: 2 })), 300).map(
    ([message, name, additional]) =>
      encodeMessage(asQuery({ ...message, additional, questions: [{ name, type: TYPE.AAAA, class: 1 }] })),
  );
  const verdicts = new Map<Verdict, number>();
  const used = new Query();
  let compared = 0;
  let i = 0;
  for (const packet of damaged(corpus, 50_000)) {
    const verdict = parseQuery(used, packet, udpPeer);
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (i++ % 10 > 0) continue;

    const fresh = new Query();
    assert.equal(parseQuery(fresh, guarded(packet), udpPeer), verdict);
    if (verdict === 'ignore') continue;
    fresh.wire = packet;
    assert.deepEqual(factsOf(used), factsOf(fresh), 'nothing is left over from the packet before');
    replyTo(used, verdict, RCODE.NOERROR, 0);
    if (verdict !== 'accept' && verdict !== 'badvers') continue;
    let message: Message;
    try {
      message = parseMessage(packet);
    } catch {
      continue;
    }
    assertSameFacts(used, message);
    compared++;
  }
  t.ok(compared > 500, `${compared} were compared`);
  for (const verdict of ['accept', 'ignore', 'notimp', 'formerr', 'servfail', 'malformed', 'badvers'] as const) {
    t.ok((verdicts.get(verdict) ?? 0) > 0, `${verdicts.get(verdict)} times ${verdict}`);
  }
});

t.test('a copy of a query outlives it', async (t) => {
  const query = ask('WWW.test.', { type: TYPE.AAAA, edns: ednsOf(1232, true), peer: tcpPeer });
  query.shuffle = true;
  const before = factsOf(query);
  const copy = query.copy();
  const other = encodeMessage(questionMessage('other.example.'));
  other.copy(query.wire);
  parseQuery(query, other, udpPeer);
  t.equal(query.key, 'other.example.');
  t.same(factsOf(copy), before);
  t.equal(copy.text, 'WWW.test.');
  t.equal(copy.key, 'www.test.');
  t.equal(copy.peer, tcpPeer);
});

t.test('the hash is that of the name without regard to case', async (t) => {
  const hashes = new Set<number>();
  for (let i = 0; i < 5000; i++) {
    const lower = ask(`web-${i}.test.svc.`);
    const upper = ask(`WEB-${i}.test.SVC.`);
    assert.equal(lower.hash, upper.hash);
    assert.equal(lower.hash, lower.hash | 0);
    hashes.add(lower.hash);
  }
  t.ok(hashes.size > 4990, `${hashes.size} hashes`);
});

t.test('zones', async (t) => {
  const table: readonly (readonly [zone: string, name: string, covers: boolean])[] = [
    ['.', '.', true],
    ['.', 'example.', true],
    ['example.', '.', false],
    ['example.', 'example.', true],
    ['EXAMPLE', 'www.Example.', true],
    ['example.', 'notexample.', false],
    ['example.', 'example.org.', false],
    ['www.example.', 'example.', false],
    // The bytes of the zone's first label, length and all, stand at the end of a longer label.
    ['abc.test.', String.raw`x\003abc.test.`, false],
    ['b.test.', String.raw`a\.b.test.`, false],
    [String.raw`\065\.b.`, String.raw`x.a\.B.`, true],
  ];
  for (const [zone, name, covers] of table) {
    t.equal(new ZoneName(zone).covers(ask(name)), covers, `${name} in ${zone}`);
    t.equal(isWithin(ask(name).key, new ZoneName(zone).key), covers, `${name} in ${zone}, by text`);
  }
  t.equal(new ZoneName('Cluster.LOCAL').key, 'cluster.local.');
  t.equal(new ZoneName(String.raw`\065 b`).key, String.raw`a\ b.`);
  t.throws(() => new ZoneName('a..b.'), { name: 'NameError' });

  const zones = new ZoneSet(['local.', 'Cluster.local.', 'in-addr.arpa.', 'svc.cluster.local.']);
  const longest = (name: string): string | undefined => zones.longest(ask(name))?.key;
  t.equal(longest('a.svc.cluster.local.'), 'svc.cluster.local.');
  t.equal(longest('a.pod.CLUSTER.local.'), 'cluster.local.');
  t.equal(longest('local.'), 'local.');
  t.equal(longest('1.0.0.10.in-addr.arpa.'), 'in-addr.arpa.');
  t.equal(longest('ip6.arpa.'), undefined);
  t.ok(zones.covers(ask('x.local.')));
  t.notOk(zones.covers(ask('example.')));
  t.notOk(new ZoneSet([]).covers(ask('.')));
});

t.test('a zone covers what lies within it by text', async () => {
  holdsFor(fc.tuple(anyName, anyName), ([zone, name]) => {
    const zoneName = new ZoneName(zone);
    const query = ask(name);
    assert.equal(zoneName.covers(query), isWithin(query.key, zoneName.key));
  });
});
