import { isIPv4, isIPv6 } from 'node:net';

/**
 * Addresses: text to bytes and back, and the names of the reverse tree (RFC 1035 3.5, RFC 3596 2.5).
 */

const DOT = 0x2e;
const ZERO = 0x30;

/** 4 or 16 bytes, or undefined when `text` is no address. A zone suffix (`%eth0`) makes it none. */
export function addressToBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return ipv4ToBytes(text);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return ipv6ToBytes(text);
}

function ipv4ToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(4);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === DOT) at++;
    else bytes[at] = bytes[at]! * 10 + char - ZERO;
  }
  return bytes;
}

function ipv6ToBytes(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const plain = dotted?.[1] === undefined ? text : dotted[1] + dottedAsGroups(dotted[2] ?? '');
  const [head = '', tail] = plain.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const groups = [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function dottedAsGroups(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** The canonical text of 4 or 16 bytes; IPv6 as in RFC 5952. */
export function bytesToAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : ipv6Text(bytes);
}

function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join('.')}`;
  }
  const { start, length } = longestZeroRun(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** The canonical text of an address in any of its spellings, or undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const bytes = addressToBytes(text);
  return bytes === undefined ? undefined : bytesToAddress(bytes);
}

/** `4.3.2.1.in-addr.arpa.` or 32 nibbles under `ip6.arpa.`; undefined when `text` is no address. */
export function reverseName(text: string): string | undefined {
  const bytes = addressToBytes(text);
  if (bytes === undefined) return undefined;
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa.`;
  const nibbles = [...bytes].flatMap((byte) => [(byte >> 4).toString(16), (byte & 15).toString(16)]);
  return `${nibbles.reverse().join('.')}.ip6.arpa.`;
}

/**
 * The canonical address that a complete reverse name stands for, or undefined: exactly four decimal labels without
 * leading zeros, or 32 nibbles. In front of the nibbles up to three more labels are no matter: the reference reads them
 * four at a time, and leaves out those that are too few.
 */
export function addressOfReverseName(key: string): string | undefined {
  if (key.endsWith('.in-addr.arpa.')) {
    const address = key.slice(0, -'.in-addr.arpa.'.length).split('.').reverse().join('.');
    return isIPv4(address) ? address : undefined;
  }
  if (!key.endsWith('.ip6.arpa.')) return undefined;
  const labels = key.slice(0, -'.ip6.arpa.'.length).split('.').reverse();
  const nibbles = labels.slice(0, 32);
  if (nibbles.length !== 32 || labels.length > 35 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) {
    return undefined;
  }
  const hex = nibbles.join('');
  return bytesToAddress(Uint8Array.from(Buffer.from(hex, 'hex')));
}
