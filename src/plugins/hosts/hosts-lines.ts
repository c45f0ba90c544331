import { bytesToAddress, addressToBytes } from '../../dns/ip.ts';
import { absolute, isWithin, keyOf, NameError, nameToWire } from '../../dns/name.ts';

/** The addresses of a name, in the order of their lines; one that stands twice is there twice. */
export interface Addresses {
  readonly v4: string[];
  readonly v6: string[];
}

/** What lines of the hosts format say. Names are keys. */
export interface HostsLines {
  readonly names: ReadonlyMap<string, Addresses>;
  /** By the name above the asterisk: `*.apps.test.` is under `apps.test.`. */
  readonly wildcards: ReadonlyMap<string, Addresses>;
  /** The names of an address. */
  readonly reverse: ReadonlyMap<string, readonly string[]>;
  /** How many addresses of names and names of addresses there are in all. */
  readonly entries: number;
}

export interface HostsLinesOptions {
  /** Names outside of these do not count. */
  readonly zones: readonly string[];
  readonly hasReverse: boolean;
}

/**
 * Reads lines such as `10.0.0.1 web.test www.web.test # comment`. A line without address or name says nothing; so does
 * a name that is none.
 */
export function readHostsLines(text: string, options: HostsLinesOptions): HostsLines {
  const names = new Map<string, Addresses>();
  const wildcards = new Map<string, Addresses>();
  const reverse = new Map<string, string[]>();
  let entries = 0;
  for (const line of text.split('\n')) {
    const [first = '', ...words] = line.replace(/#.*/s, '').trim().split(/\s+/);
    const address = words.length === 0 ? undefined : addressOf(first);
    if (address === undefined) continue;
    for (const key of words.map(hostKey)) {
      if (key === undefined || !options.zones.some((zone) => isWithin(key, zone))) continue;
      const isWildcard = key.startsWith('*.');
      const { v4, v6 } = isWildcard ? listOf(wildcards, key.slice(2) || '.') : listOf(names, key);
      (address.includes(':') ? v6 : v4).push(address);
      entries++;
      if (isWildcard || !options.hasReverse) continue;
      const others = reverse.get(address);
      if (others === undefined) reverse.set(address, [key]);
      else others.push(key);
      entries++;
    }
  }
  return { names, wildcards, reverse, entries };
}

/** In canonical form, without an IPv6 zone; an IPv4 address in IPv6's clothes is an IPv4 address. */
function addressOf(word: string): string | undefined {
  const [plain = ''] = word.split('%', 1);
  const bytes = addressToBytes(plain);
  if (bytes === undefined) return undefined;
  const address = bytesToAddress(bytes);
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

function hostKey(word: string): string | undefined {
  const key = keyOf(absolute(word));
  try {
    nameToWire(key);
    return key;
  } catch (error) {
    if (error instanceof NameError) return undefined;
    throw error;
  }
}

function listOf(map: Map<string, Addresses>, key: string): Addresses {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made: Addresses = { v4: [], v6: [] };
  map.set(key, made);
  return made;
}
