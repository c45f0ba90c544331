/**
 * The reverse zones that together cover an address range such as `10.0.0.0/22`: one where the prefix ends at an octet
 * (IPv4) or a nibble (IPv6), else as many of the next smaller ones as it takes, at most 128, in address order. They are
 * lower-case and end in a dot. Undefined when the text is no `ADDRESS/LENGTH`.
 */
export function reverseZones(cidr: string): string[] | undefined {
  const [, address = '', prefix = ''] = /^([^/]*)\/(\d+)$/.exec(cidr) ?? [];
  const octets = ipv4Octets(address);
  if (octets !== undefined) return zonesOf(octets.map(String), 8, Number(prefix), 10, 'in-addr.arpa.');
  const nibbles = ipv6Nibbles(address);
  if (nibbles !== undefined) return zonesOf(nibbles, 4, Number(prefix), 16, 'ip6.arpa.');
  return undefined;
}

/** `digits`: the address in digits of `bits` bits each, written in base `radix`. */
function zonesOf(digits: string[], bits: number, prefix: number, radix: number, suffix: string): string[] | undefined {
  if (prefix > digits.length * bits) return undefined;
  const length = Math.ceil(prefix / bits);
  const count = 2 ** (length * bits - prefix);
  const last = Number.parseInt(digits[length - 1] ?? '0', radix);
  const first = last - (last % count);
  const ancestors = digits.slice(0, Math.max(0, length - 1)).toReversed();
  if (length === 0) return [suffix];
  return Array.from({ length: count }, (_, index) => [(first + index).toString(radix), ...ancestors, suffix].join('.'));
}

function ipv4Octets(text: string): number[] | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
  const octets = text.split('.').map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

/** The 32 nibbles of an IPv6 address (RFC 4291 section 2.2), a dotted IPv4 tail included. */
function ipv6Nibbles(text: string): string[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...(tail ?? [])];
  return groups.flatMap((group) => group.padStart(4, '0').toLowerCase().split(''));
}

/** The groups of one side of `::`, without their leading zeros; only the last side may end in a dotted address. */
function groupsOf(text: string, isLast: boolean): string[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const [a, b, c, d] = (isLast ? ipv4Octets(groups.at(-1) ?? '') : undefined) ?? [];
  if (a !== undefined && b !== undefined && c !== undefined && d !== undefined) {
    groups.splice(-1, 1, (a * 256 + b).toString(16), (c * 256 + d).toString(16));
  }
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? groups : undefined;
}
