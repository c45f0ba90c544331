import { addressToBytes, bytesToAddress } from '../../dns/ip.ts';
import { absolute, isWithin, keyOf, MAX_NAME_BYTES, NameError, nameToWire } from '../../dns/name.ts';
import { SLICE, type Slices } from './slices.ts';

/** What lines of the hosts format say. Names are keys; what stands twice is there twice. */
export interface HostsLines {
  /** The addresses of a name. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** Those of an asterisk, by the name above it: `*.apps.test.` is under `apps.test.`. */
  readonly wildcards: ReadonlyMap<string, readonly string[]>;
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
 * Reads lines such as `10.0.0.1 web.test www.web.test # comment`. A line without an address or a name says nothing; so
 * does a name that is none.
 */
export function* readHostsLines(text: string, { zones, hasReverse }: HostsLinesOptions): Slices<HostsLines> {
  const names = new Map<string, string[]>();
  const wildcards = new Map<string, string[]>();
  const reverse = new Map<string, string[]>();
  let entries = 0;
  let read = 0;
  for (const { address, word } of pairsOf(text)) {
    if (++read % SLICE === 0) yield;
    const key = keyOf(absolute(word));
    if (!isName(key) || !zones.some((zone) => isWithin(key, zone))) continue;
    entries++;
    if (key.startsWith('*.')) {
      append(wildcards, key.slice(2) || '.', address);
      continue;
    }
    append(names, key, address);
    if (!hasReverse) continue;
    append(reverse, address, key);
    entries++;
  }
  return { names, wildcards, reverse, entries };
}

interface Pair {
  /** In canonical form. */
  readonly address: string;
  readonly word: string;
}

/** Each name of each line, with the line's address. */
function* pairsOf(text: string): Generator<Pair, void, void> {
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const [content = ''] = text.slice(start, end).split('#', 1);
    start = end + 1;
    const [first = '', ...words] = content.trim().split(/\s+/);
    const address = words.length === 0 ? undefined : addressOf(first);
    if (address === undefined) continue;
    for (const word of words) yield { address, word };
  }
}

/** Without an IPv6 zone; an IPv4 address that is mapped into IPv6 is an IPv4 address. */
function addressOf(word: string): string | undefined {
  const [plain = ''] = word.split('%', 1);
  const bytes = addressToBytes(plain);
  if (bytes === undefined) return undefined;
  const address = bytesToAddress(bytes);
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** Labels of printable ASCII without backslashes. */
const PLAIN_NAME = /^(?:[!-\-/-[\]-~]{1,63}\.)+$/;

function isName(key: string): boolean {
  // Nearly all names are told by a look; only the others are worth the work.
  if (key.length < MAX_NAME_BYTES && PLAIN_NAME.test(key)) return true;
  try {
    nameToWire(key);
    return true;
  } catch (error) {
    if (error instanceof NameError) return false;
    throw error;
  }
}

function append(lists: Map<string, string[]>, key: string, item: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
