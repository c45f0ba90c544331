import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { type ClientHttp2Session, connect as connectHttp2, type SecureClientSessionOptions } from 'node:http2';
import { createConnection, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** Where sockets come from. Each is returned at once and tells by its events how it fares. */
export interface Sockets {
  udp(family: 4 | 6): DatagramSocket;
  tcp(options: TcpNetConnectOpts): Socket;
  tls(options: ConnectionOptions): TLSSocket;
  http2(authority: string, options: SecureClientSessionOptions): ClientHttp2Session;
}

export const systemSockets: Sockets = {
  udp: (family) => createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6, lookup: noLookup }),
  tcp: (options) => createConnection(options),
  tls: (options) => connectTls(options),
  http2: (authority, options) => connectHttp2(authority, options),
};

/** Upstream servers have addresses, not names: there is nothing to look up, and no thread to wait for. */
function noLookup(
  address: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, address, address.includes(':') ? 6 : 4);
}
