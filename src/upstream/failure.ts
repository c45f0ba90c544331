/**
 * What went wrong with a socket, in the form of the reference's standard library:
 *
 *     read udp 10.244.0.5:38127->10.0.0.2:53: i/o timeout
 *     dial tcp 10.0.0.2:53: connect: connection refused
 */

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAFNOSUPPORT: 'address family not supported by protocol',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EMFILE: 'too many open files',
  EMSGSIZE: 'message too long',
  ENETUNREACH: 'network is unreachable',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'connection timed out',
};

const CALLS: Readonly<Record<string, string>> = { recvmsg: 'read', send: 'write' };

/** `connect: connection refused` for a system's error, else the error's own message. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reason = 'code' in error ? REASONS[String(error.code)] : undefined;
  if (reason === undefined) return error.message;
  const call = 'syscall' in error ? String(error.syscall) : '';
  return call === '' ? reason : `${CALLS[call] ?? call}: ${reason}`;
}

/** `10.0.0.1:53`, `[2001:db8::1]:53`. */
export function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
