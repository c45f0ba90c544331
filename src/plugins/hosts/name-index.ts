import { parseQuery } from '../../core/accept.ts';
import { ownPeer, Query } from '../../core/query.ts';
import { HEADER_BYTES } from '../../dns/message.ts';
import { MAX_NAME_BYTES, nameToWire } from '../../dns/name.ts';

/** Values by name, found with the hash that a query brings: nearly every query asks here in vain, so no string is made. */
export class NameIndex<T> {
  readonly #byHash = new Map<number, Slot<T>>();

  /** `key`: lower case, absolute, and not in the index yet. Throws NameError. */
  add(key: string, value: T): void {
    const wire = nameToWire(key);
    const hash = hashOf(wire);
    this.#byHash.set(hash, { wire: wire.toString('latin1'), value, next: this.#byHash.get(hash) });
  }

  find(query: Query): T | undefined {
    let slot = this.#byHash.get(query.hash);
    while (slot !== undefined && !endsQuery(slot.wire, query, 0)) slot = slot.next;
    return slot?.value;
  }
}

interface Slot<T> {
  /** The name as wire, a character for each byte: a fraction of what a Buffer takes, and blocklists are long. */
  readonly wire: string;
  readonly value: T;
  /** Another name with the same hash. */
  readonly next: Slot<T> | undefined;
}

/** Whether the query's name is, from its byte `from` on, the name in `wire`. */
export function endsQuery(wire: string, { name, nameLength }: Query, from: number): boolean {
  if (nameLength - from !== wire.length) return false;
  for (let i = 0; i < wire.length; i++) if (name[from + i] !== wire.charCodeAt(i)) return false;
  return true;
}

const QUESTION_TAIL_BYTES = 4;
const packet = Buffer.alloc(HEADER_BYTES + MAX_NAME_BYTES + QUESTION_TAIL_BYTES);
packet.writeUInt16BE(1, 4);
const probe = new Query();

/** What a query for the name would bring: only its own parser knows. */
function hashOf(wire: Buffer): number {
  const end = HEADER_BYTES + wire.copy(packet, HEADER_BYTES);
  parseQuery(probe, packet.subarray(0, end + QUESTION_TAIL_BYTES), ownPeer);
  return probe.hash;
}
