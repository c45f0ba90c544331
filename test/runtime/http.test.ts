import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import {
  CONNECTION_LIMIT,
  EXCHANGE_MS,
  GRACE_MS,
  HttpEndpoints,
  parseAddress,
  PLAIN_TEXT,
  type HttpHandler,
  type HttpRequest,
} from '../../src/runtime/http.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { memoryLog } from '../support/log.ts';

const ANY_PORT = '127.0.0.1:0';

const ok: HttpHandler = () => ({ status: 200, contentType: PLAIN_TEXT, body: 'OK' });

function saying(body: string): HttpHandler {
  return () => ({ status: 200, contentType: PLAIN_TEXT, body });
}

function setUp() {
  const clock = new ManualClock();
  const log = memoryLog();
  return { clock, log, http: new HttpEndpoints(clock, log) };
}

/** A request on a connection of its own, as status, content type and body in one line. */
async function ask(port: number, path: string, method = 'GET', host = '127.0.0.1'): Promise<string> {
  const request = httpRequest({ host, port, path, method, agent: false }).end();
  const [response] = await once(request, 'response');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return `${response.statusCode} ${response.headers['content-type']} ${response.headers['content-length']} ${body}`;
}

/** Sends `text` as it is and resolves with all that comes back until the server closes the connection. */
async function conversation(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  let reply = '';
  for await (const chunk of socket) reply += String(chunk);
  return reply;
}

/** Lets the event loop turn until `condition` holds: for what the other side of a socket does. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settled();
}

const ADDRESSES: readonly [text: string, host: string, port: number][] = [
  [':8080', '', 8080],
  ['localhost:9153', 'localhost', 9153],
  ['127.0.0.1:0', '127.0.0.1', 0],
  ['[::1]:8080', '::1', 8080],
  ['[fe80::1%eth0]:65535', 'fe80::1%eth0', 65535],
  ['[]:8080', '', 8080],
];

const FLAWS: readonly [text: string, message: string][] = [
  ['foo', 'address foo: missing port in address'],
  ['8080', 'address 8080: missing port in address'],
  ['', 'address : missing port in address'],
  ['[::1]', 'address [::1]: missing port in address'],
  ['::1:8080', 'address ::1:8080: too many colons in address'],
  ['[::1:8080', "address [::1:8080: missing ']' in address"],
  [':http', 'address :http: invalid port "http", expected a number from 0 to 65535'],
  ['localhost:', 'address localhost:: invalid port "", expected a number from 0 to 65535'],
  [':65536', 'address :65536: invalid port "65536", expected a number from 0 to 65535'],
  [':-1', 'address :-1: invalid port "-1", expected a number from 0 to 65535'],
];

t.test('addresses of a configuration', async (t) => {
  for (const [text, host, port] of ADDRESSES) t.same(parseAddress(text), { host, port }, text);
  for (const [text, message] of FLAWS) t.throws(() => parseAddress(text), { message }, message);
  await t.rejects(setUp().http.serve('foo', '/health', ok), { message: 'address foo: missing port in address' });
});

t.test('requests and answers', async (t) => {
  const { http, log } = setUp();
  const seen: HttpRequest[] = [];
  const lease = await http.serve(ANY_PORT, '/health', (request) => {
    seen.push(request);
    return { status: 200, contentType: PLAIN_TEXT, body: 'OK' };
  });
  const leases = [
    lease,
    await http.serve(ANY_PORT, '/ready', async () => ({ status: 503, contentType: PLAIN_TEXT, body: 'kubernetes' })),
    await http.serve(ANY_PORT, '/bytes', () => ({ status: 200, contentType: 'a/b', body: Buffer.from('\u00e9') })),
    await http.serve(ANY_PORT, '/broken', () => {
      throw new Error('no such thing');
    }),
    await http.serve(ANY_PORT, '/malformed', () => ({ status: 200, contentType: 'a\nb', body: '' })),
  ];
  const { port } = lease.value;
  const missing = `404 ${PLAIN_TEXT} 19 404 page not found\n`;
  const failed = `500 ${PLAIN_TEXT} 26 500 internal server error\n`;
  const expected: readonly [method: string, path: string, reply: string][] = [
    ['GET', '/health', `200 ${PLAIN_TEXT} 2 OK`],
    ['POST', '/health?a=1&b=x%20y?&a=2', `200 ${PLAIN_TEXT} 2 OK`],
    ['HEAD', '/health', `200 ${PLAIN_TEXT} 2 `],
    ['GET', '/ready', `503 ${PLAIN_TEXT} 10 kubernetes`],
    ['GET', '/bytes', `200 a/b 2 \u00e9`],
    ['GET', '/', missing],
    ['GET', '/health/', missing],
    ['HEAD', '/none', `404 ${PLAIN_TEXT} 19 `],
    ['GET', '//', missing],
    ['GET', '/broken', failed],
    ['GET', '/malformed', failed],
  ];
  for (const [method, path, reply] of expected) t.equal(await ask(port, path, method), reply, `${method} ${path}`);
  t.same(
    seen.map(({ method, path, query }) => `${method} ${path} ${query.toString()}`),
    ['GET /health ', 'POST /health a=1&b=x+y%3F&a=2', 'HEAD /health '],
  );
  t.match(log.lines, [
    /^\[ERROR\] http 127.0.0.1:0\/broken: no such thing$/,
    /^\[ERROR\] http 127.0.0.1:0\/malformed: /,
  ]);

  const raw = connect(port, '127.0.0.1');
  t.match(await conversation(raw, 'not http\r\n\r\n'), /^HTTP\/1.1 400 Bad Request\r\n/);
  t.equal(await ask(port, '/health'), `200 ${PLAIN_TEXT} 2 OK`, 'and the server goes on');
  for (const one of leases) await one.release();
});

t.test('owners of one address: the newest answers, and gives back', async (t) => {
  const { http, clock } = setUp();
  const first = await http.serve(ANY_PORT, '/ready', saying('first'));
  const { port } = first.value;
  const metrics = await http.serve('localhost:0', '/metrics', saying('metrics'));
  t.equal(metrics.value.port, port, 'localhost is 127.0.0.1');
  const second = await http.serve(ANY_PORT, '/ready', saying('second'));
  const third = await http.serve(ANY_PORT, '/ready', saying('third'));
  t.match(await ask(port, '/ready'), /third$/);
  t.match(await ask(port, '/metrics'), /metrics$/);
  await second.release();
  await second.release();
  t.match(await ask(port, '/ready'), /third$/);
  await third.release();
  t.match(await ask(port, '/ready'), /first$/);
  await first.release();
  t.match(await ask(port, '/ready'), /^404 /, 'the address is still served');
  await metrics.release();
  await t.rejects(ask(port, '/metrics'), { code: 'ECONNREFUSED' });
  t.equal(clock.pending, 0);

  const again = await http.serve(`127.0.0.1:${port}`, '/ready', saying('again'));
  t.match(await ask(port, '/ready'), /again$/);
  await again.release();
});

t.test('every address of the machine, both families', async (t) => {
  const { http } = setUp();
  const lease = await http.serve(':0', '/health', ok);
  t.match(await ask(lease.value.port, '/health', 'GET', '127.0.0.1'), /OK$/);
  const hasIpv6 = await connects(lease.value.port, '::1');
  if (hasIpv6) t.match(await ask(lease.value.port, '/health', 'GET', '::1'), /OK$/);
  await lease.release();
});

/** Whether a TCP connection to the address comes about. */
async function connects(port: number, host: string): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

t.test('an address that cannot be had says so', async (t) => {
  const { http } = setUp();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const bound = other.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  await t.rejects(http.serve(`localhost:${port}`, '/health', ok), {
    message:
      `listen tcp 127.0.0.1:${port}: bind: address already in use; ` +
      'stop the process that listens there or choose another port',
  });
  await t.rejects(http.serve('192.0.2.1:0', '/health', ok), {
    message: 'listen tcp 192.0.2.1:0: bind: cannot assign requested address; choose an address of this machine',
  });
  await t.rejects(http.serve('[2001:db8::1]:0', '/health', ok), { message: /^listen tcp \[2001:db8::1\]:0: / });
  other.close();
  await once(other, 'close');
  const lease = await http.serve(`localhost:${port}`, '/health', ok);
  t.match(await ask(port, '/health'), /OK$/, 'tried again, it works');
  await lease.release();
});

t.test('slow clients: a deadline for each exchange', async (t) => {
  const { http, clock } = setUp();
  const lease = await http.serve(ANY_PORT, '/health', ok);
  const { port } = lease.value;
  const slow = connect(port, '127.0.0.1');
  const slowReply = conversation(slow, 'GET /health HTTP/1.1\r\nHost: x\r\n');
  await until(() => clock.pending === 1);

  const busy = connect(port, '127.0.0.1');
  const busyReply = conversation(busy, 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(busy, 'readable');
  t.equal(clock.pending, 2);
  await clock.advance(EXCHANGE_MS - 1);
  let answered = busy.bytesRead;
  busy.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => busy.bytesRead > answered);
  answered = busy.bytesRead;

  await clock.advance(1);
  t.equal(await slowReply, '', 'half a request: closed without an answer');
  t.equal(clock.pending, 1);
  busy.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => busy.bytesRead > answered);
  await clock.advance(EXCHANGE_MS);
  t.equal((await busyReply).match(/HTTP\/1.1 200 OK/g)?.length, 3, 'idle after three answers');
  t.equal(clock.pending, 0);
  await lease.release();
});

t.test('slow clients: an answer nobody reads', async (t) => {
  const { http, clock } = setUp();
  let asked = 0;
  const lease = await http.serve(ANY_PORT, '/metrics', () => {
    asked++;
    return { status: 200, contentType: PLAIN_TEXT, body: Buffer.alloc(32 << 20) };
  });
  const client = connect(lease.value.port, '127.0.0.1');
  client.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => asked === 1);
  await clock.advance(EXCHANGE_MS);
  await until(() => clock.pending === 0);
  client.destroy();
  await lease.release();
  t.equal(clock.pending, 0);
});

t.test('slow clients: beyond the limit the oldest exchange makes room', async (t) => {
  const { http, clock } = setUp();
  const lease = await http.serve(ANY_PORT, '/health', ok);
  const { port } = lease.value;
  const sockets: Socket[] = [];
  for (let open = 1; open <= CONNECTION_LIMIT; open++) {
    sockets.push(connect(port, '127.0.0.1'));
    await until(() => clock.pending === open);
  }
  const [first, second] = sockets;
  first?.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  if (first !== undefined) await once(first, 'readable');
  const secondClosed = second?.resume() && once(second, 'close');
  t.match(await ask(port, '/health'), /OK$/, 'a probe gets through');
  await secondClosed;
  t.equal(first?.destroyed, false, 'the first had an answer since');
  const released = lease.release();
  await clock.advance(GRACE_MS);
  await released;
  for (const socket of sockets) socket.destroy();
});

t.test('closing does not wait for idle connections, nor long for busy ones', async (t) => {
  const { http, clock, log } = setUp();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const lease = await http.serve(ANY_PORT, '/slow', async (request) => {
    asked++;
    await gate.promise;
    return ok(request);
  });
  const stuck = await http.serve(ANY_PORT, '/stuck', () => {
    asked++;
    return new Promise(() => undefined);
  });
  const quick = await http.serve(ANY_PORT, '/health', ok);
  const { port } = lease.value;

  const agent = new Agent({ keepAlive: true });
  const kept = httpRequest({ host: '127.0.0.1', port, path: '/health', agent }).end();
  const [response] = await once(kept, 'response');
  response.resume();
  await once(response, 'end');
  const answered = conversation(connect(port, '127.0.0.1'), 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  const unanswered = connect(port, '127.0.0.1');
  const nothing = conversation(unanswered, 'GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => asked === 2 && clock.pending === 3);

  const released = Promise.all([lease.release(), stuck.release(), quick.release()]);
  await t.rejects(ask(port, '/health'), { code: 'ECONNREFUSED' }, 'no new connections');
  gate.resolve();
  t.match(await answered, /OK$/, 'a request under way is answered, its connection closed');
  await clock.advance(GRACE_MS - 1);
  t.equal(unanswered.closed, false);
  await clock.advance(1);
  await released;
  t.equal(await nothing, '');
  agent.destroy();
  t.equal(clock.pending, 0);
  t.same(log.lines, []);
});

t.test('a client that leaves before its answer harms nobody', async (t) => {
  const { http, clock, log } = setUp();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const lease = await http.serve(ANY_PORT, '/slow', async (request) => {
    asked++;
    await gate.promise;
    return ok(request);
  });
  const client = connect(lease.value.port, '127.0.0.1');
  client.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => asked === 1);
  client.resetAndDestroy();
  await until(() => clock.pending === 0);
  gate.resolve();
  await settled();
  t.match(await ask(lease.value.port, '/slow'), /OK$/);
  t.same(log.lines, []);
  await lease.release();
  t.equal(clock.pending, 0);
});
