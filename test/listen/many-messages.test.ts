import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { Answer } from '../../src/core/answer.ts';
import { buildAnswer } from '../../src/core/encode.ts';
import type { Handler, Outcome } from '../../src/core/handler.ts';
import type { Query } from '../../src/core/query.ts';
import { FLAG, RCODE } from '../../src/dns/codes.ts';
import { type Message, parseMessage } from '../../src/dns/message.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { createResponder } from '../../src/listen/respond.ts';
import { defaultTcpLimits, listenTcp } from '../../src/listen/tcp.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { type ClientQuestion, questionWire, withLength } from '../support/dns-client.ts';
import { seededRandom } from '../support/random.ts';

/** Of 16 kB each: more than all buffers between server and client take. */
const MANY = 1000;
const RECORDS = 1000;

/** The `i`th message of an answer. */
function messageOf(query: Query, i: number): Answer {
  const answer = Array.from({ length: RECORDS }, () => addressRecord(query.text, i, '192.0.2.1'));
  return buildAnswer(query, { rcode: RCODE.NOERROR, flags: FLAG.AA, source: 'test', answer });
}

/** The question for `mN.` is answered in N messages; `slow-mN.` when `release` says so; `broken.` fails at its third. */
async function bench(t: Test) {
  const clock = new ManualClock();
  const seen = { made: 0, brokenOff: 0, faults: 0 };
  const asked = Promise.withResolvers<() => void>();

  function* messages(query: Query, count: number): Generator<Answer, void, undefined> {
    let isWhole = false;
    try {
      for (let i = 0; i < count; i++) {
        if (query.key === 'broken.' && i === 2) throw new TypeError('a defect');
        seen.made++;
        yield messageOf(query, i);
      }
      isWhole = true;
    } finally {
      if (!isWhole) seen.brokenOff++;
    }
  }
  const answer = (query: Query): Answer => {
    const [, count = '3'] = /m(\d+)\.$/.exec(query.key) ?? [];
    const following = messages(query, Number(count));
    const first = following.next();
    if (first.done === true) throw new Error('no message');
    return { ...first.value, following };
  };
  const handler: Handler = (query): Outcome => {
    const kept = query.copy();
    if (!query.key.startsWith('slow')) return answer(kept);
    return new Promise((resolve) => asked.resolve(() => resolve(answer(kept))));
  };
  const responder = createResponder({
    random: seededRandom(1),
    now: () => 0,
    handler: () => handler,
    onFault: () => seen.faults++,
    onRejected: () => {},
  });
  const listener = await listenTcp({ address: '127.0.0.1', port: 0 }, { responder, server: 's', clock });
  t.teardown(() => listener.close(0));
  const dial = async (): Promise<Client> => {
    const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    t.teardown(() => socket.destroy());
    return new Client(socket);
  };
  const released = async (): Promise<void> => (await asked.promise)();
  return { clock, seen, listener, dial, released };
}

/** Reads messages off one connection, and keeps of each what tells it apart. */
class Client {
  readonly socket: Socket;
  /** The id and the TTL of each message that came: which answer, and which message of it. */
  readonly came: (readonly [id: number, message: number])[] = [];
  last: Message | undefined;
  closed = false;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    for (const event of ['end', 'close']) socket.on(event, () => (this.closed = true));
  }

  ask(...questions: readonly ClientQuestion[]): void {
    this.socket.write(Buffer.concat(questions.map((question) => withLength(questionWire(question)))));
  }

  /** Resolves when so many messages have come, or the connection has ended. */
  async messages(count: number): Promise<number> {
    while (this.came.length < count && !this.closed) await settled();
    return this.came.length;
  }

  async end(): Promise<void> {
    while (!this.closed) await settled();
  }

  #take(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= 2 && this.#bytes < 2 + first.readUInt16BE()) return;
    let received = Buffer.concat(this.#chunks);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
      const end = 2 + received.readUInt16BE();
      this.last = parseMessage(received.subarray(2, end));
      this.came.push([this.last.id, this.last.answer[0]?.ttl ?? -1]);
      received = received.subarray(end);
    }
    this.#chunks = [received];
    this.#bytes = received.length;
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await settled();
}

t.test('all messages of an answer, then the next answer', async (t) => {
  const { dial } = await bench(t);
  const client = await dial();
  client.ask({ name: 'm3.', id: 1 }, { name: 'M2.', id: 2, edns: { udpSize: 1232 } });
  await client.messages(5);
  t.same(client.came, [
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 0],
    [2, 1],
  ]);
  t.match(client.last, { flags: FLAG.QR | FLAG.AA | FLAG.RD, questions: [{ name: 'M2.' }], edns: { udpSize: 1232 } });
  t.equal(client.last?.answer.length, RECORDS);
});

t.test('no more is made than a client may leave unread', async (t) => {
  const { dial, seen, clock } = await bench(t);
  const client = await dial();
  client.socket.pause();
  client.ask({ name: `m${MANY}.`, id: 1 }, { name: 'm1.', id: 2 });
  for (let before = -1; before !== seen.made || seen.made === 0;) {
    before = seen.made;
    await turns(50);
  }
  t.ok(seen.made < MANY / 2, `${seen.made} of ${MANY} messages are made for a client that does not read`);
  await clock.advance(defaultTcpLimits.idleMs - 1);
  client.socket.resume();
  t.equal(await client.messages(MANY + 1), MANY + 1, 'it gets all when it reads on');
  t.same(
    client.came.slice(0, MANY).filter(([id, message], i) => id !== 1 || message !== i),
    [],
    'in order',
  );
  t.same(client.came.at(-1), [2, 0], 'and the answer to what it asked next');
  t.equal(seen.brokenOff, 0);
});

t.test('a client that does not read at all is cut off', async (t) => {
  const { dial, seen, clock } = await bench(t);
  const client = await dial();
  client.socket.pause();
  client.ask({ name: `m${MANY}.` });
  while (seen.made < 3) await settled();
  for (let before = -1; before !== seen.made;) {
    before = seen.made;
    await turns(50);
  }
  await clock.advance(defaultTcpLimits.idleMs);
  await turns(5);
  t.equal(seen.brokenOff, 1);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('a client that goes away midway', async (t) => {
  const { dial, seen, clock, released } = await bench(t);
  const [midway, before] = [await dial(), await dial()];
  before.ask({ name: `slow-m${MANY}.` });
  midway.ask({ name: `m${MANY}.` });
  await midway.messages(2);
  midway.socket.destroy();
  before.socket.destroy();
  while (seen.brokenOff === 0) await settled();
  t.ok(seen.made < MANY, `${seen.made} messages were made`);
  await released();
  while (seen.brokenOff === 1 && seen.made < 2 * MANY) await settled();
  t.equal(seen.brokenOff, 2, 'also one that left before the first message');
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('others are answered in between', async (t) => {
  const { dial, seen } = await bench(t);
  const [large, small] = [await dial(), await dial()];
  large.ask({ name: `m${MANY}.` });
  await large.messages(1);
  small.ask({ name: 'm1.' });
  await small.messages(1);
  t.ok(seen.made < MANY, `after ${seen.made} messages`);
  t.equal(await large.messages(MANY), MANY);
});

t.test('closing, and the end of what a client asks, let an answer finish', async (t) => {
  const { dial, listener } = await bench(t);
  const [ending, staying] = [await dial(), await dial()];
  ending.ask({ name: 'm20.' });
  ending.socket.end();
  staying.ask({ name: 'm300.' });
  await staying.messages(1);
  const closed = listener.close(60_000);
  await Promise.all([ending.end(), staying.end(), closed]);
  t.same([ending.came.length, staying.came.length], [20, 300]);
});

t.test('an answer that can not be finished ends the connection', async (t) => {
  const { dial, seen } = await bench(t);
  const client = await dial();
  client.ask({ name: 'broken.' }, { name: 'm1.' });
  await client.end();
  t.ok(client.came.length <= 2);
  t.same(seen, { made: 2, brokenOff: 1, faults: 1 });
});
