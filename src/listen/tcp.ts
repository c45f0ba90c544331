import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Peer } from '../core/query.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { type ListenAddress, listenError, unmapped } from './address.ts';
import type { Following, Responder } from './respond.ts';

/**
 * TCP on one address, or on all of the host (RFC 7766): queries may follow each other without waiting, answers go out as
 * they come, not in the order of the questions.
 *
 * What one client can take is bounded: connections in all, questions under way on one connection, and replies that it
 * does not read; a client beyond these is not read from until it has caught up, and is cut off when it stays silent. Of an
 * answer in many messages only as many are made as the client may leave unread.
 */
export interface TcpListener {
  readonly port: number;
  /** Stops accepting; open connections get `graceMs` to end by themselves. */
  close(graceMs: number): Promise<void>;
}

export interface TcpLimits {
  /** How long a new connection may take for its first query. */
  readonly firstQueryMs: number;
  /** How long a connection may be silent, or leave its replies unread. */
  readonly idleMs: number;
  readonly connections: number;
  /** Questions under way on one connection. */
  readonly pending: number;
  /** Bytes of replies that the client has not read. */
  readonly unreadBytes: number;
}

export const defaultTcpLimits: TcpLimits = {
  firstQueryMs: 3000,
  idleMs: 10_000,
  connections: 10_000,
  pending: 256,
  unreadBytes: 256 * 1024,
};

export interface TcpOptions {
  readonly responder: Responder;
  /** The listener's name in metrics and logs: `dns://:53`. */
  readonly server: string;
  readonly clock: Clock;
  readonly limits?: Partial<TcpLimits>;
}

/** Throws ListenError. */
export async function listenTcp(at: ListenAddress, options: TcpOptions): Promise<TcpListener> {
  const limits = { ...defaultTcpLimits, ...options.limits };
  const open = new Set<Connection>();
  const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, options, limits, () => open.delete(connection));
    open.add(connection);
  });
  server.maxConnections = limits.connections;
  await listen(server, at);
  // Accepting can fail for want of file descriptors; those that are open go on.
  server.on('error', () => {});
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : at.port,
    async close(graceMs) {
      const closed = once(server, 'close');
      server.close();
      for (const connection of open) connection.drain();
      const timer = options.clock.after(graceMs, () => open.forEach((connection) => connection.cut()));
      await closed;
      timer.cancel();
    },
  };
}

async function listen(server: Server, at: ListenAddress): Promise<void> {
  const wildcard = at.address === '';
  try {
    server.listen({ host: wildcard ? '::' : at.address, port: at.port });
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (!wildcard || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw listenError('tcp', at, error);
    await listen(server, { address: '0.0.0.0', port: at.port });
  }
}

const LENGTH_BYTES = 2;

class Connection {
  readonly #socket: Socket;
  readonly #options: TcpOptions;
  readonly #limits: TcpLimits;
  readonly #peer: Peer;
  #received: Buffer = Buffer.alloc(0);
  #pending = 0;
  /** The messages still to come of answers in many. */
  readonly #following: Following[] = [];
  #isTurnComing = false;
  #ended = false;
  #deadlineMs = 0;
  #timer: Timer | undefined;

  constructor(socket: Socket, options: TcpOptions, limits: TcpLimits, onClose: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#limits = limits;
    this.#peer = peerOf(socket, options.server);
    this.#expectWithin(limits.firstQueryMs);
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('drain', () => {
      this.#awaitTurn();
      this.#resume();
    });
    socket.on('end', () => this.drain());
    // The client went away: what is under way for it is answered into the void.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#timer?.cancel();
      for (const following of this.#following.splice(0)) following.stop();
      onClose();
    });
  }

  /** Takes no further questions and ends once those under way are answered. */
  drain(): void {
    this.#ended = true;
    this.#endWhenDone();
  }

  cut(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    this.#answer();
  }

  /** Hands on every question that is whole, as far as the limits let it. */
  #answer(): void {
    while (!this.#ended && !this.#isFull() && this.#received.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#received.readUInt16BE(0);
      if (this.#received.length < end) break;
      const wire = this.#received.subarray(LENGTH_BYTES, end);
      this.#received = this.#received.subarray(end);
      this.#expectWithin(this.#limits.idleMs);
      // Too short for a header: no reply is possible, and the stream can not be trusted further.
      if (wire.length < 12) return this.cut();
      this.#ask(wire);
    }
    if (this.#isFull()) this.#socket.pause();
    this.#endWhenDone();
  }

  #ask(wire: Buffer): void {
    this.#pending++;
    const waiting = this.#options.responder.respond(wire, this.#peer, (packet, following) =>
      this.#send(packet, following),
    );
    if (waiting === undefined) this.#pending--;
    else void waiting.then(() => this.#answered());
  }

  #answered(): void {
    this.#pending--;
    this.#resume();
  }

  #send(packet: Buffer, following?: Following): void {
    if (this.#socket.destroyed) {
      following?.stop();
      return;
    }
    this.#write(packet);
    if (following === undefined) return;
    this.#following.push(following);
    this.#awaitTurn();
  }

  /** Sends one message more in the next turn of the event loop, so that others are answered in between. */
  #awaitTurn(): void {
    if (this.#isTurnComing || this.#following.length === 0 || this.#isUnread()) return;
    this.#isTurnComing = true;
    setImmediate(() => {
      this.#isTurnComing = false;
      this.#sendNext();
    });
  }

  #sendNext(): void {
    const [following] = this.#following;
    if (following === undefined || this.#socket.destroyed) return;
    let packet: Buffer | undefined;
    try {
      packet = following.next();
    } catch {
      return this.cut();
    }
    if (packet === undefined) {
      this.#following.shift();
      this.#resume();
    } else {
      this.#write(packet);
    }
    this.#awaitTurn();
  }

  #write(packet: Buffer): void {
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt16BE(packet.length);
    this.#socket.cork();
    this.#socket.write(length);
    this.#socket.write(packet);
    this.#socket.uncork();
    this.#expectWithin(this.#limits.idleMs);
  }

  #isFull(): boolean {
    return this.#pending >= this.#limits.pending || this.#following.length > 0 || this.#isUnread();
  }

  #isUnread(): boolean {
    return this.#socket.writableLength > this.#limits.unreadBytes;
  }

  #resume(): void {
    if (!this.#socket.isPaused() || this.#isFull()) return this.#endWhenDone();
    this.#socket.resume();
    this.#answer();
  }

  #endWhenDone(): void {
    // Whether the client closes its side too is not waited for.
    const isDone = this.#pending === 0 && this.#following.length === 0;
    if (this.#ended && isDone && !this.#socket.writableEnded) this.#socket.destroySoon();
  }

  /** Moves the moment at which a client that does nothing is cut off; one timer runs, however often that moves. */
  #expectWithin(delayMs: number): void {
    const { clock } = this.#options;
    this.#deadlineMs = clock.now() + delayMs;
    this.#timer ??= clock.after(delayMs, () => this.#checkDeadline());
  }

  #checkDeadline(): void {
    const { clock } = this.#options;
    const leftMs = this.#pending > 0 ? this.#limits.idleMs : this.#deadlineMs - clock.now();
    if (leftMs <= 0) return this.cut();
    this.#timer = clock.after(leftMs, () => this.#checkDeadline());
  }
}

function peerOf(socket: Socket, server: string): Peer {
  const address = unmapped(socket.remoteAddress ?? '');
  return {
    transport: 'tcp',
    address,
    port: socket.remotePort ?? 0,
    family: address.includes(':') ? 6 : 4,
    localAddress: unmapped(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
    server,
  };
}
