/** What people look for in the log of a cluster's DNS server, which are Go's words. */
const phrases: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  ECONNRESET: 'connection reset by peer',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'temporary failure in name resolution',
};

const certificatePhrases: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

interface SystemError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** Why a connection failed: in the usual words where there are any, else as the error has it. */
export function describeFailure(error: unknown): string {
  // A host name with several addresses fails once for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error)) return String(first);
  const { code = '', address, port, hostname, message }: SystemError = first;
  const certificate = certificatePhrases[code];
  if (certificate !== undefined) return `tls: failed to verify certificate: x509: ${certificate}`;
  const phrase = phrases[code];
  if (phrase === undefined) return message;
  if (hostname !== undefined) return `dial tcp: lookup ${hostname}: ${phrase}`;
  return address === undefined ? phrase : `dial tcp ${address}:${port}: ${phrase}`;
}
