import { LOWER, nameToWire, wireToText } from '../dns/name.ts';
import type { Query } from './query.ts';

/** A zone that queries are held against, byte by byte, since this happens for each of them. */
export class ZoneName {
  /** As `Query.key` would be for the zone's own name. */
  readonly key: string;
  readonly #wire: Uint8Array;

  /** `text`: an absolute name. Throws NameError. */
  constructor(text: string) {
    this.#wire = nameToWire(text).map((byte) => LOWER[byte] ?? byte);
    this.key = wireToText(this.#wire);
  }

  /** True when the query's name is the zone's or below it. */
  covers(query: Query): boolean {
    const wire = this.#wire;
    const { name } = query;
    const start = query.nameLength - wire.length;
    if (start < 0) return false;
    for (let i = wire.length - 1; i >= 0; i--) {
      if (name[start + i] !== wire[i]) return false;
    }
    let at = 0;
    while (at < start) at += 1 + name[at]!;
    return at === start;
  }
}

/** Some zones, of which the longest that covers a query counts. */
export class ZoneSet {
  /** Longest first. */
  readonly zones: readonly ZoneName[];

  /** Throws NameError for a text that is no name. */
  constructor(texts: readonly string[]) {
    this.zones = texts.map((text) => new ZoneName(text)).sort((a, b) => b.key.length - a.key.length);
  }

  longest(query: Query): ZoneName | undefined {
    for (const zone of this.zones) if (zone.covers(query)) return zone;
    return undefined;
  }

  covers(query: Query): boolean {
    return this.longest(query) !== undefined;
  }
}
