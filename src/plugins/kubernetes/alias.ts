import { TYPE } from '../../dns/codes.ts';
import { absolute, isWithin, keyOf } from '../../dns/name.ts';
import { nameRecord, type ResourceRecord } from '../../dns/record.ts';
import type { Finding } from './backend.ts';
import type { Entry } from './entries.ts';

/** What following an ExternalName needs to know of the zone it happens in. */
export interface Chase {
  readonly ttl: number;
  readonly isInside: (name: string) => boolean;
  readonly find: (name: string) => Finding;
  /** The address records of the asked type at `owner`. */
  readonly addresses: (owner: string, entries: readonly Entry[]) => readonly ResourceRecord[];
}

export interface Chased {
  /** CNAME records in order, then addresses; none where the chain leads nowhere. */
  readonly records: readonly ResourceRecord[];
  /** The name outside the zone that the chain ends at, still to be resolved. */
  readonly outside?: string;
}

// As the reference: a chain of eleven aliases resolves, one of twelve does not.
const MAX_ALIASES = 11;

const nowhere: Chased = { records: [] };

/** The target of an alias as an absolute name, in the letters of the object. */
export function aliasTarget(externalName: string): string {
  return absolute(externalName);
}

/**
 * Follows the alias from `owner` to `externalName` through the zone, until it finds addresses or leaves the zone. A chain
 * that ends in nothing, or in a circle, gives nothing: an alias alone would tell a client that there is something behind.
 */
export function chase(owner: string, externalName: string, zone: Chase): Chased {
  const records: ResourceRecord[] = [];
  const targets = new Set<string>();
  let name = owner;
  let target = aliasTarget(externalName);
  for (;;) {
    const key = keyOf(target);
    if (isWithin(key, keyOf(name)) || targets.has(key) || records.length === MAX_ALIASES) return nowhere;
    targets.add(key);
    records.push(nameRecord(name, TYPE.CNAME, zone.ttl, target));
    if (!zone.isInside(target)) return { records, outside: target };
    const finding = zone.find(target);
    switch (finding.kind) {
      case 'missing':
      case 'container':
        return nowhere;
      case 'addresses': {
        const addresses = zone.addresses(target, finding.entries);
        return addresses.length === 0 ? nowhere : { records: [...records, ...addresses] };
      }
      case 'alias':
        name = target;
        target = aliasTarget(finding.target);
        break;
      default:
        return finding satisfies never;
    }
  }
}
