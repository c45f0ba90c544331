import type { Query } from '../../core/query.ts';
import type { SearchPath } from '../../core/search-path.ts';
import { ZoneName } from '../../core/zone-name.ts';
import { isReverseZone, nameToWire } from '../../dns/name.ts';
import type { Namespace } from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';

/**
 * The search list of pods: `NAMESPACE.svc.ZONE`, `svc.ZONE`, `ZONE`. The namespace stands in the question itself, so no pod
 * has to be known: `X.shop.svc.cluster.local.` is what the resolver of a pod in `shop` asks first for `X`. Where pods are
 * watched, an address that is only that of pods in other namespaces has not searched but meant the name as it stands.
 */
export class PodSearchPath implements SearchPath {
  readonly plugin = 'kubernetes';
  readonly #trees: readonly ServiceTree[];
  readonly #cluster: () => Cluster | undefined;

  /** `cluster`: undefined as long as it is not watched. */
  constructor(zones: readonly string[], cluster: () => Cluster | undefined) {
    const forward = zones.filter((zone) => !isReverseZone(zone));
    this.#trees = forward.toSorted((a, b) => b.length - a.length).map((zone) => new ServiceTree(zone));
    this.#cluster = cluster;
  }

  pathOf(query: Query): readonly string[] | undefined {
    const cluster = this.#cluster();
    const tree = this.#treeOf(query);
    if (tree === undefined || cluster === undefined) return undefined;
    const namespace = cluster.namespace(tree.namespaceIn(query));
    if (namespace === undefined) return undefined;
    const pods = cluster.podsByIP(query.peer.address);
    if (pods.length > 0 && !pods.some((pod) => pod.namespace === namespace.name)) return undefined;
    return tree.pathOf(namespace);
  }

  #treeOf(query: Query): ServiceTree | undefined {
    for (const tree of this.#trees) if (tree.covers(query)) return tree;
    return undefined;
  }
}

/** `svc.ZONE`. */
class ServiceTree {
  readonly #zone: string;
  readonly #name: ZoneName;
  readonly #bytes: number;
  /** Made once for each namespace, and gone with it. */
  readonly #paths = new WeakMap<Namespace, readonly string[]>();

  constructor(zone: string) {
    const { key } = new ZoneName(zone);
    this.#zone = key;
    this.#name = new ZoneName(key === '.' ? 'svc.' : `svc.${key}`);
    this.#bytes = nameToWire(this.#name.key).length;
  }

  covers(query: Query): boolean {
    return this.#name.covers(query);
  }

  /** The label before `svc` where something stands before it in turn; '' otherwise. */
  namespaceIn({ name, nameLength }: Query): string {
    const end = nameLength - this.#bytes;
    let at = 0;
    let last = 0;
    while (at < end) {
      last = at;
      at += 1 + (name[at] ?? 0);
    }
    return last === 0 ? '' : name.toString('latin1', last + 1, end);
  }

  pathOf(namespace: Namespace): readonly string[] {
    const known = this.#paths.get(namespace);
    if (known !== undefined) return known;
    const path = [`${namespace.name}.${this.#name.key}`, this.#name.key, this.#zone];
    this.#paths.set(namespace, path);
    return path;
  }
}
