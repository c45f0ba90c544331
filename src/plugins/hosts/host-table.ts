import type { Answer } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';
import { reverseName } from '../../dns/ip.ts';
import { labelsOf, nameToWire } from '../../dns/name.ts';
import type { HostsLines } from './hosts-lines.ts';
import { endsQuery, NameIndex } from './name-index.ts';
import { SLICE, type Slices } from './slices.ts';

/** A known name, or all names that an asterisk stands for. */
export interface Host {
  readonly addresses: readonly string[];
  /** Answers for A and AAAA, made when they are asked for first. */
  answer4: Answer | undefined;
  answer6: Answer | undefined;
}

/** The names of an address. */
export interface Reverse {
  readonly names: readonly string[];
  /** Made when it is asked for first. */
  answer: Answer | undefined;
}

/** What several sources of hosts lines say together, for queries to look up. */
export class HostTable {
  readonly #hosts = new NameIndex<Host>();
  readonly #wildcards: { readonly parent: string; readonly host: Host }[] = [];
  readonly #reverse = new NameIndex<Reverse>();

  /**
   * For each family a source gives the addresses of a name or, where it has none, those of the asterisk one label above;
   * what several sources give is put one behind the other.
   */
  static *of(sources: readonly HostsLines[]): Slices<HostTable> {
    const table = new HostTable();
    let added = 0;
    for (const key of keysOf(sources, ({ names }) => names)) {
      if (++added % SLICE === 0) yield;
      table.#hosts.add(key, hostOf(sources.map((source) => addressesOf(source, key))));
    }
    for (const key of keysOf(sources, ({ wildcards }) => wildcards)) {
      const host = hostOf(sources.map(({ wildcards }) => wildcards.get(key) ?? NONE));
      table.#wildcards.push({ parent: nameToWire(key).toString('latin1'), host });
    }
    for (const address of keysOf(sources, ({ reverse }) => reverse)) {
      if (++added % SLICE === 0) yield;
      const names = sources.flatMap(({ reverse }) => reverse.get(address) ?? NONE);
      table.#reverse.add(reverseName(address) ?? address, { names, answer: undefined });
    }
    return table;
  }

  host(query: Query): Host | undefined {
    return this.#hosts.find(query) ?? this.#wildcard(query);
  }

  /** What a query for a reverse name asks for. */
  reverse(query: Query): Reverse | undefined {
    return this.#reverse.find(query);
  }

  #wildcard(query: Query): Host | undefined {
    const [firstLabelBytes = 0] = query.name;
    for (const { parent, host } of this.#wildcards) {
      if (endsQuery(parent, query, 1 + firstLabelBytes)) return host;
    }
    return undefined;
  }
}

const NONE: readonly string[] = [];

/** The keys of a part of all sources, each once. */
function* keysOf(
  sources: readonly HostsLines[],
  part: (source: HostsLines) => ReadonlyMap<string, readonly string[]>,
): Generator<string, void, void> {
  for (const [i, source] of sources.entries()) {
    const before = sources.slice(0, i);
    for (const key of part(source).keys()) if (!before.some((other) => part(other).has(key))) yield key;
  }
}

function addressesOf({ names, wildcards }: HostsLines, key: string): readonly string[] {
  const own = names.get(key) ?? NONE;
  if (wildcards.size === 0) return own;
  const parent = `${labelsOf(key).slice(1).join('.')}.`;
  const others = wildcards.get(parent) ?? NONE;
  return [...own, ...others.filter((address) => !own.some((mine) => isIPv6(mine) === isIPv6(address)))];
}

/** Of an address in canonical form. */
export function isIPv6(address: string): boolean {
  return address.includes(':');
}

function hostOf(parts: readonly (readonly string[])[]): Host {
  const [first = NONE, ...others] = parts.filter((part) => part.length > 0);
  const addresses = others.length === 0 ? first : [first, ...others].flat();
  return { addresses, answer4: undefined, answer6: undefined };
}
