import type { ClusterReader } from '../../cluster/lent-cluster.ts';
import { canonicalAddress } from '../../dns/ip.ts';
import type { EndpointSlice, Service } from '../../kube/objects.ts';
import type { Cluster, ClusterChange } from '../../kube/store.ts';
import { Index } from '../../kube/table.ts';

/** The cluster as one lookup reads it, services by their external addresses included. Each read leaves a trace. */
export class ExternalDirectory {
  readonly #reader: ClusterReader;
  readonly #byAddress = new Index<Service>(addressesOf);
  #ownTraces: readonly string[] = [];

  constructor(reader: ClusterReader, cluster: Cluster) {
    this.#reader = reader;
    for (const service of cluster.services()) this.#byAddress.add(service);
  }

  /** Takes a change of the cluster in. Returns the traces that only this directory leaves and that are void now. */
  note({ before, after }: ClusterChange): readonly string[] {
    const stale: string[] = [];
    if (before?.kind === 'Service') {
      this.#byAddress.remove(before);
      stale.push(...addressesOf(before).map(traceOf));
    }
    if (after?.kind === 'Service') {
      this.#byAddress.add(after);
      stale.push(...addressesOf(after).map(traceOf));
    }
    return stale;
  }

  /** Starts a lookup. */
  begin(): void {
    this.#reader.begin();
    this.#ownTraces = [];
  }

  /** What was read since `begin`. */
  get traces(): ReadonlySet<string> {
    return new Set([...this.#reader.traces, ...this.#ownTraces]);
  }

  get synced(): boolean {
    return this.#reader.synced;
  }

  /** True when the namespace exists and is served. */
  hasNamespace(name: string): boolean {
    return this.#reader.hasNamespace(name);
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#reader.service(namespace, name);
  }

  slicesOf(namespace: string, service: string): readonly EndpointSlice[] {
    return this.#reader.slicesOf(namespace, service);
  }

  slicesByAddress(address: string): readonly EndpointSlice[] {
    return this.#reader.slicesByAddress(address);
  }

  /** Services one of whose external addresses this is, a canonical text. */
  servicesByExternalAddress(address: string): readonly Service[] {
    this.#ownTraces = [...this.#ownTraces, traceOf(address)];
    return this.#byAddress.get(address);
  }
}

function addressesOf(service: Service): string[] {
  return service.externalAddresses.flatMap((text) => canonicalAddress(text) ?? []);
}

function traceOf(address: string): string {
  return `external address ${address}`;
}
