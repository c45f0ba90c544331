import type { Service } from '../../kube/objects.ts';
import type { Cluster, ClusterChange } from '../../kube/store.ts';

/**
 * The SOA serial of external zones: the unix time of the last change of a service's external addresses or ports, 0 before
 * the first. As in the reference a service that comes or goes does not count.
 */
export class ExternalSerial {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  /** `nowMs`: unix time in milliseconds. */
  note({ before, after }: ClusterChange, nowMs: number): void {
    if (before?.kind !== 'Service' || after?.kind !== 'Service') return;
    if (factsOf(before) !== factsOf(after)) this.#value = Math.floor(nowMs / 1000);
  }
}

function factsOf({ externalAddresses, ports }: Service): string {
  return JSON.stringify([externalAddresses, ports.map(({ name, port, protocol }) => [name, port, protocol])]);
}

const serials = new WeakMap<Cluster, ExternalSerial>();

/**
 * The serial of a cluster, one for as long as it is watched: a reload must not set it back. `wall` gives the unix time in
 * milliseconds.
 */
export function serialOf(cluster: Cluster, wall: () => number): ExternalSerial {
  const known = serials.get(cluster);
  if (known !== undefined) return known;
  const serial = new ExternalSerial();
  cluster.subscribe({ onChange: (change) => serial.note(change, wall()) });
  serials.set(cluster, serial);
  return serial;
}
