import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../runtime/log.ts';
import type { Cluster } from '../cluster.ts';
import { defined } from '../objects/json.ts';
import type { Labels, Metadata, OwnerReference } from '../objects/metadata.ts';
import { isReady, podIps, type Pod } from '../objects/pod.ts';
import {
  POD_IPS_ANNOTATION,
  templateHash,
  type Deployment,
  type StatefulSet,
  type Workload,
  type WorkloadStatus,
} from '../objects/workload.ts';
import type { Observer, StoreEvent } from '../store.ts';

const DEPLOYMENT_HASH = 'pod-template-hash';
const STATEFULSET_HASH = 'controller-revision-hash';

/**
 * Makes the pods of Deployments and StatefulSets and takes them away. The pods of a Deployment belong to it directly;
 * there are no ReplicaSets. A changed template replaces all pods at once; the pods of a StatefulSet keep their names,
 * so there each new one waits until the old one is gone.
 */
export class WorkloadController implements Observer {
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #changed = new Map<string, Pick<Workload, 'kind' | 'metadata'>>();

  constructor(cluster: Cluster, log: Log) {
    this.#cluster = cluster;
    this.#log = log;
  }

  observe({ object }: StoreEvent): void {
    if (object.kind === 'Deployment' || object.kind === 'StatefulSet') this.#changed.set(object.metadata.uid, object);
    if (object.kind !== 'Pod') return;
    const owner = this.#ownerOf(object);
    if (owner !== undefined) this.#changed.set(owner.metadata.uid, owner);
  }

  settle(): void {
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    for (const { kind, metadata } of changed) {
      try {
        this.#reconcile(kind, metadata);
      } catch (error) {
        // A pod that is refused, for a bad name or address in its template, must not hold up the other workloads.
        const { namespace, name } = metadata;
        const why = error instanceof Error ? error.message : String(error);
        this.#log.error(`devcluster: the pods of ${kind} ${namespace}/${name} cannot be made: ${why}`);
      }
    }
  }

  #reconcile(kind: Workload['kind'], { namespace = '', name, uid }: Metadata): void {
    const pods = this.#podsOf(namespace, uid);
    const workload = this.#cluster.store.get(kind, namespace, name);
    if (workload?.metadata.uid !== uid) for (const pod of pods) this.#delete(pod);
    else if (workload.kind === 'Deployment') this.#reconcileDeployment(workload, namespace, pods);
    else if (workload.kind === 'StatefulSet') this.#reconcileStatefulSet(workload, namespace, pods);
  }

  #reconcileDeployment(deployment: Deployment, namespace: string, pods: readonly Pod[]): void {
    const hash = templateHash(deployment);
    const living = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const current = living.filter(({ metadata }) => metadata.labels?.[DEPLOYMENT_HASH] === hash);
    for (const pod of [...living.filter((pod) => !current.includes(pod)), ...current.slice(deployment.spec.replicas)]) {
      this.#delete(pod);
    }
    for (let count = current.length; count < deployment.spec.replicas; count++) {
      const generateName = `${deployment.metadata.name}-${hash}-`;
      this.#create(deployment, namespace, { generateName }, { [DEPLOYMENT_HASH]: hash }, {});
    }
    this.#putStatus(deployment, namespace, DEPLOYMENT_HASH);
  }

  #reconcileStatefulSet(set: StatefulSet, namespace: string, pods: readonly Pod[]): void {
    const hash = templateHash(set);
    const names = Array.from({ length: set.spec.replicas }, (_, ordinal) => `${set.metadata.name}-${ordinal}`);
    for (const pod of pods) {
      const { name, labels } = pod.metadata;
      if (!names.includes(name) || labels?.[STATEFULSET_HASH] !== hash) this.#delete(pod);
    }
    names.forEach((name, ordinal) => {
      if (this.#cluster.store.get('Pod', namespace, name)) return;
      const labels = {
        'apps.kubernetes.io/pod-index': String(ordinal),
        [STATEFULSET_HASH]: hash,
        'statefulset.kubernetes.io/pod-name': name,
      };
      this.#create(set, namespace, { name }, labels, { hostname: name, subdomain: set.spec.serviceName });
    });
    this.#putStatus(set, namespace, STATEFULSET_HASH);
  }

  #create(workload: Workload, namespace: string, name: object, labels: Labels, spec: object): void {
    const { template } = workload.spec;
    const podIP = this.#namedAddress(workload);
    const body = {
      metadata: { ...template.metadata, ...name, labels: { ...template.metadata.labels, ...labels } },
      spec: { ...template.spec, ...spec },
      ...(podIP === undefined ? {} : { status: { podIP } }),
    };
    this.#cluster.create('Pod', namespace, body, { owner: referenceTo(workload) });
  }

  /** The next free address of those the workload's annotation names. */
  #namedAddress({ metadata }: Workload): string | undefined {
    const named = metadata.annotations?.[POD_IPS_ANNOTATION]?.split(',').map((address) => address.trim());
    if (named === undefined) return undefined;
    const taken = new Set(this.#cluster.store.list('Pod').flatMap(podIps));
    return named.find((address) => !taken.has(address));
  }

  #delete({ metadata }: Pod): void {
    if (metadata.deletionTimestamp === undefined) this.#cluster.delete('Pod', metadata.namespace, metadata.name);
  }

  #putStatus(workload: Workload, namespace: string, hashLabel: string): void {
    const { uid, generation } = workload.metadata;
    const living = this.#podsOf(namespace, uid).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const hash = templateHash(workload);
    const ready = living.filter(isReady).length;
    const status: WorkloadStatus = defined({
      observedGeneration: generation,
      replicas: living.length,
      updatedReplicas: living.filter(({ metadata }) => metadata.labels?.[hashLabel] === hash).length,
      readyReplicas: ready === 0 ? undefined : ready,
      availableReplicas: ready === 0 ? undefined : ready,
    });
    if (!isDeepStrictEqual(status, workload.status)) this.#cluster.put({ ...workload, status });
  }

  #podsOf(namespace: string, ownerUid: string): readonly Pod[] {
    const pods = this.#cluster.store.list('Pod', namespace);
    return pods.filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === ownerUid);
  }

  #ownerOf({ metadata }: Pod): Workload | undefined {
    const owner = metadata.ownerReferences?.[0];
    if (owner?.kind !== 'Deployment' && owner?.kind !== 'StatefulSet') return undefined;
    return this.#cluster.store.get(owner.kind, metadata.namespace, owner.name);
  }
}

function referenceTo({ apiVersion, kind, metadata }: Workload): OwnerReference {
  const { name, uid } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
