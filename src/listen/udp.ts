import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Peer } from '../core/query.ts';
import { type Clock, every, type Timer } from '../runtime/clock.ts';
import { hostAddresses, type ListenAddress, listenError, unmapped } from './address.ts';
import type { Responder } from './respond.ts';

/**
 * UDP on one address, or on all of the host.
 *
 * A socket of the wildcard address can not tell which address was asked, so its replies may leave from another and be
 * thrown away. So each address of the host gets a socket of its own beside the wildcard's, which takes what is left (an
 * address that came a moment ago); the kernel gives a datagram to the most specific socket.
 */
export interface UdpListener {
  readonly port: number;
  close(): Promise<void>;
}

export interface UdpOptions {
  readonly responder: Responder;
  /** The listener's name in metrics and logs: `dns://:53`. */
  readonly server: string;
  readonly clock: Clock;
  /** The host's addresses at this moment. */
  readonly addresses?: () => readonly string[];
}

const RESCAN_MS = 10_000;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Throws ListenError. */
export async function listenUdp(at: ListenAddress, options: UdpOptions): Promise<UdpListener> {
  if (at.address !== '') {
    const socket = await open(at, options, false);
    return { port: socket.address().port, close: () => shut(socket) };
  }
  return listenEverywhere(at.port, options);
}

async function listenEverywhere(wantedPort: number, options: UdpOptions): Promise<UdpListener> {
  const { clock, addresses = hostAddresses } = options;
  const port = await probe(wantedPort, options);
  const wildcard = await openWildcard(port, options);
  const sockets = new Map<string, Socket>();

  async function rescan(): Promise<void> {
    const present = new Set(addresses());
    for (const [address, socket] of sockets) {
      if (present.has(address)) continue;
      sockets.delete(address);
      await shut(socket);
    }
    for (const address of present) {
      if (sockets.has(address)) continue;
      // An address may be gone again, or not usable yet (IPv6 duplicate detection): the wildcard serves meanwhile.
      const socket = await open({ address, port }, options, true).catch(() => undefined);
      if (socket !== undefined) sockets.set(address, socket);
    }
  }

  await rescan();
  const timer: Timer = every(clock, RESCAN_MS, () => void rescan());
  return {
    port,
    async close() {
      timer.cancel();
      await Promise.all([wildcard, ...sockets.values()].map(shut));
    },
  };
}

/** Sockets that share a port would also share it with a stranger's: first see that nobody has it. */
async function probe(port: number, options: UdpOptions): Promise<number> {
  const socket = await open({ address: '', port }, options, false);
  const { port: found } = socket.address();
  await shut(socket);
  return found;
}

function openWildcard(port: number, options: UdpOptions): Promise<Socket> {
  return open({ address: '', port }, options, true);
}

async function open(at: ListenAddress, options: UdpOptions, shared: boolean): Promise<Socket> {
  const wildcard = at.address === '';
  const type = wildcard || isIPv6(at.address) ? 'udp6' : 'udp4';
  try {
    return await bind(type, wildcard ? '::' : at.address, at.port, options, shared);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (!wildcard || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw listenError('udp', at, error);
  }
  try {
    return await bind('udp4', '0.0.0.0', at.port, options, shared);
  } catch (error) {
    throw listenError('udp', at, error);
  }
}

async function bind(
  type: 'udp4' | 'udp6',
  address: string,
  port: number,
  options: UdpOptions,
  shared: boolean,
): Promise<Socket> {
  const socket = createSocket({ type, reuseAddr: shared, recvBufferSize: RECEIVE_BUFFER_BYTES });
  socket.bind({ address, port, exclusive: true });
  try {
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    throw error;
  }
  serve(socket, options);
  return socket;
}

function serve(socket: Socket, { responder, server }: UdpOptions): void {
  const { address: localAddress, port: localPort } = socket.address();
  socket.on('message', (wire, from: RemoteInfo) => {
    // No reply can be sent to port 0, and trying to throws.
    if (from.port === 0) return;
    const address = unmapped(from.address);
    const family = from.family === 'IPv4' || address !== from.address ? 4 : 6;
    const peer: Peer = { transport: 'udp', address, port: from.port, family, localAddress, localPort, server };
    void responder.respond(wire, peer, (packet) => {
      try {
        socket.send(packet, from.port, from.address, ignoreSendError);
      } catch {
        // The socket was closed while the answer was waited for.
      }
    });
  });
  // What the network says about one reply (unreachable, too large) is no reason to stop serving.
  socket.on('error', () => {});
}

function ignoreSendError(): void {}

function shut(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
