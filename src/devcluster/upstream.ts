import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { Packet } from 'dns2';
import type { Log } from '../runtime/log.ts';
import { lookup } from './upstream-records.ts';

export interface UpstreamOptions {
  readonly log: Log;
  /** 127.0.0.1 when absent. */
  readonly host?: string;
  /** 0, any port that is free for UDP and TCP, when absent. */
  readonly port?: number;
}

export interface Upstream {
  readonly port: number;
  close(): Promise<void>;
}

const HEADER_BYTES = 12;
/** No honest query is longer; the parser's time grows with the square of what it is given. */
const MAX_QUERY_BYTES = 1232;
const MIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 1232;
/** A TCP client that says nothing for so long, or leaves so much unread, is cut. */
const IDLE_MS = 10_000;
const MAX_UNREAD_BYTES = 1024 * 1024;
const OPCODE_QUERY = 0;
const PORT_ATTEMPTS = 10;

/**
 * The resolver outside the cluster, for `portolan dev` and the tests: it knows `example.test` and the outside names of
 * the default cluster (upstream-records.ts), over UDP and TCP on one port. Messages are read and written by dns2; its
 * server classes are not used, since a datagram from port 0 or a client that never reads would bring them down.
 */
export async function startUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { host = '127.0.0.1', port = 0, log } = options;
  for (let attempt = 1; ; attempt++) {
    const udp = await listenUdp(host, port, log);
    try {
      const tcp = await listenTcp(host, udp.address().port, log);
      return { port: udp.address().port, close: () => closeBoth(udp, tcp) };
    } catch (error) {
      await new Promise<void>((resolve) => udp.close(resolve));
      // Another program may have the TCP port that was free for UDP: take the next.
      if (port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** The reply to one message; undefined when it deserves none. Throws when dns2 cannot make sense of it. */
export function replyTo(message: Buffer, maxBytes: number | 'tcp'): Buffer | undefined {
  if (message.length < HEADER_BYTES || message.length > MAX_QUERY_BYTES) return undefined;
  const query = Packet.parse(message);
  // To answer an answer would be a loop.
  if (query.header.qr === 1) return undefined;
  const rcode = rcodeBeforeLookup(query);
  const question = query.questions[0];
  const response = Packet.createErrorResponseFromRequest(query, rcode);
  response.header.ra = 1;
  if (rcode === Packet.RCODE.NOERROR && question !== undefined) {
    const found = lookup(question.name, question.type);
    response.header.rcode = Packet.RCODE[found.rcode];
    response.answers = [...found.answers];
    response.authorities = [...found.authorities];
  }
  const bytes = response.toBuffer();
  if (maxBytes === 'tcp' || bytes.length <= udpLimit(query, maxBytes)) return bytes;
  const cut = Packet.createErrorResponseFromRequest(query, rcode);
  cut.header.ra = 1;
  cut.header.tc = 1;
  return cut.toBuffer();
}

function rcodeBeforeLookup({ header, questions, errors }: Packet): number {
  if (header.opcode !== OPCODE_QUERY) return Packet.RCODE.NOTIMP;
  if (errors.length > 0 || questions.length !== 1) return Packet.RCODE.FORMERR;
  return questions[0]?.class === Packet.CLASS.IN ? Packet.RCODE.NOERROR : Packet.RCODE.REFUSED;
}

/** What the client takes over UDP (RFC 6891 section 6.2.3), within what passes without fragments. */
function udpLimit({ additionals }: Packet, maxBytes: number): number {
  const opt = additionals.find(({ type }) => type === Packet.TYPE.EDNS);
  return opt === undefined ? MIN_UDP_BYTES : Math.min(Math.max(opt.class, MIN_UDP_BYTES), maxBytes);
}

function listenUdp(host: string, port: number, log: Log): Promise<UdpSocket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message: Buffer, client: RemoteInfo) => {
    const reply = client.port === 0 ? undefined : safeReply(message, MAX_UDP_BYTES, log);
    if (reply !== undefined) socket.send(reply, client.port, client.address);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      socket.on('error', (error) => log.error(`devcluster: the upstream's UDP socket failed: ${error.message}`));
      resolve(socket);
    });
  });
}

function listenTcp(host: string, port: number, log: Log): Promise<TcpListener> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serveTcp(client, log);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', (error) => log.error(`devcluster: the upstream's TCP listener failed: ${error.message}`));
      resolve({ server, clients });
    });
  });
}

interface TcpListener {
  readonly server: Server;
  readonly clients: ReadonlySet<Socket>;
}

/** Queries may come in pieces or several in one (RFC 7766); each has its length in front. */
function serveTcp(client: Socket, log: Log): void {
  let unread = Buffer.alloc(0);
  client.setTimeout(IDLE_MS, () => client.destroy());
  client.on('error', () => client.destroy());
  client.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE()) {
      const end = 2 + unread.readUInt16BE();
      const reply = safeReply(unread.subarray(2, end), 'tcp', log);
      unread = unread.subarray(end);
      if (reply === undefined || client.writableLength > MAX_UNREAD_BYTES) {
        client.destroy();
        break;
      }
      client.write(Buffer.concat([lengthOf(reply), reply]));
    }
  });
}

function lengthOf(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return length;
}

function safeReply(message: Buffer, maxBytes: number | 'tcp', log: Log): Buffer | undefined {
  try {
    return replyTo(message, maxBytes);
  } catch (error) {
    log.debug(
      `devcluster: the upstream cannot read a query: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}

async function closeBoth(udp: UdpSocket, { server, clients }: TcpListener): Promise<void> {
  for (const client of clients) client.destroy();
  await Promise.all([
    new Promise<void>((resolve) => udp.close(resolve)),
    new Promise<void>((resolve) => server.close(() => resolve())),
  ]);
}
