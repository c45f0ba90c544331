import { X509Certificate } from 'node:crypto';
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  getCACertificates,
  type SecureContext,
} from 'node:tls';
import type { ClientOptions } from './client.ts';
import type { Dialer } from './stream.ts';

/** Certificates in PEM form. */
export interface TlsMaterial {
  /** Whom to trust; the system's authorities without it. */
  readonly ca?: string;
  /** Who we are, for servers that ask. */
  readonly cert?: string;
  readonly key?: string;
}

/** Throws an Error for what is no certificate or key, or for a key that belongs to another certificate. */
export function createTlsContext({ ca, cert, key }: TlsMaterial): SecureContext {
  // A context would take any text for authorities, and then trust nobody.
  if (ca !== undefined) void new X509Certificate(ca);
  return createSecureContext({
    // Most certificates are in both lists, and each one costs.
    ca: ca ?? [...new Set([...getCACertificates('system'), ...getCACertificates('default')])],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

/**
 * How to connect to a server of TLS. Its certificate must be for `servername`; without one for its address, which is then
 * not sent as a name either (RFC 6066 3).
 */
export function tlsOptions(options: ClientOptions, context: SecureContext, servername: string): ConnectionOptions {
  const { address, port, sourceAddress } = options;
  const [identity = ''] = (servername === '' ? address : servername).split('%', 1);
  return {
    host: address,
    port,
    secureContext: context,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(identity, certificate),
    ...(servername === '' ? {} : { servername }),
    ...(sourceAddress === '' ? {} : { localAddress: sourceAddress }),
  };
}

/** DNS over TLS (RFC 7858). A session is taken up again, which saves most of the handshake. */
export function tlsDialer(options: ClientOptions, context: SecureContext, servername: string): Dialer {
  const connection = tlsOptions(options, context, servername);
  let session: Buffer | undefined;
  return {
    openEvent: 'secureConnect',
    mostConnections: 16,
    dial() {
      const socket = options.sockets.tls({ ...connection, ...(session === undefined ? {} : { session }) });
      socket.on('session', (ticket: Buffer) => void (session = ticket));
      return socket;
    },
  };
}

/** DNS over TCP (RFC 7766). */
export function tcpDialer({ sockets, address, port, sourceAddress }: ClientOptions): Dialer {
  const connection = { host: address, port, ...(sourceAddress === '' ? {} : { localAddress: sourceAddress }) };
  return { openEvent: 'connect', mostConnections: 128, dial: () => sockets.tcp(connection) };
}
