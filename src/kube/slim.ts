import type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  MulticlusterSlice,
  Namespace,
  ObjectName,
  Pod,
  Service,
  ServiceImport,
  ServicePort,
} from './objects.ts';

/**
 * Foreign JSON, checked at the door. Each function takes what the API server sent and returns our own; a field of the wrong
 * JSON type throws `MalformedObject`, which names it. Absent and null are the same and mean the field's zero value: the API
 * server omits what is empty in one place and writes null in another.
 */
export class MalformedObject extends Error {}

/** What every object has, read before anything else. */
export interface Metadata extends ObjectName {
  readonly resourceVersion: string;
  /** Being deleted: `deletionTimestamp` is set. */
  readonly terminating: boolean;
  readonly labels: Fields;
  readonly annotations: Fields;
}

/** The fields of a JSON object, none of them checked yet. */
type Fields = Readonly<Record<string, unknown>>;

/** The metadata of a raw object; throws `MalformedObject` when it has no name. */
export function metadataOf(raw: unknown): Metadata {
  const { metadata } = fields(raw, 'object');
  const { namespace, name, resourceVersion, deletionTimestamp, labels, annotations } = fields(metadata, 'metadata');
  return {
    namespace: text(namespace, 'metadata.namespace'),
    name: requiredText(name, 'metadata.name'),
    resourceVersion: text(resourceVersion, 'metadata.resourceVersion'),
    terminating: text(deletionTimestamp, 'metadata.deletionTimestamp') !== '',
    labels: fields(labels, 'metadata.labels'),
    annotations: fields(annotations, 'metadata.annotations'),
  };
}

export function slimService(metadata: Metadata, raw: unknown): Service {
  const { spec, status } = fields(raw, 'object');
  const { type, clusterIP, clusterIPs, externalName, ports, externalIPs } = fields(spec, 'spec');
  const { loadBalancer } = fields(status, 'status');
  const { ingress } = fields(loadBalancer, 'status.loadBalancer');
  return {
    kind: 'Service',
    ...versioned(metadata),
    type: serviceType(text(type, 'spec.type')),
    clusterIPs: texts(clusterIPs, 'spec.clusterIPs', text(clusterIP, 'spec.clusterIP')),
    externalName: text(externalName, 'spec.externalName'),
    ports: list(ports, 'spec.ports').map(servicePort),
    externalAddresses: [
      ...texts(externalIPs, 'spec.externalIPs'),
      ...list(ingress, 'status.loadBalancer.ingress').map(ingressAddress),
    ].filter((address) => address !== ''),
  };
}

function servicePort(entry: unknown): ServicePort {
  const { name, port, protocol } = fields(entry, 'spec.ports[]');
  return {
    name: text(name, 'spec.ports[].name'),
    port: number(port, 'spec.ports[].port') ?? 0,
    protocol: text(protocol, 'spec.ports[].protocol') || 'TCP',
  };
}

/** A type unknown to us is served as what it most likely extends, rather than not at all. */
function serviceType(type: string): Service['type'] {
  return type === 'NodePort' || type === 'LoadBalancer' || type === 'ExternalName' ? type : 'ClusterIP';
}

function ingressAddress(entry: unknown): string {
  const { ip, hostname } = fields(entry, 'status.loadBalancer.ingress[]');
  return text(ip, 'status.loadBalancer.ingress[].ip') || text(hostname, 'status.loadBalancer.ingress[].hostname');
}

/** Undefined for a slice that holds no addresses (type FQDN, or one unknown to us): there is nothing to answer from it. */
export function slimEndpointSlice(metadata: Metadata, raw: unknown, withZones: boolean): EndpointSlice | undefined {
  const contents = sliceContents(raw, withZones);
  if (contents === undefined) return undefined;
  const { 'kubernetes.io/service-name': service } = metadata.labels;
  const { 'endpoints.kubernetes.io/last-change-trigger-time': trigger } = metadata.annotations;
  const triggerTimeMs = Date.parse(text(trigger, 'metadata.annotations'));
  return {
    kind: 'EndpointSlice',
    ...versioned(metadata),
    service: text(service, 'metadata.labels'),
    ...contents,
    ...(Number.isNaN(triggerTimeMs) ? {} : { triggerTimeMs }),
  };
}

/** Undefined as for `slimEndpointSlice`. */
export function slimMulticlusterSlice(metadata: Metadata, raw: unknown): MulticlusterSlice | undefined {
  const contents = sliceContents(raw, false);
  if (contents === undefined) return undefined;
  const { 'multicluster.kubernetes.io/service-name': service, 'multicluster.kubernetes.io/source-cluster': cluster } =
    metadata.labels;
  return {
    kind: 'MulticlusterSlice',
    ...versioned(metadata),
    service: text(service, 'metadata.labels'),
    cluster: text(cluster, 'metadata.labels'),
    ...contents,
  };
}

function sliceContents(
  raw: unknown,
  withZones: boolean,
): Pick<EndpointSlice, 'addressType' | 'ports' | 'endpoints'> | undefined {
  const { addressType, ports, endpoints } = fields(raw, 'object');
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return undefined;
  return {
    addressType,
    ports: list(ports, 'ports').map(endpointPort),
    endpoints: list(endpoints, 'endpoints').flatMap((entry) => readyEndpoint(entry, withZones)),
  };
}

export function slimServiceImport(metadata: Metadata, raw: unknown): ServiceImport {
  const { type, ips, ports } = fields(fields(raw, 'object')['spec'], 'spec');
  return {
    kind: 'ServiceImport',
    ...versioned(metadata),
    type: text(type, 'spec.type') === 'Headless' ? 'Headless' : 'ClusterSetIP',
    ips: texts(ips, 'spec.ips'),
    ports: list(ports, 'spec.ports').map(servicePort),
  };
}

function endpointPort(entry: unknown): EndpointPort {
  const { name, port, protocol } = fields(entry, 'ports[]');
  return {
    name: text(name, 'ports[].name'),
    port: number(port, 'ports[].port'),
    protocol: text(protocol, 'ports[].protocol') || 'TCP',
  };
}

function readyEndpoint(entry: unknown, withZones: boolean): Endpoint[] {
  const { addresses, conditions, hostname, targetRef, nodeName, zone } = fields(entry, 'endpoints[]');
  if (fields(conditions, 'endpoints[].conditions')['ready'] === false) return [];
  const target = text(fields(targetRef, 'endpoints[].targetRef')['name'], 'endpoints[].targetRef.name');
  return [
    {
      addresses: texts(addresses, 'endpoints[].addresses'),
      hostname: text(hostname, 'endpoints[].hostname'),
      podName: target.length < 64 ? target : '',
      nodeName: text(nodeName, 'endpoints[].nodeName'),
      zone: withZones ? text(zone, 'endpoints[].zone') : '',
    },
  ];
}

/**
 * Undefined for a pod that is being deleted: what was known of it stays until it is gone, since its address serves on while
 * it ends, and its status may lose the address before that.
 */
export function slimPod(metadata: Metadata, raw: unknown, withLabels: boolean): Pod | undefined {
  if (metadata.terminating) return undefined;
  const { status } = fields(raw, 'object');
  const { podIP, podIPs } = fields(status, 'status');
  const ips = list(podIPs, 'status.podIPs').map((entry) => fields(entry, 'status.podIPs[]')['ip']);
  return {
    kind: 'Pod',
    ...versioned(metadata),
    ips: texts(ips, 'status.podIPs[].ip', text(podIP, 'status.podIP')),
    ...(withLabels ? { labels: labelsOf(metadata) } : {}),
  };
}

function labelsOf({ labels }: Metadata): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, text(value, 'metadata.labels')]));
}

export function slimNamespace(metadata: Metadata): Namespace {
  return { kind: 'Namespace', namespace: '', name: metadata.name, resourceVersion: metadata.resourceVersion };
}

function versioned({ namespace, name, resourceVersion }: Metadata): ObjectName & { readonly resourceVersion: string } {
  return { namespace, name, resourceVersion };
}

/** The fields of a JSON object; none when it is absent. */
export function fields(value: unknown, place: string): Fields {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new MalformedObject(`${place} is not an object`);
  return value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The entries of a JSON array; none when it is absent. */
export function list(value: unknown, place: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new MalformedObject(`${place} is not a list`);
  return value;
}

/** A JSON string; '' when it is absent. */
export function text(value: unknown, place: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new MalformedObject(`${place} is not a string`);
  return value;
}

/** A JSON string that is not ''. */
export function requiredText(value: unknown, place: string): string {
  if (text(value, place) === '') throw new MalformedObject(`${place} is missing`);
  return text(value, place);
}

/** A list of strings; when it is empty, `single`, the older field of one value, unless that is '' too. */
function texts(value: unknown, place: string, single = ''): readonly string[] {
  const all = list(value, place).map((entry) => text(entry, `${place}[]`));
  return all.length > 0 || single === '' ? all : [single];
}

function number(value: unknown, place: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number') throw new MalformedObject(`${place} is not a number`);
  return value;
}
