import type { Socket } from 'node:net';
import type { Timer } from '../runtime/clock.ts';
import {
  type Client,
  type ClientOptions,
  type Limits,
  patienceMs,
  StaleConnectionError,
  UpstreamError,
  within,
} from './client.ts';
import { endpointText, failureText } from './failure.ts';
import { Pending } from './pending.ts';
import type { Request } from './request.ts';

/** How connections to one server are made: over TCP or TLS. */
export interface Dialer {
  /** Starts connecting. */
  readonly dial: () => Socket;
  /** The event that tells that questions may be sent. */
  readonly openEvent: 'connect' | 'secureConnect';
  /** Beyond so many connections, questions share them. */
  readonly mostConnections: number;
}

/** How long connecting may take, the TLS handshake included: two tries fit into the time of a query. */
const DIAL_MS = 2000;

/**
 * A server asked over connections (RFC 7766, RFC 7858), which stay open for further questions. A question gets an idle one
 * or a new one, since some servers answer in order and a slow answer would hold up those behind it; only when there are
 * many do questions share one.
 */
export class StreamClient implements Client {
  readonly #options: ClientOptions;
  readonly #dialer: Dialer;
  /** Those that take questions, the oldest first. */
  readonly #connections = new Set<StreamConnection>();
  #closed = false;

  constructor(options: ClientOptions, dialer: Dialer) {
    this.#options = options;
    this.#dialer = dialer;
  }

  async exchange(request: Request, limits: Limits): Promise<Buffer> {
    for (;;) {
      const found = this.#find();
      this.#options.onConnection(found !== undefined);
      const connection = found ?? this.#open(limits);
      try {
        return await connection.exchange(request, limits);
      } catch (error) {
        // Each round takes a broken connection out of the set, and a new connection gets no second round.
        if (found === undefined || !(error instanceof StaleConnectionError)) throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.retire();
  }

  #find(): StreamConnection | undefined {
    let best: StreamConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.isTooOld) connection.retire();
      else if (best === undefined || connection.underway < best.underway) best = connection;
    }
    const mayOpen = this.#connections.size < this.#dialer.mostConnections;
    return best !== undefined && best.underway > 0 && mayOpen ? undefined : best;
  }

  #open({ deadlineMs }: Limits): StreamConnection {
    const dialMs = Math.min(DIAL_MS, deadlineMs - this.#options.clock.now());
    const connection: StreamConnection = new StreamConnection(this.#options, this.#dialer, dialMs, {
      onIdle: () => this.#keepOrRetire(connection),
      onRetired: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    return connection;
  }

  #keepOrRetire(connection: StreamConnection): void {
    const { expireMs, maxIdle } = this.#options;
    const idle = [...this.#connections].filter(({ underway }) => underway === 0).length;
    if (this.#closed || expireMs === 0 || (maxIdle > 0 && idle > maxIdle)) connection.retire();
    else connection.expireAfter(expireMs);
  }
}

interface ConnectionEvents {
  /** No question is under way any more. */
  readonly onIdle: () => void;
  /** It takes no further questions. */
  readonly onRetired: () => void;
}

const LENGTH_BYTES = 2;

class StreamConnection {
  readonly #options: ClientOptions;
  readonly #events: ConnectionEvents;
  readonly #socket: Socket;
  readonly #pending: Pending;
  readonly #opened: Promise<void>;
  readonly #remote: string;
  readonly #bornMs: number;
  #path = '';
  #isOpen = false;
  #retired = false;
  #underway = 0;
  #expiry: Timer | undefined;
  #received: Buffer = Buffer.alloc(0);

  constructor(options: ClientOptions, dialer: Dialer, dialMs: number, events: ConnectionEvents) {
    const { clock, random, address, port } = options;
    this.#options = options;
    this.#events = events;
    this.#remote = endpointText(address, port);
    this.#bornMs = clock.now();
    const late = (): Error => new UpstreamError(`read tcp ${this.#path}: i/o timeout`);
    this.#pending = new Pending({ clock, random, onMismatch: 'fail', late });
    this.#socket = dialer.dial();
    this.#socket.setNoDelay(true);
    this.#opened = within(clock, dialMs, this.#open(dialer.openEvent), () => this.#dialTimeout());
    this.#opened.catch(() => this.retire());
  }

  /** How many questions are under way. */
  get underway(): number {
    return this.#underway;
  }

  get isTooOld(): boolean {
    const { clock, maxAgeMs } = this.#options;
    return maxAgeMs > 0 && clock.now() - this.#bornMs >= maxAgeMs;
  }

  async exchange(request: Request, limits: Limits): Promise<Buffer> {
    const { clock } = this.#options;
    this.#underway++;
    this.#expiry?.cancel();
    try {
      const leftMs = limits.deadlineMs - clock.now();
      if (!this.#isOpen) await within(clock, leftMs, this.#opened, () => this.#dialTimeout());
      const { packet, reply } = this.#pending.add(request, patienceMs(limits, clock));
      this.#send(packet);
      return await reply;
    } finally {
      this.#underway--;
      if (this.#underway === 0) this.#rest();
    }
  }

  /** Takes no further questions and closes once those under way are answered. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#expiry?.cancel();
    this.#events.onRetired();
    if (this.#underway === 0) this.#socket.destroy();
  }

  /** Retires after so long without a question. */
  expireAfter(ms: number): void {
    this.#expiry = this.#options.clock.after(ms, () => this.retire());
  }

  #rest(): void {
    if (this.#retired) this.#socket.destroy();
    else this.#events.onIdle();
  }

  #open(openEvent: Dialer['openEvent']): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let cause: Error | undefined;
    this.#socket.once(openEvent, () => {
      const { localAddress = '', localPort = 0 } = this.#socket;
      this.#path = `${endpointText(localAddress, localPort)}->${this.#remote}`;
      this.#isOpen = true;
      resolve();
    });
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.on('error', (error) => void (cause = error));
    this.#socket.on('close', () => {
      const reason = cause === undefined ? 'EOF' : failureText(cause);
      reject(new UpstreamError(`dial tcp ${this.#remote}: ${reason}`, { cause }));
      this.#pending.failAll(new StaleConnectionError(`read tcp ${this.#path}: ${reason}`, { cause }));
      this.retire();
    });
    return promise;
  }

  #dialTimeout(): UpstreamError {
    return new UpstreamError(`dial tcp ${this.#remote}: i/o timeout`);
  }

  #send(packet: Buffer): void {
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt16BE(packet.length);
    this.#socket.cork();
    this.#socket.write(length);
    this.#socket.write(packet);
    this.#socket.uncork();
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#received.readUInt16BE();
      if (this.#received.length < end) return;
      this.#pending.deliver(this.#received.subarray(LENGTH_BYTES, end));
      this.#received = this.#received.subarray(end);
    }
  }
}
