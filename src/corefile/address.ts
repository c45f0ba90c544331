import type { Token } from './lexer.ts';
import { mistakeAt, shown, type Mistake } from './mistake.ts';
import { reverseZones } from './reverse-zones.ts';

export type Transport = 'dns' | 'tls' | 'quic' | 'grpc' | 'https' | 'https3';

/** What a server block serves, and where: one zone at one port. An address range stands for several. */
export interface Address {
  readonly transport: Transport;
  /** Lower-case, with its final dot. */
  readonly zone: string;
  /** 0 to 65535. */
  readonly port: number;
  /** Whether the zone is the root, a reverse zone or in RFC 1035's preferred syntax; the start-up warns of others. */
  readonly preferredSyntax: boolean;
  /** The word it was written as. */
  readonly token: Token;
}

/** The ports of an address without one; that of `dns` is a flag, 53 unless given. */
const DEFAULT_PORTS = { tls: 853, quic: 853, grpc: 443, https: 443, https3: 443 } as const;

/** `dns://example.org.:53`, as messages name an address. */
export function addressText({ transport, zone, port }: Pick<Address, 'transport' | 'zone' | 'port'>): string {
  return `${transport}://${zone}:${port}`;
}

/** The addresses that the words of an address list stand for; a word that is none gives an error and no address. */
export function readAddresses(
  keys: readonly Token[],
  dnsPort: number,
): { readonly addresses: readonly Address[]; readonly errors: readonly Mistake[] } {
  const addresses: Address[] = [];
  const errors: Mistake[] = [];
  for (const token of keys) {
    const { transport, rest } = splitTransport(token.text);
    const split = splitZones(rest);
    if (typeof split === 'string') {
      const advice = rest.endsWith('{') ? `; put a space before the '{'` : '';
      errors.push(mistakeAt(token, `error inspecting server blocks: ${split}${advice}`));
      continue;
    }
    const port = split.port ?? (transport === 'dns' ? dnsPort : DEFAULT_PORTS[transport]);
    if (port < 0 || port > 65_535) {
      errors.push(mistakeAt(token, `address ${port}: invalid port; a port is 0 to 65535`));
      continue;
    }
    for (const zone of split.zones) {
      addresses.push({ transport, zone, port, preferredSyntax: isPreferredSyntax(zone), token });
    }
  }
  return { addresses, errors };
}

/**
 * The zones that one word of a plugin's arguments means: itself, lower-case and with its final dot, or the reverse
 * zones of an address range. A scheme and a port are dropped. None when the word is no domain name.
 */
export function zonesOfWord(word: string): readonly string[] {
  const split = splitZones(splitTransport(word).rest);
  return typeof split === 'string' ? [] : split.zones;
}

function splitTransport(word: string): { readonly transport: Transport; readonly rest: string } {
  const separator = word.indexOf('://');
  const scheme = word.slice(0, Math.max(0, separator));
  // Any other scheme is a part of the name.
  return isTransport(scheme)
    ? { transport: scheme, rest: word.slice(separator + 3) }
    : { transport: 'dns', rest: word };
}

function isTransport(scheme: string): scheme is Transport {
  return scheme === 'dns' || Object.hasOwn(DEFAULT_PORTS, scheme);
}

/** Splits `ZONE[:PORT]`; a string says what is wrong with it, in the reference's words. */
function splitZones(text: string): { readonly zones: readonly string[]; readonly port: number | undefined } | string {
  const colon = text.lastIndexOf(':');
  if (text === '' || colon === text.length - 1) return `expecting data after last colon: ${JSON.stringify(text)}`;
  const hasPort = colon !== -1 && /^[+-]?\d{1,15}$/.test(text.slice(colon + 1));
  const port = hasPort ? Number(text.slice(colon + 1)) : undefined;
  const name = hasPort ? text.slice(0, colon) : text;
  const length = Buffer.byteLength(name);
  if (length > 255) return `specified zone is too long: ${length} > 255`;
  if (!isDomainName(name)) return `zone is not a valid domain name: ${shown(name)}`;
  const ranges = reverseZones(name);
  if (ranges === undefined) return { zones: [qualified(name).toLowerCase()], port };
  // The reference takes such a range for the beginning of something else.
  if (name.startsWith(':') || (name.startsWith('0') && name.includes(':'))) return `invalid CIDR ${name}`;
  return { zones: ranges, port };
}

/** The presentation form of a label: escaped bytes (RFC 1035 section 5.1) are one byte each. */
const LABEL_BYTE = /\\\d{3}|\\?[^]/gu;

/** Whether `text` is a name by RFC 1035 section 2.3.4: labels of 1 to 63 bytes, 255 bytes in all on the wire. */
function isDomainName(text: string): boolean {
  if (text === '.') return true;
  const labels = labelLengths(qualified(text));
  const wireLength = labels.reduce((sum, length) => sum + 1 + length, 1);
  return labels.length > 0 && wireLength <= 255 && labels.every((length) => length >= 1 && length <= 63);
}

/** The lengths in bytes of the labels of a fully qualified name. */
function labelLengths(name: string): number[] {
  const lengths: number[] = [];
  let length = 0;
  for (const [unit] of name.matchAll(LABEL_BYTE)) {
    if (unit === '.') {
      lengths.push(length);
      length = 0;
    } else {
      length += unit.startsWith('\\') ? 1 : Buffer.byteLength(unit);
    }
  }
  return lengths;
}

/** The name with its final dot; an escaped dot is none. */
function qualified(name: string): string {
  return /(^|[^\\])(\\\\)*\.$/s.test(name) ? name : `${name}.`;
}

function isPreferredSyntax(zone: string): boolean {
  if (zone === '.' || zone.endsWith('.in-addr.arpa.') || zone.endsWith('.ip6.arpa.')) return true;
  return /^([a-z]([a-z0-9-]*[a-z0-9])?\.)+$/.test(zone);
}
