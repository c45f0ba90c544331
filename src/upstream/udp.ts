import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Timer } from '../runtime/clock.ts';
import { type Client, type ClientOptions, type Limits, patienceMs, UpstreamError } from './client.ts';
import { endpointText, failureText } from './failure.ts';
import { Pending } from './pending.ts';
import type { Request } from './request.ts';

/**
 * A server asked over UDP. Who wants to forge a reply must hit port and id, both drawn from the CSPRNG: so a socket is good
 * for a few questions and a few seconds only, and each question goes out over one of several, taken by chance.
 *
 * Why not a socket for each question: that costs as much as all the rest of forwarding it. Sockets are connected to their
 * server, so that the kernel drops everybody else's datagrams and reports at once when nobody listens there.
 */
export class UdpClient implements Client {
  readonly #options: ClientOptions;
  readonly #slots: (UdpSocket | undefined)[];
  #lifetimeMs: number;
  /** Sockets that exist, those that wait for their last replies too. */
  #open = 0;

  constructor(options: ClientOptions) {
    const { expireMs, maxAgeMs, maxIdle } = options;
    this.#options = options;
    this.#lifetimeMs = maxAgeMs > 0 ? Math.min(expireMs, maxAgeMs) : expireMs;
    this.#slots = Array.from({ length: maxIdle > 0 ? Math.min(SLOTS, maxIdle) : SLOTS }, () => undefined);
  }

  async exchange(request: Request, limits: Limits): Promise<Buffer> {
    const { address, port, random, onConnection } = this.#options;
    // Sent, it would be an error of the socket and fail all questions on it.
    if (request.wire.length > MOST_BYTES) {
      throw new UpstreamError(`write udp ${endpointText(address, port)}: message too long`);
    }
    const slot = random.below(this.#slots.length);
    const present = this.#slots[slot];
    const reused = present !== undefined && this.#isUsable(present);
    onConnection(reused);
    if (reused) return present.exchange(request, limits);
    present?.retire();
    const socket = new UdpSocket(this.#options, this.#lifetimeMs, () => this.#open--);
    this.#open++;
    this.#slots[slot] = socket;
    const reply = socket.exchange(request, limits);
    if (this.#lifetimeMs === 0) socket.retire();
    return reply;
  }

  close(): void {
    this.#lifetimeMs = 0;
    for (const socket of this.#slots) socket?.retire();
  }

  /** A server that is silent while many ask makes many sockets; beyond a number the present ones go on. */
  #isUsable(socket: UdpSocket): boolean {
    return !socket.retired && (socket.uses < USES || this.#open >= MOST_SOCKETS);
  }
}

const SLOTS = 4;
/** Questions over one socket: making it then costs a twentieth of what they cost. */
const USES = 16;
const MOST_SOCKETS = 256;
/** The most that a datagram of IPv4 holds. */
const MOST_BYTES = 65_507;

// Above the ports that Kubernetes gives to services (30000 to 32767) and up to the last one.
const FIRST_PORT = 32_768;
const PORTS = 32_768;
const PORT_TRIES = 16;

class UdpSocket {
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #pending: Pending;
  readonly #opened: Promise<void>;
  readonly #timer: Timer;
  readonly #onClosed: () => void;
  /** `LOCAL->REMOTE`, as errors name the way. */
  #path = '';
  #isOpen = false;
  #retired = false;
  #underway = 0;
  #uses = 0;

  constructor(options: ClientOptions, lifetimeMs: number, onClosed: () => void) {
    const { clock, random, sockets, address } = options;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#socket = sockets.udp(address.includes(':') ? 6 : 4);
    const late = (): Error => new UpstreamError(`read udp ${this.#path}: i/o timeout`);
    this.#pending = new Pending({ clock, random, onMismatch: 'wait', late });
    this.#opened = this.#open();
    this.#opened.catch(() => this.retire());
    this.#timer = clock.after(lifetimeMs, () => this.retire());
  }

  /** True once it takes no further questions. */
  get retired(): boolean {
    return this.#retired;
  }

  /** How many questions it was given. */
  get uses(): number {
    return this.#uses;
  }

  async exchange(request: Request, limits: Limits): Promise<Buffer> {
    this.#uses++;
    this.#underway++;
    try {
      if (!this.#isOpen) await this.#opened;
      const { packet, reply } = this.#pending.add(request, patienceMs(limits, this.#options.clock));
      this.#socket.send(packet, this.#onSent);
      return await reply;
    } finally {
      this.#underway--;
      this.#closeWhenDone();
    }
  }

  /** Takes no further questions and closes once those under way are answered. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#timer.cancel();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (!this.#retired || this.#underway > 0) return;
    this.#socket.close();
    this.#onClosed();
  }

  async #open(): Promise<void> {
    const { address, port } = this.#options;
    const remote = endpointText(address, port);
    try {
      await this.#bind();
      const connected = once(this.#socket, 'connect');
      this.#socket.connect(port, address);
      await connected;
    } catch (error) {
      throw new UpstreamError(`dial udp ${remote}: ${failureText(error)}`, { cause: error });
    }
    const local = this.#socket.address();
    this.#path = `${endpointText(local.address, local.port)}->${remote}`;
    this.#socket.on('message', (reply) => this.#pending.deliver(reply));
    this.#socket.on('error', (error) => this.#fail('read', error));
    this.#isOpen = true;
  }

  /** A port of our own choice: those that some systems choose can be guessed (CVE-2020-16166). */
  async #bind(): Promise<void> {
    const { random, sourceAddress } = this.#options;
    for (let tries = 1; ; tries++) {
      const port = FIRST_PORT + random.below(PORTS);
      const bound = once(this.#socket, 'listening');
      this.#socket.bind({ port, exclusive: true, ...(sourceAddress === '' ? {} : { address: sourceAddress }) });
      try {
        await bound;
        return;
      } catch (error) {
        const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
        if (!isTaken || tries === PORT_TRIES) throw error;
      }
    }
  }

  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#fail('write', error);
  };

  /** What the network says of one datagram (nobody listens, no way there) holds for all of them. */
  #fail(operation: 'read' | 'write', error: Error): void {
    const text = `${operation} udp ${this.#path}: ${failureText(error)}`;
    this.#pending.failAll(new UpstreamError(text, { cause: error }));
    this.retire();
  }
}
