import type { Answer } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';
import { reverseName } from '../../dns/ip.ts';
import { labelsOf, nameToWire } from '../../dns/name.ts';
import type { Addresses, HostsLines } from './hosts-lines.ts';
import { endsQuery, NameIndex } from './name-index.ts';

/** A known name, or all names that an asterisk stands for. */
export interface Host extends Addresses {
  /** Made when it is asked for first. */
  answer4: Answer | undefined;
  answer6: Answer | undefined;
}

/** The names of an address. */
export interface Reverse {
  readonly names: readonly string[];
  /** Made when it is asked for first. */
  answer: Answer | undefined;
}

/**
 * What several sources of hosts lines say together. For each family a source gives the addresses of a name, or, where it
 * has none, those of the asterisk one label above; what all give is put one behind the other.
 */
export class HostTable {
  readonly #hosts = new NameIndex<Host>();
  readonly #wildcards: { readonly parent: string; readonly host: Host }[] = [];
  readonly #reverse = new NameIndex<Reverse>();

  constructor(sources: readonly HostsLines[]) {
    for (const key of keysOf(sources, ({ names }) => names)) {
      this.#hosts.add(key, hostOf(sources.map((source) => addressesOf(source, key))));
    }
    for (const key of keysOf(sources, ({ wildcards }) => wildcards)) {
      const host = hostOf(sources.map((source) => source.wildcards.get(key) ?? NO_ADDRESSES));
      this.#wildcards.push({ parent: nameToWire(key).toString('latin1'), host });
    }
    for (const address of keysOf(sources, ({ reverse }) => reverse)) {
      const key = reverseName(address);
      const names = sources.flatMap((source) => source.reverse.get(address) ?? []);
      if (key !== undefined) this.#reverse.add(key, { names, answer: undefined });
    }
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

const NO_ADDRESSES: Addresses = { v4: [], v6: [] };

function keysOf<T>(sources: readonly HostsLines[], part: (source: HostsLines) => ReadonlyMap<string, T>): Set<string> {
  return new Set(sources.flatMap((source) => [...part(source).keys()]));
}

function addressesOf(source: HostsLines, key: string): Addresses {
  const own = source.names.get(key) ?? NO_ADDRESSES;
  if (source.wildcards.size === 0) return own;
  const parent = `${labelsOf(key).slice(1).join('.')}.`;
  const wildcard = source.wildcards.get(parent) ?? NO_ADDRESSES;
  return { v4: own.v4.length > 0 ? own.v4 : wildcard.v4, v6: own.v6.length > 0 ? own.v6 : wildcard.v6 };
}

function hostOf(parts: readonly Addresses[]): Host {
  return {
    v4: parts.flatMap(({ v4 }) => v4),
    v6: parts.flatMap(({ v6 }) => v6),
    answer4: undefined,
    answer6: undefined,
  };
}
