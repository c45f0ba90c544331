import type { Cluster } from '../cluster.ts';
import { resources, type KubeObject } from '../objects/kinds.ts';
import type { Observer, StoreEvent } from '../store.ts';

/**
 * Empties a namespace that is being deleted: workloads first, so that they make no new pods, then the pods, which take
 * their time; Services and slices stay until the last pod is gone. The namespace itself goes last.
 */
export class NamespaceController implements Observer {
  readonly #cluster: Cluster;
  readonly #terminating = new Set<string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  observe({ object, type }: StoreEvent): void {
    if (object.kind !== 'Namespace') return;
    if (type === 'DELETED') this.#terminating.delete(object.metadata.name);
    else if (object.status.phase === 'Terminating') this.#terminating.add(object.metadata.name);
  }

  settle(): void {
    for (const namespace of this.#terminating) this.#empty(namespace);
  }

  #empty(namespace: string): void {
    const left = resources.flatMap(({ kind, namespaced }) =>
      namespaced ? this.#cluster.store.list(kind, namespace) : [],
    );
    const pods = left.filter((object) => object.kind === 'Pod');
    for (const object of left) {
      if (object.kind === 'Deployment' || object.kind === 'StatefulSet') this.#cluster.remove(object);
    }
    for (const { metadata } of pods) {
      if (metadata.deletionTimestamp === undefined) this.#cluster.delete('Pod', namespace, metadata.name);
    }
    if (pods.length > 0) return;
    left.filter(isServiceOrSlice).forEach((object) => this.#cluster.remove(object));
    const found = this.#cluster.store.get('Namespace', undefined, namespace);
    if (found !== undefined) this.#cluster.remove(found);
    this.#terminating.delete(namespace);
  }
}

function isServiceOrSlice({ kind }: KubeObject): boolean {
  return kind === 'Service' || kind === 'EndpointSlice';
}
