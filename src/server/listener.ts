import { type Handler } from '../core/handler.ts';
import type { Query } from '../core/query.ts';
import { addressText, type ListenAddress, ListenError } from '../listen/address.ts';
import { createResponder } from '../listen/respond.ts';
import { listenTcp, type TcpListener } from '../listen/tcp.ts';
import { listenUdp } from '../listen/udp.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Resource } from '../runtime/shared.ts';

/** UDP and TCP on one address, answered by whichever handler stands there at the moment. */
export interface Listener {
  /** The real port, where 0 was asked for. */
  readonly port: number;
  /** From the next packet on, `handler` answers. */
  use(handler: Handler): void;
}

export interface ListenerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** `dns://:53`. */
  readonly server: string;
  readonly onFault: (error: unknown, query: Query) => void;
  readonly onRejected: (query: Query, rcode: number) => void;
}

const GRACE_MS = 5000;
const PORT_ATTEMPTS = 20;

/** The listener's name, as metrics and logs have it. */
export function serverName(at: ListenAddress): string {
  return `dns://${addressText(at)}`;
}

/** Opens both sockets; packets wait in them until a handler is there. Throws ListenError. */
export async function openListener(at: ListenAddress, options: ListenerOptions): Promise<Resource<Listener>> {
  const { clock, random, server } = options;
  let handler: Handler | undefined;
  const waiting: (() => void)[] = [];
  const responder = createResponder({
    random,
    now: () => clock.now(),
    handler: () => handler ?? (async (query) => wait().then(() => current()(query))),
    onFault: options.onFault,
    onRejected: options.onRejected,
  });

  function wait(): Promise<void> {
    return new Promise((resolve) => waiting.push(resolve));
  }

  function current(): Handler {
    if (handler === undefined) throw new Error('a listener without a handler');
    return handler;
  }

  const sockets = await openSockets(at, { responder, server, clock });
  return {
    value: {
      port: sockets.tcp.port,
      use(next) {
        handler = next;
        for (const resume of waiting.splice(0)) resume();
      },
    },
    async close() {
      await Promise.all([sockets.udp.close(), sockets.tcp.close(GRACE_MS)]);
    },
  };
}

type SocketOptions = Parameters<typeof listenTcp>[1];

/** With port 0 the system chooses one for TCP, which UDP may find taken: then another is tried. */
async function openSockets(
  at: ListenAddress,
  options: SocketOptions,
): Promise<{ tcp: TcpListener; udp: { close(): Promise<void> } }> {
  for (let attempt = 1; ; attempt++) {
    const tcp = await listenTcp(at, options);
    try {
      return { tcp, udp: await listenUdp({ address: at.address, port: tcp.port }, options) };
    } catch (error) {
      await tcp.close(0);
      if (!(error instanceof ListenError) || at.port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
