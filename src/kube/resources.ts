import type { Kind, KubeObject, ObjectName } from './objects.ts';
import {
  MalformedObject,
  metadataOf,
  slimEndpointSlice,
  slimMulticlusterSlice,
  slimNamespace,
  slimPod,
  slimService,
  slimServiceImport,
} from './slim.ts';
import type { Metadata } from './slim.ts';

/** What to watch of one kind, cluster-wide. Plain data: it crosses to the watch thread. */
export interface Selection {
  readonly kind: Kind;
  /** A label selector in the API's text form, `a=b,c!=d`. */
  readonly labelSelector?: string;
  /** A field selector in the API's text form, `status.phase!=Failed`. */
  readonly fieldSelector?: string;
  /** Keep the labels of pods, which is most of what there is to keep of a pod. */
  readonly withLabels?: boolean;
  /** Keep the topology zones of endpoints. Without, a change of zones alone is no change. */
  readonly withZones?: boolean;
}

/** How the API server knows a kind, and how one object of it is slimmed. A further kind is a further entry below. */
export interface Resource {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural name, as in paths and RBAC rules. */
  readonly plural: string;
  /** What the API server calls the objects, where that is not our own name for the kind. */
  readonly apiKind?: Kind;
  /** Why an API server may not serve it, and what to do then. */
  readonly ifMissing?: string;
  /** Undefined: there is nothing to keep of this object, and what was kept of it before stays. Throws `MalformedObject`. */
  readonly slim: (metadata: Metadata, raw: unknown, selection: Selection) => KubeObject | undefined;
}

export const resources: Readonly<Record<Kind, Resource>> = {
  Service: { group: '', version: 'v1', plural: 'services', slim: slimService },
  EndpointSlice: {
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    slim: (metadata, raw, selection) => slimEndpointSlice(metadata, raw, selection.withZones === true),
  },
  Pod: {
    group: '',
    version: 'v1',
    plural: 'pods',
    slim: (metadata, raw, selection) => slimPod(metadata, raw, selection.withLabels === true),
  },
  Namespace: { group: '', version: 'v1', plural: 'namespaces', slim: slimNamespace },
  ServiceImport: {
    group: 'multicluster.x-k8s.io',
    version: 'v1alpha1',
    plural: 'serviceimports',
    ifMissing: `install the CustomResourceDefinition of the Multi-Cluster Services API, or take 'multicluster' out of the Corefile`,
    slim: slimServiceImport,
  },
  MulticlusterSlice: {
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    apiKind: 'EndpointSlice',
    slim: slimMulticlusterSlice,
  },
};

/** The collection's path for all namespaces: `/api/v1/pods`, `/apis/discovery.k8s.io/v1/endpointslices`. */
export function pathOf(kind: Kind): string {
  const { group, version, plural } = resources[kind];
  return group === '' ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`;
}

/** The kind as the reference's log lines name it: `*v1.EndpointSlice`; no two kinds are named alike. */
export function typeName(kind: Kind): string {
  const { version, apiKind } = resources[kind];
  return apiKind === undefined ? `*${version}.${kind}` : `*${version}.${apiKind} (${kind})`;
}

/** What became of one raw object. `name` is missing only where it could not be read. */
export type Slimmed =
  | { readonly is: 'object'; readonly object: KubeObject }
  | { readonly is: 'ignored'; readonly name: ObjectName }
  | { readonly is: 'malformed'; readonly name: ObjectName | undefined; readonly problem: string };

/** Slims what the API server sent as an object of the selected kind, whatever that is. */
export function slim(selection: Selection, raw: unknown): Slimmed {
  let name: ObjectName | undefined;
  try {
    const metadata = metadataOf(raw);
    name = { namespace: metadata.namespace, name: metadata.name };
    const object = resources[selection.kind].slim(metadata, raw, selection);
    return object === undefined ? { is: 'ignored', name } : { is: 'object', object };
  } catch (error) {
    if (!(error instanceof MalformedObject)) throw error;
    return { is: 'malformed', name, problem: error.message };
  }
}
