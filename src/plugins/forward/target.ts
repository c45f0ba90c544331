import { isIP } from 'node:net';
import { endpointText } from '../../upstream/failure.ts';
import type { ServerAddress } from '../../upstream/upstream.ts';

type Protocol = ServerAddress['protocol'];

/** What a TO word stands for. */
export interface Target {
  /** `name`: the server's address is a host name; or the word is the name of a file like resolv.conf. */
  readonly kind: 'server' | 'name';
  readonly word: string;
  readonly server: ServerAddress;
}

const DEFAULT_PORTS: Readonly<Record<Protocol, number>> = { dns: 53, tls: 853, https: 443 };
const FOREIGN_PORTS: Readonly<Record<string, number>> = { quic: 853, grpc: 443, https3: 443 };

/** Reads a TO word; a string says what is wrong with it, in the reference's words where it has some. */
export function parseTarget(word: string, origin: string): Target | string {
  const [, scheme = 'dns', rest = word] = /^(\w+):\/\/(.*)$/s.exec(word) ?? [];
  const foreignPort = Object.hasOwn(FOREIGN_PORTS, scheme) ? FOREIGN_PORTS[scheme] : undefined;
  if (foreignPort !== undefined) {
    const address = /:\d+$/.test(rest) && isIP(rest) === 0 ? rest : endpointText(rest, foreignPort);
    return `'${scheme}' is not supported as a destination protocol in forward: ${scheme}://${address}`;
  }
  if (!isProtocol(scheme)) return `not an IP address, file, or valid domain: ${JSON.stringify(word)}`;
  if (rest === '') return `invalid address: ${JSON.stringify(word)}`;
  if (scheme === 'https' && rest.includes('/')) {
    return `paths are not allowed in HTTPS upstream addresses (the /dns-query path is used by default): ${word}`;
  }
  const { host, suffix, portText } = splitAddress(rest);
  const port = portText === undefined ? DEFAULT_PORTS[scheme] : readPort(portText);
  if (port === undefined) return `invalid port in ${JSON.stringify(word)}: a port is 1 to 65535`;
  // With plain DNS the suffix can only be the scope of a link-local address.
  const isScope = scheme === 'dns' && suffix !== '' && isIP(host) === 6;
  const address = isScope ? `${host}%${suffix}` : host;
  const servername = scheme === 'dns' ? '' : suffix;
  const server = { protocol: scheme, address, port, servername, origin };
  return { kind: isIP(host) === 0 ? 'name' : 'server', word, server };
}

function isProtocol(scheme: string): scheme is Protocol {
  return Object.hasOwn(DEFAULT_PORTS, scheme);
}

/** Takes `HOST`, `HOST%SUFFIX`, `HOST:PORT`, `HOST%SUFFIX:PORT` apart; an IPv6 HOST with PORT is in brackets. */
function splitAddress(text: string): { host: string; suffix: string; portText: string | undefined } {
  const [, suffix = ''] = /%([^\]:]*)/.exec(text) ?? [];
  const plain = text.replace(`%${suffix}`, '');
  if (isIP(plain) !== 0) return { host: plain, suffix, portText: undefined };
  const [, bracketed, named, portText] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(plain) ?? [];
  return { host: bracketed ?? named ?? plain, suffix, portText };
}

function readPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
