import type { Cluster, ClusterChange } from '../../kube/store.ts';
import type { EndpointSlice, Kind, MulticlusterSlice, Pod, Service, ServiceImport } from '../../kube/objects.ts';

const OWN: readonly Kind[] = ['Service', 'EndpointSlice', 'Pod', 'Namespace'];

/**
 * The cluster as one lookup reads it. Each read leaves a trace, a text such as `service default/web`; an answer made from
 * these reads holds until something changes that one of its traces names. What is not there leaves the same trace as what
 * is, so negative answers fall the moment their object comes.
 */
export class Directory {
  readonly #cluster: Cluster;
  readonly #exposed: (namespace: string) => boolean;
  readonly #kinds: readonly Kind[];
  /** What was read since the last `begin()`. */
  #traces = new Set<string>();

  /** `exposed`: whether a namespace that exists is served. `kinds`: those that are read; imports are not, unless said. */
  constructor(cluster: Cluster, exposed: (namespace: string) => boolean, kinds = OWN) {
    this.#cluster = cluster;
    this.#exposed = exposed;
    this.#kinds = kinds;
  }

  /** Starts a lookup. */
  begin(): void {
    this.#traces = new Set();
  }

  get traces(): ReadonlySet<string> {
    return this.#traces;
  }

  /** Whether all that is watched of these kinds has been listed once. */
  get synced(): boolean {
    return this.#kinds.every((kind) => this.#cluster.hasSynced(kind));
  }

  /** True when the namespace exists and is served. */
  hasNamespace(name: string): boolean {
    this.#traces.add(`namespace ${name}`);
    return this.#exposed(name) && this.#cluster.namespace(name) !== undefined;
  }

  service(namespace: string, name: string): Service | undefined {
    this.#traces.add(`service ${namespace}/${name}`);
    return this.#cluster.service(namespace, name);
  }

  slicesOf(namespace: string, service: string): readonly EndpointSlice[] {
    this.#traces.add(`slices ${namespace}/${service}`);
    return this.#cluster.slicesOf(namespace, service);
  }

  /** Services with this cluster address, as the API server writes it. */
  servicesByIP(address: string): readonly Service[] {
    this.#traces.add(`address ${address}`);
    return this.#cluster.servicesByIP(address);
  }

  /** Slices with this ready address, as the API server writes it. */
  slicesByAddress(address: string): readonly EndpointSlice[] {
    this.#traces.add(`address ${address}`);
    return this.#cluster.slicesByAddress(address);
  }

  serviceImport(namespace: string, name: string): ServiceImport | undefined {
    this.#traces.add(`import ${namespace}/${name}`);
    return this.#cluster.serviceImport(namespace, name);
  }

  multiclusterSlicesOf(namespace: string, service: string): readonly MulticlusterSlice[] {
    this.#traces.add(`imported slices ${namespace}/${service}`);
    return this.#cluster.multiclusterSlicesOf(namespace, service);
  }

  /** Several pods have one address when they use the network of their node. */
  podsAt(namespace: string, address: string): readonly Pod[] {
    this.#traces.add(`pod ${address}`);
    return this.#cluster.podsByIP(address).filter((pod) => pod.namespace === namespace);
  }
}

/** The traces that a change makes void. */
export function tracesOf(change: ClusterChange): Set<string> {
  const traces = new Set<string>();
  for (const object of [change.before, change.after]) {
    switch (object?.kind) {
      case 'Service':
        traces.add(`service ${object.namespace}/${object.name}`);
        for (const address of object.clusterIPs) traces.add(`address ${address}`);
        break;
      case 'EndpointSlice':
        traces.add(`slices ${object.namespace}/${object.service}`);
        for (const endpoint of object.endpoints) {
          for (const address of endpoint.addresses) traces.add(`address ${address}`);
        }
        break;
      case 'Pod':
        for (const address of object.ips) traces.add(`pod ${address}`);
        break;
      case 'Namespace':
        traces.add(`namespace ${object.name}`);
        break;
      case 'ServiceImport':
        traces.add(`import ${object.namespace}/${object.name}`);
        break;
      case 'MulticlusterSlice':
        traces.add(`imported slices ${object.namespace}/${object.service}`);
        break;
      case undefined:
        break;
      default:
        object satisfies never;
    }
  }
  return traces;
}
