/**
 * Zones that are handed over whole (RFC 5936). A plugin that has zones says what is in them, `transfer` says who may have
 * them, and sends.
 *
 *     kubernetes --provide--> transferables --find--> transfer --> AXFR, IXFR: messages
 *                                                        `-------> NOTIFY, for a provider that tells of changes
 */
import { Capability } from '../core/capability.ts';
import type { Query } from '../core/query.ts';
import type { ResourceRecord } from '../dns/record.ts';

/** A zone at one moment. */
export interface ZoneState {
  /** The zone's SOA record, and its serial. */
  readonly soa: ResourceRecord;
  readonly serial: number;
  /**
   * All other records. It is called in that moment or never; what it gives is read little by little, over as long as a
   * client takes, and must be the records of the moment, whatever changes meanwhile. Names are valid and in the spelling
   * that goes on the wire.
   */
  readonly records: () => Iterable<ResourceRecord>;
}

export interface Transferable {
  /**
   * The zone whose apex the query names, in the letters of the query; undefined where that is no zone of the provider.
   * Throws QueryError when the zone is not known whole. The query is not kept.
   */
  readonly zoneState: (query: Query) => ZoneState | undefined;
  /** Has `changed` called with the key of a zone each time that secondaries are to hear of a change; returns how to stop. */
  readonly onChange?: (changed: (zone: string) => void) => () => void;
}

/** Of a block, in plugin order: the first that has a zone supplies it. */
export const transferables = new Capability<Transferable>();
