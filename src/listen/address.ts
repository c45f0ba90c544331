import { networkInterfaces } from 'node:os';

/** Where to listen: an address as text, '' for every address of the host, and a port (0: any free one). */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** A socket could not be opened; the message names the socket, the cause and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use: stop what listens there, or choose another port with -dns.port',
  EACCES:
    'permission denied: ports below 1024 need root or the capability NET_BIND_SERVICE, or choose another with -dns.port',
  EADDRNOTAVAIL: 'cannot assign requested address: this host has no such address',
};

/** The error for a failed bind, in the words of the reference and with what to do. */
export function listenError(network: 'tcp' | 'udp', at: ListenAddress, cause: unknown): ListenError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = advice[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new ListenError(`Listen: listen ${network} ${addressText(at)}: bind: ${reason}`, { cause });
}

/** `10.0.0.1:53`, `[::1]:53`, `:53`. */
export function addressText(at: ListenAddress): string {
  return at.address.includes(':') ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
}

/** Every address of the host's interfaces; link-local IPv6 ones with their scope. */
export function hostAddresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address }) => (/^fe80:/i.test(address) ? `${address}%${name}` : address)),
  );
}

/** The addresses by which others know this host: all but loopback. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter((address) => !address.internal).map(({ address }) => address),
  );
}

/** `::ffff:10.0.0.1`, as a dual-stack socket names an IPv4 client, is `10.0.0.1`. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
