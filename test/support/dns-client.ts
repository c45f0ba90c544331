import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { CLASS, FLAG, OPCODE, TYPE } from '../../src/dns/codes.ts';
import { type EdnsOption, encodeMessage } from '../../src/dns/message.ts';

/** Longer than any answer takes, that of a dead upstream included; a test that waits so long has failed. */
const PATIENCE_MS = 20_000;
const HOST = '127.0.0.1';

/** A question as a client puts it: without more than a name an A question, RD set, without EDNS. */
export interface ClientQuestion {
  readonly name: string;
  readonly type?: number;
  readonly class?: number;
  readonly id?: number;
  /** Of `FLAG`. */
  readonly flags?: number;
  readonly edns?: { readonly udpSize: number; readonly dnssecOk?: boolean; readonly options?: readonly EdnsOption[] };
}

/** The question on the wire. Throws where the name is none. */
export function questionWire(question: ClientQuestion): Buffer {
  const { name, type = TYPE.A, class: qclass = CLASS.IN, id = 4711, flags = FLAG.RD, edns } = question;
  return encodeMessage({
    id,
    opcode: OPCODE.QUERY,
    rcode: 0,
    flags,
    questions: [{ name, type, class: qclass }],
    answer: [],
    authority: [],
    additional: [],
    edns: edns === undefined ? undefined : { version: 0, dnssecOk: false, options: [], ...edns },
  });
}

/**
 * Sends datagrams to a server on 127.0.0.1, one after the other, and resolves with the first reply as it came, or undefined
 * where none comes. A server takes datagrams in order: when the first deserves no reply, what comes is that to the second.
 */
export function exchangeUdp(port: number, ...wires: readonly Buffer[]): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => end(undefined), PATIENCE_MS);
    function end(reply: Buffer | undefined): void {
      clearTimeout(timer);
      socket.close(() => resolve(reply));
    }
    socket.on('error', reject);
    socket.on('message', end);
    for (const wire of wires) socket.send(wire, port, HOST);
  });
}

/** Sends one message over a TCP connection of its own. Resolves with the reply, or undefined where the server hangs up. */
export function exchangeTcp(port: number, wire: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, HOST);
    let received: Buffer = Buffer.alloc(0);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on('error', (error) => (isReset(error) ? resolve(undefined) : reject(error)));
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return;
      resolve(received.subarray(2, 2 + received.readUInt16BE()));
      socket.destroy();
    });
    socket.write(withLength(wire));
  });
}

function isReset(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNRESET';
}

/** A message as it travels over TCP, its length in front (RFC 1035 4.2.2). */
export function withLength(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(message.length >> 8, message.length & 0xff), message]);
}
