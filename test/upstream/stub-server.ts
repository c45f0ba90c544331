import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { CLASS, FLAG, OPCODE, RCODE, typeName } from '../../src/dns/codes.ts';
import { encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { flagWords } from '../../src/dns/text.ts';

export type Via = 'udp' | 'tcp' | 'tls' | 'https';

/** What comes back: packets, sent in order; none is silence, 'hang up' ends the connection, 'reset' an HTTP/2 stream. */
export type Replies = readonly Buffer[] | 'hang up' | 'reset';
export type Script = (message: Message, via: Via) => Replies;

export interface StubOptions {
  readonly script?: Script;
  /** `dns`: UDP and TCP on one port. */
  readonly protocol?: 'dns' | 'tls' | 'https';
  /** Ask clients for a certificate, and refuse those without a good one. */
  readonly wantsCertificate?: boolean;
  /** Of HTTP responses. */
  readonly status?: number;
}

function read(file: string): string {
  return readFileSync(join(import.meta.dirname, 'data', file), 'utf8');
}

/** A certificate for `dns.test` and 127.0.0.1, its own authority; it guards nothing. */
export const testCertificate = { cert: read('server.crt'), key: read('server.key') };

/** A name server on 127.0.0.1 that does as its script says and remembers what it was sent. */
export class StubServer {
  port = 0;
  /** As `udp www.example.org. A [rd]`. */
  readonly seen: string[] = [];
  readonly messages: Message[] = [];
  /** The client's port for each message. */
  readonly sources: number[] = [];
  /** TCP and TLS connections accepted so far. */
  connections = 0;
  readonly open = new Set<Socket>();
  readonly #script: Script;
  readonly #status: number;
  /** How to reply to each message. */
  readonly #replies: ((reply: Buffer) => void)[] = [];
  #datagrams: DatagramSocket | undefined;
  #server: Server | Http2SecureServer | undefined;
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];

  private constructor(script: Script, status: number) {
    this.#script = script;
    this.#status = status;
  }

  static async start(options: StubOptions = {}): Promise<StubServer> {
    const { script = answering, protocol = 'dns', wantsCertificate = false, status = 200 } = options;
    const stub = new StubServer(script, status);
    const client = { requestCert: wantsCertificate, rejectUnauthorized: wantsCertificate, ca: testCertificate.cert };
    switch (protocol) {
      case 'dns':
        await stub.#listenBoth();
        break;
      case 'tls':
        await stub.#listen(createTlsServer({ ...testCertificate, ...client }, (socket) => stub.#serve(socket, 'tls')));
        break;
      case 'https':
        await stub.#listen(stub.#https());
        break;
      default:
        protocol satisfies never;
    }
    return stub;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Resolves when `count` messages have come in all. */
  received(count: number): Promise<void> {
    if (this.seen.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ count, resolve }));
  }

  /** Sends `reply` to whoever sent the message of this index, beside the script. */
  reply(index: number, reply: Buffer): void {
    this.#replies[index]?.(reply);
  }

  /** Ends every open connection. */
  hangUp(): void {
    for (const socket of this.open) socket.destroy();
  }

  async close(): Promise<void> {
    this.hangUp();
    this.#datagrams?.close();
    const server = this.#server;
    this.#datagrams = undefined;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** UDP and TCP on one port, which must be free for both. */
  async #listenBoth(): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#listenUdp();
      try {
        return await this.#listen(createServer((socket) => this.#serve(socket, 'tcp')));
      } catch (error) {
        if (tries === 5) throw error;
        this.#datagrams?.close();
        this.port = 0;
      }
    }
  }

  async #listenUdp(): Promise<void> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.on('message', (wire, from) => {
      const send = (reply: Buffer): void => socket.send(reply, from.port, from.address);
      const replies = this.#answer(wire, 'udp', from.port, send);
      if (typeof replies !== 'string') replies.forEach(send);
    });
    this.#datagrams = socket;
    this.port = socket.address().port;
  }

  async #listen(server: Server | Http2SecureServer): Promise<void> {
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.open.delete(socket));
    });
    server.on('tlsClientError', () => {});
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
    this.#server = server;
  }

  #serve(socket: Socket, via: Via): void {
    let received = Buffer.alloc(0);
    const send = (reply: Buffer): void => {
      socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length]), reply]));
    };
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const end = 2 + received.readUInt16BE();
        const replies = this.#answer(received.subarray(2, end), via, socket.remotePort ?? 0, send);
        received = received.subarray(end);
        if (typeof replies === 'string') socket.destroy();
        else replies.forEach(send);
      }
    });
  }

  #https(): Http2SecureServer {
    const server = createSecureServer(testCertificate);
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const url = new URL(headers[':path'] ?? '', 'https://dns.test');
        const posted = headers[':method'] === 'POST';
        const wire = posted ? Buffer.concat(chunks) : Buffer.from(url.searchParams.get('dns') ?? '', 'base64url');
        const send = (reply: Buffer): void => {
          const status = url.pathname === '/dns-query' ? this.#status : 404;
          stream.respond({ ':status': status, 'content-type': 'application/dns-message' });
          stream.end(reply);
        };
        const replies = this.#answer(wire, 'https', 0, send);
        if (replies === 'hang up') stream.session?.destroy();
        else if (replies === 'reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        else replies.forEach(send);
      });
    });
    return server;
  }

  #answer(wire: Buffer, via: Via, port: number, send: (reply: Buffer) => void): Replies {
    const message = parseMessage(wire);
    const [question] = message.questions;
    const flags = flagWords(message.flags).join(' ');
    this.messages.push(message);
    this.sources.push(port);
    this.#replies.push(send);
    this.seen.push(`${via} ${question?.name} ${typeName(question?.type ?? 0)} [${flags}]`);
    this.#waiters = this.#waiters.filter(({ count, resolve }) => {
      if (this.seen.length >= count) resolve();
      return this.seen.length < count;
    });
    return this.#script(message, via);
  }
}

/** The reply to `message`: RA set, RD and CD echoed, OPT if it had one, and what `changes` says. */
export function replyTo(message: Message, changes: Partial<Message> = {}): Buffer {
  const flags = FLAG.QR | FLAG.RA | (message.flags & (FLAG.RD | FLAG.CD));
  const edns = message.edns && { ...message.edns, udpSize: 1232, options: [] };
  const none = { answer: [], authority: [], additional: [] };
  return encodeMessage({ ...message, opcode: OPCODE.QUERY, rcode: RCODE.NOERROR, flags, ...none, edns, ...changes });
}

/** A script that has an address, TTL 100, for every name. */
export const answering: Script = (message) => [withAddress(message)];

/** The reply to `message` with an address for its name. */
export function withAddress(message: Message, address = '192.0.2.1', changes: Partial<Message> = {}): Buffer {
  const name = message.questions[0]?.name ?? '.';
  return replyTo(message, { answer: [addressRecord(name, 100, address)], ...changes });
}

/** The reply to `message` as if it had asked for `name`. */
export function forAnotherName(message: Message, name: string): Buffer {
  const type = message.questions[0]?.type ?? 0;
  return replyTo(message, { questions: [{ name, type, class: CLASS.IN }] });
}

/** A script that never replies. */
export const silent: Script = () => [];
