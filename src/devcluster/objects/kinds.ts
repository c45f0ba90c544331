/**
 * The objects of the cluster, reduced to what DNS sees of them.
 *
 *     JSON in  --shape-->  input, all optional  --admit-->  stored object, complete and typed
 *
 * Each kind has a file with these three: the shape that is checked at the door, the type of the stored object, and
 * `admit...`, which fills in defaults, gives addresses and refuses what is wrong with the API server's own messages.
 * Members DNS does not see (a container's image, a Service's session affinity) are kept as they came.
 *
 * Stored objects are never changed in place: a change makes a new object, so that a list, an event in the history and
 * an open watch may share one.
 */
import type { Addresses } from './addresses.ts';
import { admitEndpointSlice, endpointSliceShape, type EndpointSlice } from './endpoint-slice.ts';
import type { JsonObject } from './json.ts';
import type { Metadata } from './metadata.ts';
import { admitNamespace, type Namespace } from './namespace.ts';
import { admitPod, podShape, type Pod } from './pod.ts';
import { admitService } from './service.ts';
import { serviceShape, type Service } from './service-shape.ts';
import type { Shape } from './shape.ts';
import { badRequest } from './status.ts';
import { admitDeployment, admitStatefulSet, workloadShape, type Deployment, type StatefulSet } from './workload.ts';

export type KubeObject = Namespace | Service | Pod | EndpointSlice | Deployment | StatefulSet;
export type Kind = KubeObject['kind'];
export type ObjectOf<K extends Kind> = Extract<KubeObject, { readonly kind: K }>;

export interface Resource {
  readonly kind: Kind;
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Whether `metadata.generation` counts the changes of its spec. */
  readonly generations: boolean;
  /** What an object of this kind is without content: what a bookmark carries beside its resource version. */
  readonly empty: JsonObject;
  /** The object to store. Throws ApiError 400 when a member has a wrong type, 422 when one has a wrong value. */
  admit(admission: Admission): KubeObject;
}

export interface Admission {
  readonly resource: Resource;
  /** What the client sent, or what a patch made of the stored object, without nulls. */
  readonly body: unknown;
  /** The finished metadata of the object. */
  readonly metadata: Metadata;
  /** The object stored so far, for an update. */
  readonly old: KubeObject | undefined;
  readonly addresses: Addresses;
}

const emptyTemplate: JsonObject = { metadata: {}, spec: { containers: null } };

export const resources: readonly Resource[] = [
  {
    kind: 'Namespace',
    group: '',
    version: 'v1',
    plural: 'namespaces',
    singular: 'namespace',
    shortNames: ['ns'],
    namespaced: false,
    generations: false,
    empty: { spec: {}, status: {} },
    admit: ({ metadata, old }) => admitNamespace(metadata, old?.kind === 'Namespace' ? old : undefined),
  },
  {
    kind: 'Service',
    group: '',
    version: 'v1',
    plural: 'services',
    singular: 'service',
    shortNames: ['svc'],
    namespaced: true,
    generations: false,
    empty: { spec: {}, status: { loadBalancer: {} } },
    admit: ({ resource, body, metadata, old, addresses }) =>
      admitService(
        decode(resource, serviceShape, body),
        metadata,
        old?.kind === 'Service' ? old : undefined,
        addresses,
      ),
  },
  {
    kind: 'Pod',
    group: '',
    version: 'v1',
    plural: 'pods',
    singular: 'pod',
    shortNames: ['po'],
    namespaced: true,
    generations: true,
    empty: { spec: { containers: null }, status: {} },
    admit: ({ resource, body, metadata, old, addresses }) =>
      admitPod(decode(resource, podShape, body), metadata, old?.kind === 'Pod' ? old : undefined, addresses),
  },
  {
    kind: 'EndpointSlice',
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    singular: 'endpointslice',
    shortNames: [],
    namespaced: true,
    generations: true,
    empty: { addressType: '', endpoints: null, ports: null },
    admit: ({ resource, body, metadata }) => admitEndpointSlice(decode(resource, endpointSliceShape, body), metadata),
  },
  {
    kind: 'Deployment',
    group: 'apps',
    version: 'v1',
    plural: 'deployments',
    singular: 'deployment',
    shortNames: ['deploy'],
    namespaced: true,
    generations: true,
    empty: { spec: { selector: null, template: emptyTemplate, strategy: {} }, status: {} },
    admit: ({ resource, body, metadata, old }) =>
      admitDeployment(decode(resource, workloadShape, body), metadata, old?.kind === 'Deployment' ? old : undefined),
  },
  {
    kind: 'StatefulSet',
    group: 'apps',
    version: 'v1',
    plural: 'statefulsets',
    singular: 'statefulset',
    shortNames: ['sts'],
    namespaced: true,
    generations: true,
    empty: { spec: { selector: null, template: emptyTemplate, serviceName: '', updateStrategy: {} }, status: {} },
    admit: ({ resource, body, metadata, old }) =>
      admitStatefulSet(decode(resource, workloadShape, body), metadata, old?.kind === 'StatefulSet' ? old : undefined),
  },
];

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The resource of a kind; every kind has one. */
export function resourceOf(kind: Kind): Resource {
  const found = resources.find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`kind ${kind} is missing in the table of resources`);
  return found;
}

/** The body as its shape types it. Throws ApiError 400. */
export function decode<T>(resource: Resource, shape: Shape<T>, body: unknown): T {
  if (shape.conforms(body)) return body;
  const kind = `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}`;
  throw badRequest(`${kind}: ${shape.problem(body, '')}`);
}
