import { isIP } from 'node:net';
import type { EndpointSlice, MulticlusterSlice, Service, ServiceImport, ServicePort } from '../../kube/objects.ts';
import type { Directory } from './directory.ts';
import { clusterEntries, endpointEntries, type Entry } from './entries.ts';
import type { ServicePart, ServiceSubject, Subject } from './question.ts';

/**
 * What a name stands for, before anybody asks for a record type.
 *
 *     container   a name that exists for those below it
 *     addresses   one entry for each address and port; none where the name has none now
 *     alias       an ExternalName service
 *     missing     no such name; `why` completes "NXDOMAIN: "
 */
export type Finding =
  | { readonly kind: 'container' }
  | { readonly kind: 'addresses'; readonly entries: readonly Entry[] }
  | { readonly kind: 'alias'; readonly target: string }
  | { readonly kind: 'missing'; readonly why: string };

export type PodMode = 'disabled' | 'insecure' | 'verified';

export interface BackendOptions {
  readonly pods: PodMode;
  readonly endpointPodNames: boolean;
  readonly ignoreEmptyService: boolean;
}

const container: Finding = { kind: 'container' };

function missing(why: string): Finding {
  return { kind: 'missing', why };
}

/** Looks a subject up. */
export function find(subject: Subject, directory: Directory, options: BackendOptions): Finding {
  switch (subject.kind) {
    case 'container':
      return container;
    case 'invalid':
      return missing(subject.why);
    case 'namespace':
      if (subject.realm === 'pod' && options.pods === 'disabled') return missing(podsDisabled);
      return directory.hasNamespace(subject.namespace) ? container : missing(noNamespace(subject.namespace));
    case 'service':
      return findService(subject, directory, options);
    case 'pod':
      return findPod(subject, directory, options.pods);
    default:
      return subject satisfies never;
  }
}

const podsDisabled = 'pod names are disabled in the Corefile';

function noNamespace(namespace: string): string {
  return `there is no namespace ${namespace}, or it is not served`;
}

function findService(subject: ServiceSubject, directory: Directory, options: BackendOptions): Finding {
  const { namespace, service: name, part } = subject;
  if (!directory.hasNamespace(namespace)) return missing(noNamespace(namespace));
  if (subject.imported) {
    const imported = directory.serviceImport(namespace, name);
    if (imported === undefined) return missing(`namespace ${namespace} has no ServiceImport ${name}`);
    return findBehind(importedTarget(imported, directory), part, directory, options);
  }
  const service = directory.service(namespace, name);
  if (service === undefined) return missing(`namespace ${namespace} has no service ${name}`);
  if (service.type === 'ExternalName') return findAlias(service, part);
  return findBehind(targetOf(service, directory), part, directory, options);
}

/** A service that has addresses or endpoints, of this cluster or imported. */
interface Target {
  /** In words: `service default/web`. */
  readonly what: string;
  readonly host: string;
  readonly headless: boolean;
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  /** Reads them, which leaves a trace. */
  readonly slices: () => readonly (EndpointSlice | MulticlusterSlice)[];
}

function targetOf(service: Service, directory: Directory): Target {
  const { namespace, name, ports, clusterIPs: addresses } = service;
  return {
    what: `service ${namespace}/${name}`,
    host: `${name}.${namespace}.svc`,
    headless: isHeadless(service),
    addresses,
    ports,
    slices: () => directory.slicesOf(namespace, name),
  };
}

function importedTarget({ namespace, name, type, ports, ips }: ServiceImport, directory: Directory): Target {
  return {
    what: `ServiceImport ${namespace}/${name}`,
    host: `${name}.${namespace}.svc`,
    headless: type === 'Headless',
    addresses: ips,
    ports,
    slices: () => directory.multiclusterSlicesOf(namespace, name),
  };
}

function findBehind(target: Target, part: ServicePart, directory: Directory, options: BackendOptions): Finding {
  const { what, host, headless, addresses, ports, slices } = target;
  if (!headless && options.ignoreEmptyService && hasNoEndpoint(slices())) {
    return missing(`${what} has no ready endpoint, and the Corefile says to ignore such`);
  }
  if (part.kind === 'zone') {
    // The address of a service is in no zone.
    if (!headless) return missing(`${what} is not headless`);
    const entries = zoneEntries(target, part, options);
    if (entries.length === 0 && !directory.synced) return missing(`the slices of ${what} are not known yet`);
    return { kind: 'addresses', entries };
  }
  if (headless || part.kind === 'endpoint') {
    const entries = endpointEntries(host, slices(), part, options.endpointPodNames);
    return entries.length > 0 ? { kind: 'addresses', entries } : missing(noEndpoint(what, part));
  }
  // An address may not be assigned yet; the name exists all the same.
  if (addresses.length === 0) return { kind: 'addresses', entries: [] };
  const entries = clusterEntries(host, addresses, ports, part);
  return entries.length > 0 ? { kind: 'addresses', entries } : missing(`${what} has no such port`);
}

/** A zone without endpoints can not be told from one that is not there, so all exist. */
function zoneEntries(
  { host, slices }: Target,
  part: Extract<ServicePart, { kind: 'zone' }>,
  { endpointPodNames }: BackendOptions,
): Entry[] {
  const entries = endpointEntries(host, slices(), part, endpointPodNames);
  if (entries.length > 0 || part.directive === 'pin') return entries;
  return endpointEntries(host, slices(), { kind: 'whole' }, endpointPodNames);
}

export function isHeadless(service: Service): boolean {
  return service.clusterIPs[0] === 'None';
}

function hasNoEndpoint(slices: readonly (EndpointSlice | MulticlusterSlice)[]): boolean {
  return slices.every((slice) => slice.endpoints.every((endpoint) => endpoint.addresses.length === 0));
}

function noEndpoint(what: string, part: Exclude<ServicePart, { kind: 'zone' }>): string {
  switch (part.kind) {
    case 'whole':
      return `headless ${what} has no ready endpoint`;
    case 'endpoint':
      return `${what} has no ready endpoint ${[part.endpoint, part.cluster].filter((label) => label !== '').join('.')}`;
    case 'port':
      return `${what} has no ready endpoint with that port`;
    default:
      return part satisfies never;
  }
}

function findAlias(service: Service, part: ServicePart): Finding {
  const where = `${service.namespace}/${service.name}`;
  if (part.kind !== 'whole') return missing(`service ${where} is an ExternalName and has neither endpoints nor ports`);
  if (isIP(service.externalName) !== 0) return missing(`the externalName of service ${where} is an address`);
  return { kind: 'alias', target: service.externalName };
}

function findPod(
  subject: { readonly namespace: string; readonly label: string },
  directory: Directory,
  mode: PodMode,
): Finding {
  const { namespace, label } = subject;
  if (mode === 'disabled') return missing(podsDisabled);
  if (!directory.hasNamespace(namespace)) return missing(noNamespace(namespace));
  const address = addressInLabel(label);
  if (!isPlainAddress(address)) return missing(`${label} is no address with dashes`);
  const entry: Entry = { address, port: 0, host: `${label}.${namespace}.pod` };
  if (mode === 'insecure') return { kind: 'addresses', entries: [entry] };
  const entries = directory.podsAt(namespace, address).map(() => entry);
  if (entries.length === 0) return missing(`namespace ${namespace} has no pod with address ${address}`);
  return { kind: 'addresses', entries };
}

/** `10-244-0-2` is `10.244.0.2`; any other count of dashes makes an IPv6 address. */
function addressInLabel(label: string): string {
  const isIPv4Like = label.split('-').length === 4 && !label.includes('--');
  return label.replaceAll('-', isIPv4Like ? '.' : ':');
}

function isPlainAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}
