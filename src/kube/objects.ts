/**
 * The objects of the Kubernetes API as this server keeps them: only the fields names are made of. All are plain data that
 * survives JSON, since they are made in the watch thread and live in the serving thread. Texts stand as the API server wrote
 * them; addresses are not normalised, because endpoint names are spelled from their text.
 */

/**
 * The kinds that can be watched. `MulticlusterSlice` is a kind of ours: the EndpointSlices that belong to a ServiceImport,
 * which are watched apart from all others.
 */
export const KINDS = ['Service', 'EndpointSlice', 'Pod', 'Namespace', 'ServiceImport', 'MulticlusterSlice'] as const;

export type Kind = (typeof KINDS)[number];

/** What tells objects of one kind apart; `namespace` is '' for those that live in none. */
export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** `resourceVersion` is opaque: equal means unchanged, nothing else may be read from it. */
interface Versioned extends ObjectName {
  readonly resourceVersion: string;
}

/** A Service (core/v1). */
export interface Service extends Versioned {
  readonly kind: 'Service';
  /** Look here first: a Service turned into an ExternalName may keep live slices. */
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** One for each address family; `['None']` when headless, empty when there is none (yet). */
  readonly clusterIPs: readonly string[];
  /** '' unless given. */
  readonly externalName: string;
  readonly ports: readonly ServicePort[];
  /** `spec.externalIPs`, then each load balancer ingress: its address, else its host name. */
  readonly externalAddresses: readonly string[];
}

export interface ServicePort {
  /** '' for an unnamed port. */
  readonly name: string;
  readonly port: number;
  /** As written: 'TCP', 'UDP' or 'SCTP'. */
  readonly protocol: string;
}

/** An EndpointSlice (discovery.k8s.io/v1) of addresses, reduced to its ready endpoints. */
interface Slice extends Versioned {
  /** The name of the service it belongs to; '' when the label that says so is missing. */
  readonly service: string;
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly EndpointPort[];
  /** Only those whose `ready` condition is true or unknown; their order means nothing. */
  readonly endpoints: readonly Endpoint[];
}

/** A slice of a Service of this cluster: label `kubernetes.io/service-name`. */
export interface EndpointSlice extends Slice {
  readonly kind: 'EndpointSlice';
  /** When the change that led to this slice happened, milliseconds since 1970; from the annotation of the slice controller. */
  readonly triggerTimeMs?: number;
}

/** A slice of a ServiceImport: label `multicluster.kubernetes.io/service-name`. */
export interface MulticlusterSlice extends Slice {
  readonly kind: 'MulticlusterSlice';
  /** The cluster whose endpoints these are, from the label `multicluster.kubernetes.io/source-cluster`; '' without it. */
  readonly cluster: string;
}

export interface EndpointPort {
  /** '' for an unnamed port. */
  readonly name: string;
  /** null: all ports. */
  readonly port: number | null;
  readonly protocol: string;
}

/** Each text is '' when the API server gave none. */
export interface Endpoint {
  readonly addresses: readonly string[];
  readonly hostname: string;
  /** The name of what the endpoint stands for, when shorter than 64 characters, so that it fits a label. */
  readonly podName: string;
  readonly nodeName: string;
  /** The topology zone; '' as well when the watch did not ask for zones. */
  readonly zone: string;
}

/** A Pod (core/v1) that is not on its way out. */
export interface Pod extends Versioned {
  readonly kind: 'Pod';
  /** The first is `status.podIP`; empty until the pod has one. */
  readonly ips: readonly string[];
  /** Only when the watch asked for labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A Namespace (core/v1). */
export interface Namespace extends Versioned {
  readonly kind: 'Namespace';
  readonly namespace: '';
}

/** A ServiceImport (multicluster.x-k8s.io/v1alpha1): a service of several clusters, as it can be reached from this one. */
export interface ServiceImport extends Versioned {
  readonly kind: 'ServiceImport';
  readonly type: 'ClusterSetIP' | 'Headless';
  /** Empty when it is headless, or has none yet. */
  readonly ips: readonly string[];
  readonly ports: readonly ServicePort[];
}

export type KubeObject = Service | EndpointSlice | Pod | Namespace | ServiceImport | MulticlusterSlice;

/** The object type of one kind. */
export type ObjectOf<K extends Kind> = Extract<KubeObject, { readonly kind: K }>;
