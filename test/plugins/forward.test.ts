import t from 'tap';
import { parseQuery } from '../../src/core/accept.ts';
import type { Handler } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { CLASS, FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, type Message } from '../../src/dns/message.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { type Asking, queryFor, testPeer } from '../support/ask.ts';
import { noNext } from '../support/env.ts';
import { seededRandom } from '../support/random.ts';
import { aWhile, eventually, forwarding, outcome, stub, tcp } from '../upstream/forwarding.ts';
import { recorded, soa } from '../upstream/recorded-server.ts';
import { answering, replyTo, type Script, silent, withAddress } from '../upstream/stub-server.ts';

t.test('what an upstream says comes back as it is', async (t) => {
  const server = await stub(t, recorded);
  const { handler } = await forwarding(t, `forward . ${server.endpoint}`);
  const cases: readonly (readonly [question: string, answer: string])[] = [
    ['www.example.org.', 'NOERROR ra\nanswer www.example.org. 100 IN A 192.0.2.1'],
    ['nx.example.org.', `NXDOMAIN ra\nauthority example.org. 200 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`],
    ['nxnosoa.example.org.', 'NXDOMAIN ra'],
    ['servfail.example.org.', 'SERVFAIL ra'],
    ['refused.example.org.', 'REFUSED ra'],
    ['notimp.example.org.', 'NOTIMP ra'],
    ['formerr.example.org.', 'FORMERR ra'],
    ['nodatanosoa.example.org.', 'NOERROR ra'],
    [
      'nodata.example.org.',
      `NOERROR ra\nauthority example.org. 200 IN SOA ns.example.org. host.example.org. 1 2 3 4 60`,
    ],
    ['delegate.example.org.', 'NOERROR ra\nauthority example.org. 100 IN NS ns.example.org.'],
    [
      'cname.example.org.',
      'NOERROR ra\nanswer cname.example.org. 100 IN CNAME target.example.org.\nanswer target.example.org. 100 IN A 1.2.3.4',
    ],
    ['aa.example.org.', 'NOERROR aa ra\nanswer aa.example.org. 100 IN A 1.2.3.4'],
    ['ad.example.org.', 'NOERROR ra ad\nanswer ad.example.org. 100 IN A 1.2.3.4'],
    ['tc.example.org.', 'NOERROR tc ra'],
    ['casechange.example.org.', 'NOERROR ra'],
    ['idmismatch.example.org.', 'NOERROR ra\nanswer idmismatch.example.org. 100 IN A 192.0.2.1'],
  ];
  for (const [question, answer] of cases) t.equal(await outcome(handler, question), answer, question);
  t.equal(
    (await outcome(handler, 'big.example.org.')).split('\n').length,
    61,
    'all of what is too large for the client',
  );
  t.equal(await outcome(handler, 'tc.example.org.', tcp), 'NOERROR ra\nanswer tc.example.org. 100 IN A 192.0.2.1');
  t.equal(server.seen.at(-1), 'tcp tc.example.org. A [rd]', 'a client of TCP is asked for over TCP');
  t.equal(await outcome(handler, 'qmismatch.example.org.', tcp), 'FORMERR', 'another question over TCP');
});

t.test('what no upstream answers', async (t) => {
  const server = await stub(t, recorded);
  const { handler, host } = await forwarding(t, `forward . ${server.endpoint}`);

  for (const [i, question] of ['slow.example.org.', 'garbage.example.org.', 'qmismatch.example.org.'].entries()) {
    const asked = server.seen.length;
    const answer = outcome(handler, question);
    await server.received(asked + 1);
    await host.clock.advance(2000);
    // The failure starts a probe, which the upstream answers.
    await server.received(asked + 3);
    await host.clock.advance(2000);
    t.equal(await answer, 'SERVFAIL read udp HOST:PORT->HOST:PORT: i/o timeout', question);
    if (i === 0) {
      t.same(new Set(server.seen.slice(asked)), new Set(['udp slow.example.org. A [rd]', 'udp . NS [rd]']));
    }
  }

  const gone = await stub(t);
  await gone.close();
  const dead = await forwarding(t, `forward . ${gone.endpoint}`);
  const refused = 'SERVFAIL read udp HOST:PORT->HOST:PORT: read: connection refused';
  t.equal(await outcome(dead.handler, 'x.example.org.'), refused, 'nobody listens: no waiting');
  t.equal(
    await outcome(dead.handler, 'x.example.org.', tcp),
    'SERVFAIL dial tcp HOST:PORT: connect: connection refused',
  );
});

t.test('five seconds are the end, whatever the options', async (t) => {
  const server = await stub(t, silent);
  const { handler, host } = await forwarding(
    t,
    `forward . ${server.endpoint} {\nmax_connect_attempts 0\nmax_fails 0\n}`,
  );
  const answer = outcome(handler, 'slow.example.org.');
  let over = false;
  void answer.then(() => (over = true));
  for (const [attempt, ms] of [
    [1, 2000],
    [1, 100],
    [2, 2000],
    [2, 100],
    [3, 799],
  ] as const) {
    await server.received(attempt);
    await host.clock.advance(ms);
  }
  t.equal(over, false);
  await host.clock.advance(1);
  t.equal(await answer, 'SERVFAIL read udp HOST:PORT->HOST:PORT: i/o timeout');
  t.equal(server.seen.length, 3);

  await server.close();
  const dead = await forwarding(t, `forward . ${server.endpoint} {\nmax_connect_attempts 0\nmax_fails 0\n}`);
  let refusal = '';
  void outcome(dead.handler, 'x.example.org.').then((text) => (refusal = text));
  for (let ms = 0; ms < 5000; ms += 100) {
    // Refused, it waits for the next round.
    await eventually(() => dead.host.clock.pending === 1);
    await dead.host.clock.advance(100);
  }
  await eventually(() => refusal !== '');
  t.match(refusal, /connection refused$|i\/o timeout$/);
  const attempts = /coredns_proxy_conn_cache_misses_total\{.*\} (\d+)/.exec(await dead.host.metrics.exposition())?.[1];
  t.ok(Number(attempts) <= 51, `${attempts} attempts: refusals at once do not make it spin`);
});

t.test('a question goes out as it came', async (t) => {
  const server = await stub(t);
  const { handler } = await forwarding(t, `forward . ${server.endpoint}`);
  const options = [
    { code: 8, data: Uint8Array.from([0, 1, 24, 0, 10, 1, 2]) },
    { code: 10, data: Uint8Array.from(Buffer.from('abcdefgh')) },
    { code: 12, data: new Uint8Array(5) },
  ];
  const packet: Message = {
    id: 4711,
    opcode: 0,
    rcode: 0,
    flags: FLAG.RD | FLAG.CD | FLAG.AD,
    questions: [{ name: 'WwW.Example.ORG.', type: TYPE.AAAA, class: CLASS.IN }],
    answer: [],
    authority: [],
    additional: [],
    edns: { version: 0, udpSize: 1400, dnssecOk: true, options },
  };
  const send = async (change: (query: Query) => void = () => {}): Promise<Message | undefined> => {
    const query = new Query();
    parseQuery(query, encodeMessage(packet), testPeer);
    change(query);
    await handler(query);
    return server.messages.at(-1);
  };
  const { id, ...passedOn } = (await send()) ?? packet;
  const { id: own, ...sent } = packet;
  t.same(passedOn, sent);
  t.not(id, own, 'but for the id');

  const changed = await send((query) => {
    query.udpSize = 512;
    query.dnssecOk = false;
    query.flags &= ~FLAG.CD;
    query.type = TYPE.TXT;
  });
  t.match(changed, {
    flags: FLAG.RD | FLAG.AD,
    questions: [{ name: 'WwW.Example.ORG.', type: TYPE.TXT }],
    edns: { udpSize: 512, dnssecOk: false, options },
  });

  const inner = queryFor('inner.test. A');
  inner.hasEdns = true;
  inner.udpSize = 1232;
  inner.dnssecOk = true;
  await handler(inner);
  t.same(
    server.messages.at(-1)?.edns,
    { version: 0, udpSize: 1232, dnssecOk: true, options: [] },
    'EDNS without a record',
  );
  await handler(queryFor('plain.test. A', { flags: 0 }));
  t.match(server.messages.at(-1), { flags: 0, edns: undefined });

  const odd = queryFor('odd.test. A', { edns: 1232 });
  odd.wire[11] = 2;
  await handler(odd);
  t.match(server.messages.at(-1), { edns: { udpSize: 1232 } }, 'a count that promises too much is put right');
  const broken = queryFor('broken.test. A', { edns: 1232 });
  // A name that points into the header: the server's first look lets it pass.
  const name = Buffer.from([0xc0, 0]);
  broken.wire = Buffer.concat([
    broken.wire.subarray(0, broken.questionEnd),
    name,
    broken.wire.subarray(broken.questionEnd + 1),
  ]);
  t.equal(
    await Promise.resolve()
      .then(() => handler(broken))
      .catch(String),
    'QueryError: the query can not be passed on: compression pointer leads nowhere at byte 29',
  );
});

t.test('equal questions under way are asked once', async (t) => {
  const server = await stub(t, silent);
  const { handler } = await forwarding(t, `forward . ${server.endpoint}`);
  const askings: readonly (readonly [question: string, asking: Asking])[] = [
    ['a.test. A', {}],
    ['A.test. A', {}],
    ['a.test. AAAA', {}],
    ['a.test. A CH', {}],
    ['a.test. A', { flags: FLAG.RD | FLAG.CD }],
    ['a.test. A', { flags: 0 }],
    ['a.test. A', { edns: 1232 }],
    ['a.test. A', { edns: 1232, dnssecOk: true }],
    ['a.test. A', tcp],
  ];
  const twice = [...askings, ...askings].map(([question, asking]) => outcome(handler, question, { ...asking, id: 1 }));
  const others = askings.map(([question, asking]) => outcome(handler, question, { ...asking, id: 2 }));
  await server.received(askings.length);
  await aWhile();
  t.equal(server.seen.length, askings.length);
  for (const [i, message] of server.messages.entries()) server.reply(i, withAddress(message));
  const answers = await Promise.all([...twice, ...others]);
  t.ok(
    answers.every((answer) => answer.endsWith('IN A 192.0.2.1')),
    'all of them are answered',
  );
  const later = outcome(handler, 'a.test. A');
  await server.received(askings.length + 1);
  server.reply(askings.length, replyTo(server.messages.at(-1) ?? unexpected()));
  t.equal(await later, 'NOERROR ra', 'an answer is not kept');
});

function unexpected(): never {
  throw new Error('nothing came');
}

t.test('max_concurrent', async (t) => {
  const server = await stub(t, silent);
  const { handler, host } = await forwarding(t, `forward . ${server.endpoint} {\nmax_concurrent 2\n}`);
  const first = outcome(handler, 'a.test.');
  const second = outcome(handler, 'a.test.');
  t.equal(await outcome(handler, 'b.test.'), 'REFUSED concurrent queries exceeded maximum 2');
  await server.received(1);
  server.reply(0, replyTo(server.messages[0] ?? unexpected()));
  t.same(await Promise.all([first, second]), ['NOERROR ra', 'NOERROR ra']);
  const third = outcome(handler, 'b.test.');
  await server.received(2);
  server.reply(1, replyTo(server.messages[1] ?? unexpected()));
  t.equal(await third, 'NOERROR ra', 'there is room again');
  t.match(await host.metrics.exposition(), /^coredns_forward_max_concurrent_rejects_total 1$/m);
});

t.test('an upstream that leads back here is asked once for each question, and ends with the time', async (t) => {
  let handler: Handler = noNext;
  let arrived = 0;
  const self: Script = (message) => {
    arrived++;
    const query = new Query();
    parseQuery(query, encodeMessage(message), testPeer);
    void Promise.resolve(handler(query)).catch(() => undefined);
    return [];
  };
  const server = await stub(t, self);
  const running = await forwarding(t, `forward . ${server.endpoint} {\nmax_fails 0\n}`);
  handler = running.handler;
  const clients = Array.from({ length: 20 }, (_, i) => outcome(handler, `n${i % 4}.test.`));
  await server.received(4);
  await aWhile();
  t.equal(arrived, 4, 'twenty clients, four questions');
  await running.host.clock.advance(2000);
  await server.received(8);
  await aWhile();
  t.equal(arrived, 8, 'the second attempt');
  await running.host.clock.advance(2000);
  const answers = new Set(await Promise.all(clients));
  t.same([...answers], ['SERVFAIL read udp HOST:PORT->HOST:PORT: i/o timeout']);
  await aWhile();
  t.equal(arrived, 8);
});

t.test('health: a failure starts probes, and a server that fails them is passed over', async (t) => {
  let answers = false;
  const script: Script = (message) => (answers ? [withAddress(message)] : []);
  const sick = await stub(t, script);
  const well = await stub(t);
  const lines = `forward . ${sick.endpoint} ${well.endpoint} {\npolicy sequential\nmax_fails 1\nhealth_check 1s no_rec domain probe.test\n}`;
  const { handler, host } = await forwarding(t, lines);
  const first = outcome(handler, 'a.test.');
  await sick.received(1);
  await host.clock.advance(2000);
  t.equal(await first, 'NOERROR ra\nanswer a.test. 100 IN A 192.0.2.1', 'the next server answers');
  await sick.received(2);
  t.equal(sick.seen[1], 'udp probe.test. NS []');
  await host.clock.advance(1000);
  t.same(host.output, [], 'one failed probe is not more than max_fails');
  await host.clock.advance(1000);
  await sick.received(3);
  await host.clock.advance(1000);
  const [line = ''] = host.output;
  const where = `${sick.endpoint} (Corefile:2)`;
  t.match(line, `[WARNING] plugin/forward: upstream ${where} does not answer: read udp `);
  const asked = sick.seen.length;
  await outcome(handler, 'b.test.');
  t.equal(sick.seen.length, asked, 'it is down');
  answers = true;
  await host.clock.advance(1000);
  await eventually(() => host.output.length === 2);
  t.equal(host.output[1], `[INFO] plugin/forward: upstream ${where} answers again`);
  await outcome(handler, 'c.test.');
  t.equal(sick.seen.at(-1), 'udp c.test. A [rd]', 'it is asked again');
  await host.clock.advance(20_000);
  t.notMatch(sick.seen.slice(asked + 2), /NS/, 'the probes have ended');
  const metrics = await host.metrics.exposition();
  t.match(metrics, `coredns_proxy_healthcheck_failures_total{proxy_name="forward",to="${sick.endpoint}"} 2`);
  t.match(metrics, /^coredns_forward_healthcheck_broken_total 0$/m);
});

t.test('health: when all are down, any is tried, or none', async (t) => {
  const server = await stub(t);
  await server.close();
  for (const [options, answer, counted] of [
    ['max_fails 1', 'SERVFAIL read udp HOST:PORT->HOST:PORT: read: connection refused', 1],
    ['max_fails 1\nfailfast_all_unhealthy_upstreams', 'SERVFAIL no healthy proxies', 1],
    [
      'max_fails 0\nfailfast_all_unhealthy_upstreams',
      'SERVFAIL read udp HOST:PORT->HOST:PORT: read: connection refused',
      0,
    ],
  ] as const) {
    const { handler, host } = await forwarding(t, `forward . ${server.endpoint} {\n${options}\n}`);
    await outcome(handler, 'x.test.');
    for (let i = 0; i < 4; i++) {
      // A probe was refused and the next one waits for its time.
      await eventually(() => host.clock.pending === (counted === 0 ? 0 : 1));
      await host.clock.advance(500);
    }
    await eventually(() => host.clock.pending <= 1);
    t.equal(await outcome(handler, 'y.test.'), answer, options);
    t.match(await host.metrics.exposition(), new RegExp(`^coredns_forward_healthcheck_broken_total ${counted}$`, 'm'));
  }
});

t.test('policies', async (t) => {
  const servers = await Promise.all(
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => stub(t, (message) => [withAddress(message, address)])),
  );
  const all = servers.map(({ endpoint }) => endpoint).join(' ');
  const sequence = async (policy: string): Promise<string> => {
    const { handler } = await forwarding(t, `forward . ${all} {\npolicy ${policy}\n}`);
    let digits = '';
    for (let i = 0; i < 24; i++) digits += (await outcome(handler, `n${i}.test.`)).at(-1) ?? '';
    return digits;
  };
  t.equal(await sequence('sequential'), '1'.repeat(24));
  t.equal(await sequence('round_robin'), '123'.repeat(8));
  const random = await sequence('random');
  t.ok(
    ['1', '2', '3'].every((digit) => random.split(digit).length > 4),
    random,
  );
  t.not(random, '123'.repeat(8));
});

t.test('failover: each server once for an rcode, then the last word stands', async (t) => {
  const failing = await stub(t, (message) => [replyTo(message, { rcode: RCODE.SERVFAIL })]);
  const refusing = await stub(t, (message) => [replyTo(message, { rcode: RCODE.REFUSED })]);
  const good = await stub(t);
  const options = '{\npolicy sequential\nfailover SERVFAIL refused\n}';
  const { handler } = await forwarding(
    t,
    `forward . ${failing.endpoint} ${refusing.endpoint} ${good.endpoint} ${options}`,
  );
  t.equal(await outcome(handler, 'a.test.'), 'NOERROR ra\nanswer a.test. 100 IN A 192.0.2.1');
  const bad = await forwarding(t, `forward . ${failing.endpoint} ${refusing.endpoint} ${options}`);
  t.equal(await outcome(bad.handler, 'b.test.'), 'SERVFAIL ra');
  t.equal(failing.seen.length + refusing.seen.length, 4);
});

t.test('several forwards: by zone, by except, and one for what another lacks', async (t) => {
  const [a, b] = await Promise.all([
    stub(t, (message) => [withAddress(message, '192.0.2.1')]),
    stub(t, (message) => [withAddress(message, '192.0.2.2')]),
  ]);
  const next: Handler = () => Promise.reject(Object.assign(new Error('the next plugin'), { rcode: RCODE.SERVFAIL }));
  const zones = await forwarding(
    t,
    `forward corp.test ${a.endpoint} {\nexcept lab.corp.test corp.test\n}\nforward 10.0.0.0/8 ${b.endpoint}\nforward test ${b.endpoint}`,
    { next },
  );
  const cases: readonly (readonly [question: string, answer: RegExp])[] = [
    ['www.lab.corp.test.', /192\.0\.2\.2$/],
    ['LAB.corp.TEST.', /192\.0\.2\.2$/],
    ['corp.test.', /192\.0\.2\.1$/],
    ['xcorp.test.', /192\.0\.2\.2$/],
    ['1.2.3.10.in-addr.arpa.', /192\.0\.2\.2$/],
    ['1.2.3.11.in-addr.arpa.', /the next plugin/],
    ['example.org.', /the next plugin/],
  ];
  for (const [question, answer] of cases) t.match(await outcome(zones.handler, question), answer, question);

  const lacking = await stub(t, recorded);
  const chain = await forwarding(
    t,
    `forward . ${lacking.endpoint} {\nnext NXDOMAIN servfail\nnext_on_nodata\n}\nforward . ${a.endpoint} {\nnext NOERROR\n}`,
    { next },
  );
  for (const [label, answer] of [
    ['nx', /192\.0\.2\.1$/],
    ['servfail', /192\.0\.2\.1$/],
    ['nodata', /192\.0\.2\.1$/],
    ['refused', /^REFUSED ra$/],
    ['cname', /1\.2\.3\.4$/],
  ] as const) {
    t.match(await outcome(chain.handler, `${label}.example.org.`), answer, label);
  }
});

t.test('transports: force_tcp, prefer_udp', async (t) => {
  const server = await stub(t, recorded);
  const seen = async (options: string, asking: Asking): Promise<string[]> => {
    const before = server.seen.length;
    const { handler } = await forwarding(t, `forward . ${server.endpoint} {\n${options}\n}`);
    t.match(
      await outcome(handler, 'tc.example.org.', asking),
      /^NOERROR (tc ra|ra\nanswer tc.example.org. 100 IN A 192.0.2.1)$/,
    );
    return server.seen.slice(before).map((text) => text.slice(0, 3));
  };
  t.same(await seen('', {}), ['udp']);
  t.same(await seen('force_tcp', {}), ['tcp']);
  t.same(await seen('force_tcp\nprefer_udp', {}), ['tcp']);
  t.same(await seen('prefer_udp', {}), ['udp', 'tcp']);
  t.same(await seen('prefer_udp', tcp), ['udp', 'tcp']);
});

t.test('replies of all kinds of brokenness end in an answer or an error that says so', async (t) => {
  const random = seededRandom(7);
  const record = addressRecord('a.test.', 100, '192.0.2.1');
  /** A good reply with the question left alone and bytes behind it changed, or cut off. */
  const broken: Script = (message) => {
    const reply = replyTo(message, { answer: [record, record], authority: [soa], additional: [record] });
    const question = 12 + 'a.test.'.length + 1 + 4;
    for (let i = random.below(6); i > 0; i--)
      reply[question + random.below(reply.length - question)] = random.below(256);
    if (random.below(2) === 0) reply.writeUInt16BE(random.u16(), 6 + 2 * random.below(3));
    return [random.below(3) === 0 ? reply.subarray(0, question + random.below(reply.length - question)) : reply];
  };
  const server = await stub(t, broken);
  const { handler } = await forwarding(t, `forward . ${server.endpoint} {\nmax_connect_attempts 1\nmax_fails 0\n}`);
  const seen = new Set<string>();
  for (let i = 0; i < 400; i++) {
    const text = await outcome(handler, 'a.test.', i % 4 === 0 ? tcp : {});
    seen.add(text.includes('can not be read') ? 'unreadable' : (text.split('\n')[0] ?? ''));
  }
  t.ok(seen.has('NOERROR tc ra'), 'over UDP: come again over TCP');
  t.ok(seen.has('unreadable'), 'over TCP: an error');
  t.ok(seen.has('NOERROR ra'), 'and some are sound');
});

t.test('after the end nothing is left', async (t) => {
  const server = await stub(t, (message, via) =>
    message.questions[0]?.type === TYPE.NS ? [] : answering(message, via),
  );
  const { handler, host, instance } = await forwarding(t, `forward . ${server.endpoint}`);
  await outcome(handler, 'a.test.');
  await outcome(handler, 'a.test.', tcp);
  await instance.stop?.();
  t.equal(host.clock.pending, 0);
  t.equal(
    await outcome(handler, 'b.test.'),
    'NOERROR ra\nanswer b.test. 100 IN A 192.0.2.1',
    'a straggler is answered',
  );
  t.equal(host.clock.pending, 0);
});
