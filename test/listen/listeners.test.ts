import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { noReply } from '../../src/core/answer.ts';
import { buildAnswer } from '../../src/core/encode.ts';
import { type Handler, QueryError } from '../../src/core/handler.ts';
import type { Query } from '../../src/core/query.ts';
import { FLAG, OPCODE, RCODE, TYPE } from '../../src/dns/codes.ts';
import { encodeMessage, parseMessage } from '../../src/dns/message.ts';
import { messageText } from '../../src/dns/text.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { addressText, ListenError, unmapped } from '../../src/listen/address.ts';
import { createResponder, type Responder } from '../../src/listen/respond.ts';
import { listenTcp, type TcpLimits } from '../../src/listen/tcp.ts';
import { listenUdp } from '../../src/listen/udp.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';

function question(name: string, id = 1): Buffer {
  return encodeMessage({
    id,
    opcode: OPCODE.QUERY,
    rcode: 0,
    flags: FLAG.RD,
    questions: [{ name, type: TYPE.A, class: 1 }],
    answer: [],
    authority: [],
    additional: [],
    edns: undefined,
  });
}

interface Bench {
  readonly responder: Responder;
  readonly faults: unknown[];
  readonly rejected: number[];
  /** Lets the question for `slow...` go on, once it has come. */
  readonly release: (name: string) => Promise<void>;
}

/** `slow...` waits, `fail.` and `defect.` throw, `silent.` gets no reply; the rest is answered with where it was asked. */
function bench(): Bench {
  const waiting = new Map<string, () => void>();
  const faults: unknown[] = [];
  const rejected: number[] = [];
  const answer = (query: Query) =>
    buildAnswer(query, {
      rcode: RCODE.NOERROR,
      flags: FLAG.AA,
      source: 'test',
      answer: [addressRecord(query.text, 30, unmapped(query.peer.localAddress))],
    });
  const handler: Handler = (query) => {
    if (query.key.startsWith('slow')) {
      return new Promise((resolve) => waiting.set(query.key, () => resolve(answer(query))));
    }
    if (query.key === 'refused.') throw new QueryError(RCODE.REFUSED, 'not for you');
    if (query.key === 'defect.') throw new TypeError('a defect');
    if (query.key === 'late-defect.') return Promise.reject(new TypeError('a late defect'));
    return query.key === 'silent.' ? noReply : answer(query);
  };
  const responder = createResponder({
    random: seededRandom(1),
    now: () => 0,
    handler: () => handler,
    onFault: (error) => faults.push(error),
    onRejected: (_query, rcode) => rejected.push(rcode),
  });
  const release = async (name: string): Promise<void> => {
    while (!waiting.has(name)) await settled();
    waiting.get(name)?.();
  };
  return { responder, faults, rejected, release };
}

/** The reply, without its id. */
async function replyTo(responder: Responder, wire: Buffer): Promise<string> {
  const replies: Buffer[] = [];
  const peer = { transport: 'udp', address: '192.0.2.1', port: 4000, family: 4, localAddress: '192.0.2.53' } as const;
  await responder.respond(wire, { ...peer, localPort: 53, server: 'dns://:53' }, (packet) => replies.push(packet));
  return replies.map((packet) => messageText(parseMessage(packet))).join('\n');
}

t.test('every query gets its reply', async (t) => {
  const { responder, faults, rejected } = bench();
  const cases = [
    [question('web.'), 'NOERROR qr aa rd\nquestion web. IN A\nanswer web. 30 IN A 192.0.2.53'],
    [question('refused.'), 'REFUSED qr rd\nquestion refused. IN A'],
    [question('defect.'), 'SERVFAIL qr rd\nquestion defect. IN A'],
    [question('late-defect.'), 'SERVFAIL qr rd\nquestion late-defect. IN A'],
    [question('silent.'), ''],
    [Buffer.alloc(11), ''],
    [Buffer.from('000701000000000000000000', 'hex'), 'FORMERR qr rd'],
  ] as const;
  for (const [wire, expected] of cases) t.equal(await replyTo(responder, wire), expected);
  t.same(faults.map(String), ['TypeError: a defect', 'TypeError: a late defect']);
  t.same(rejected, [RCODE.FORMERR]);
});

t.test('a question that waits keeps its own query', async (t) => {
  const { responder, release } = bench();
  const slow = replyTo(responder, question('slow.'));
  t.match(await replyTo(responder, question('web.')), 'answer web.');
  await release('slow.');
  t.match(await slow, 'answer slow. 30 IN A');
});

async function askUdp(client: UdpSocket, port: number, address: string, wire: Buffer): Promise<string> {
  client.send(wire, port, address);
  const [reply, from] = (await once(client, 'message')) as [Buffer, { address: string }];
  return `${from.address} says ${parseMessage(reply)
    .answer.map((record) => JSON.stringify(record.data))
    .join()}`;
}

t.test('UDP on all addresses answers from the one that was asked', async (t) => {
  const clock = new ManualClock();
  let addresses = ['127.0.0.1', '127.0.0.7'];
  const options = { responder: bench().responder, server: 'dns://:0', clock, addresses: () => addresses };
  const listener = await listenUdp({ address: '', port: 0 }, options);
  t.teardown(() => listener.close());
  const client = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => client.close());
  for (const address of ['127.0.0.1', '127.0.0.7']) {
    const reply = await askUdp(client, listener.port, address, question('web.'));
    t.equal(reply, `${address} says {"shape":"address","address":"${address}"}`);
  }
  addresses = ['127.0.0.1', '127.0.0.8'];
  await clock.advance(10_000);
  const reply = await untilFrom(client, listener.port, '127.0.0.8');
  t.equal(reply, '127.0.0.8 says {"shape":"address","address":"127.0.0.8"}', 'an address that came later');
  await t.rejects(listenUdp({ address: '', port: listener.port }, options), ListenError, 'the port is ours alone');
});

/** Sockets open in their own time: asks until the reply comes from the address. */
async function untilFrom(client: UdpSocket, port: number, address: string): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const reply = await askUdp(client, port, address, question('web.'));
    if (reply.startsWith(address)) return reply;
    await settled();
  }
  return 'never';
}

t.test('UDP does not stumble over what cannot be answered', async (t) => {
  const { responder } = bench();
  const listener = await listenUdp(
    { address: '127.0.0.1', port: 0 },
    { responder, server: 's', clock: new ManualClock() },
  );
  t.teardown(() => listener.close());
  const client = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => client.close());
  for (const rubbish of ['', '00', 'ff'.repeat(600), '0007810000010000000000000161000001']) {
    client.send(Buffer.from(rubbish, 'hex'), listener.port, '127.0.0.1');
  }
  t.match(await askUdp(client, listener.port, '127.0.0.1', question('web.')), '127.0.0.1 says');
});

const limits: TcpLimits = { firstQueryMs: 3000, idleMs: 10_000, connections: 3, pending: 2, unreadBytes: 4096 };

async function tcpBench(t: Test, changes: Partial<TcpLimits> = {}) {
  const clock = new ManualClock();
  const parts = bench();
  const options = { responder: parts.responder, server: 's', clock, limits: { ...limits, ...changes } };
  const listener = await listenTcp({ address: '127.0.0.1', port: 0 }, options);
  t.teardown(() => listener.close(0));
  const dial = async (): Promise<Client> => {
    const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    t.teardown(() => socket.destroy());
    return new Client(socket);
  };
  return { ...parts, clock, listener, dial };
}

/** Reads replies off one connection. */
class Client {
  readonly socket: Socket;
  readonly ids: number[] = [];
  #received = Buffer.alloc(0);
  readonly #waiting: (() => void)[] = [];
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.closed = true;
        this.#wake();
      });
    }
  }

  send(...wires: readonly Buffer[]): void {
    for (const wire of wires) this.socket.write(Buffer.concat([Buffer.of(wire.length >> 8, wire.length & 255), wire]));
  }

  /** Resolves when so many replies are there, or the connection has ended. */
  async replies(count: number): Promise<readonly number[]> {
    while (this.ids.length < count && !this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.ids;
  }

  async end(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 2 && this.#received.length >= 2 + this.#received.readUInt16BE(0)) {
      const end = 2 + this.#received.readUInt16BE(0);
      this.ids.push(parseMessage(this.#received.subarray(2, end)).id);
      this.#received = this.#received.subarray(end);
    }
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}

t.test('TCP: answers go out as they come', async (t) => {
  const { dial, release } = await tcpBench(t);
  const client = await dial();
  client.send(question('slow.', 1), question('web.', 2), question('web.', 3));
  t.same(await client.replies(2), [2, 3]);
  await release('slow.');
  t.same(await client.replies(3), [2, 3, 1]);
});

t.test('TCP: a question byte by byte, and one followed by the end', async (t) => {
  const { dial } = await tcpBench(t);
  const client = await dial();
  const wire = question('web.', 9);
  for (const byte of Buffer.concat([Buffer.of(0, wire.length), wire])) client.socket.write(Buffer.of(byte));
  t.same(await client.replies(1), [9]);
  client.send(question('web.', 10));
  client.socket.end();
  t.same(await client.replies(2), [9, 10]);
  await client.end();
});

t.test('TCP: no more questions under way than the limit', async (t) => {
  const { dial, release } = await tcpBench(t);
  const client = await dial();
  client.send(question('slow-1.', 1), question('slow-2.', 2), question('web.', 3));
  await release('slow-2.');
  t.same(await client.replies(2), [2, 3]);
  client.send(question('slow-3.', 4), question('web.', 5));
  await release('slow-1.');
  t.same(await client.replies(4), [2, 3, 1, 5]);
  await release('slow-3.');
  t.same(await client.replies(5), [2, 3, 1, 5, 4]);
});

t.test('TCP: silent clients are cut off', async (t) => {
  const { dial, clock } = await tcpBench(t);
  const [silent, halfway, busy] = [await dial(), await dial(), await dial()];
  halfway.socket.write(Buffer.of(0, 40, 1, 2, 3));
  busy.send(question('web.', 1));
  await busy.replies(1);
  await clock.advance(3000);
  await Promise.all([silent.end(), halfway.end()]);
  t.notOk(busy.closed, 'one that has asked may be idle');
  await clock.advance(7000);
  await busy.end();
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('TCP: a frame too short for a header ends the connection', async (t) => {
  const { dial } = await tcpBench(t);
  const client = await dial();
  client.socket.write(Buffer.of(0, 0));
  await client.end();
  t.pass();
});

t.test('TCP: a client that does not read is not read from', async (t) => {
  const { dial, clock } = await tcpBench(t, { pending: 1000 });
  const client = await dial();
  client.socket.pause();
  // More than the buffers of the system take.
  const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.`;
  const batch = Array.from({ length: 500 }, (_, id) => question(name, id));
  for (let i = 0; i < 200; i++) client.send(...batch);
  for (let i = 0; i < 200; i++) await settled();
  await clock.advance(10_000);
  client.socket.resume();
  await client.end();
  t.ok(client.ids.length < 100_000, `${client.ids.length} of 100000 were answered`);
});

t.test('TCP: closing lets questions under way finish', async (t) => {
  const { dial, listener, release } = await tcpBench(t);
  const [idle, asking] = [await dial(), await dial()];
  asking.send(question('web.', 1), question('slow.', 2));
  await asking.replies(1);
  const closed = listener.close(5000);
  await idle.end();
  await release('slow.');
  t.same(await asking.replies(2), [1, 2]);
  await closed;
});

t.test('TCP: closing waits no longer than it is told', async (t) => {
  const { dial, listener, clock } = await tcpBench(t);
  const client = await dial();
  client.send(question('web.', 1), question('slow.', 2));
  await client.replies(1);
  const closed = listener.close(5000);
  await clock.advance(5000);
  await Promise.all([closed, client.end()]);
  t.same(client.ids, [1]);
});

t.test('addresses as text', async (t) => {
  t.equal(addressText({ address: '', port: 53 }), ':53');
  t.equal(addressText({ address: '::1', port: 53 }), '[::1]:53');
  t.equal(unmapped('::ffff:192.0.2.1'), '192.0.2.1');
  t.equal(unmapped('::ffff'), '::ffff');
  await t.rejects(
    listenTcp({ address: '203.0.113.9', port: 0 }, { ...bench(), server: 's', clock: new ManualClock() }),
    /listen tcp 203\.0\.113\.9:0: bind: cannot assign requested address/,
  );
});
