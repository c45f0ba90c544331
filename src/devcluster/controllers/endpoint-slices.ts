import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../cluster.ts';
import type { IpFamily } from '../objects/addresses.ts';
import { MANAGED_BY, orNull, SERVICE_NAME, type EndpointSlice } from '../objects/endpoint-slice.ts';
import { inOrder, type Labels, type OwnerReference } from '../objects/metadata.ts';
import type { Pod } from '../objects/pod.ts';
import type { Service } from '../objects/service-shape.ts';
import type { Observer, StoreEvent } from '../store.ts';
import { endpointGroups } from './endpoints.ts';
import { planSlices, type PlannedSlice } from './slice-plan.ts';

const CONTROLLER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
const families = ['IPv4', 'IPv6'] as const;

/**
 * Keeps the EndpointSlices of each Service that has a selector: one row of slices per IP family of the Service. A
 * Service without selector is left to who makes its slices by hand; one that turns into ExternalName keeps the slices
 * it had, as with the real controller.
 */
export class EndpointSliceController implements Observer {
  readonly #cluster: Cluster;
  /** The Services to look at, `namespace/name`. */
  readonly #changed = new Set<string>();
  /** The labels of pods that changed, before and after, by namespace. */
  readonly #changedPods = new Map<string, (Labels | undefined)[]>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  observe({ object, previous }: StoreEvent): void {
    const { namespace = '', name, labels } = object.metadata;
    if (object.kind === 'Service') this.#changed.add(`${namespace}/${name}`);
    if (object.kind === 'Pod') this.#changedPods.getOrInsert(namespace, []).push(labels, previous?.metadata.labels);
  }

  settle(): void {
    for (const [namespace, labels] of this.#changedPods) {
      for (const service of this.#cluster.store.list('Service', namespace)) {
        if (labels.some((one) => selects(service, one))) this.#changed.add(`${namespace}/${service.metadata.name}`);
      }
    }
    this.#changedPods.clear();
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const key of changed) {
      const [namespace = '', name = ''] = key.split('/');
      this.#reconcile(namespace, name);
    }
  }

  #reconcile(namespace: string, name: string): void {
    const service = this.#cluster.store.get('Service', namespace, name);
    const slices = this.#slicesOf(namespace, name);
    const own = slices.filter((slice) => slice.metadata.ownerReferences?.[0]?.uid === service?.metadata.uid);
    // What is left belongs to a Service of this name that is no more.
    for (const slice of slices) if (!own.includes(slice)) this.#cluster.remove(slice);
    if (service === undefined || service.spec.type === 'ExternalName' || !hasSelector(service)) return;
    const pods = this.#cluster.store.list('Pod', namespace).filter(({ metadata }) => selects(service, metadata.labels));
    for (const family of families) this.#reconcileFamily(service, family, pods, own);
  }

  #reconcileFamily(service: Service, family: IpFamily, pods: readonly Pod[], own: readonly EndpointSlice[]): void {
    const present = own.filter(({ addressType }) => addressType === family);
    const wanted = service.spec.ipFamilies?.includes(family) === true;
    const { slices, superfluous } = wanted
      ? planSlices(present, endpointGroups(service, family, pods))
      : { slices: [], superfluous: present };
    for (const planned of slices) this.#apply(service, family, planned);
    for (const slice of superfluous) this.#cluster.remove(slice);
  }

  #apply(service: Service, addressType: IpFamily, { slice, endpoints, ports }: PlannedSlice): void {
    const labels = sliceLabels(service);
    const content = { addressType, endpoints: orNull(endpoints), ports: orNull(ports) };
    const kind = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' } as const;
    if (slice === undefined) {
      const { name, namespace = '' } = service.metadata;
      const metadata = this.#cluster.generatedMetadata(namespace, `${name}-`, ownerOf(service));
      this.#cluster.put({ ...kind, metadata: inOrder({ ...metadata, labels }), ...content });
      return;
    }
    const next = { ...kind, metadata: inOrder({ ...slice.metadata, labels }), ...content };
    if (isDeepStrictEqual(next, slice)) return;
    const generation = (slice.metadata.generation ?? 0) + 1;
    this.#cluster.put({ ...next, metadata: inOrder({ ...next.metadata, generation }) });
  }

  #slicesOf(namespace: string, service: string): readonly EndpointSlice[] {
    return this.#cluster.store.list('EndpointSlice', namespace).filter(({ metadata }) => {
      return metadata.labels?.[SERVICE_NAME] === service && metadata.labels[MANAGED_BY] === CONTROLLER;
    });
  }
}

function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec.selector ?? {}).length > 0;
}

function selects(service: Service, labels: Labels = {}): boolean {
  return (
    hasSelector(service) && Object.entries(service.spec.selector ?? {}).every(([key, value]) => labels[key] === value)
  );
}

/** A Service's own labels are copied to its slices. */
function sliceLabels({ metadata, spec }: Service): Labels {
  const headless = spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {};
  return { ...metadata.labels, ...headless, [MANAGED_BY]: CONTROLLER, [SERVICE_NAME]: metadata.name };
}

function ownerOf({ metadata }: Service): OwnerReference {
  const { name, uid } = metadata;
  return { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true };
}
