import { isIP } from 'node:net';
import type { EndpointSlice, Service } from '../../kube/objects.ts';
import type { Directory } from './directory.ts';
import { endpointName } from './endpoint-name.ts';
import type { ServicePart, ServiceSubject, Subject } from './question.ts';

/**
 * What a name stands for, before anybody asks for a record type.
 *
 *     addresses   one entry for each address and port; none where the name exists and has nothing
 *     alias       an ExternalName service
 *     missing     no such name; `why` completes "NXDOMAIN: "
 */
export type Finding =
  | { readonly kind: 'addresses'; readonly entries: readonly Entry[] }
  | { readonly kind: 'alias'; readonly target: string }
  | { readonly kind: 'missing'; readonly why: string };

export interface Entry {
  readonly address: string;
  /** -1: no port is known, so there is no SRV record. */
  readonly port: number;
  /** The host that has the address, relative to the zone, in the letters of the API object: `web-0.nginx.default.svc`. */
  readonly host: string;
}

export type PodMode = 'disabled' | 'insecure' | 'verified';

export interface BackendOptions {
  readonly pods: PodMode;
  readonly endpointPodNames: boolean;
  readonly ignoreEmptyService: boolean;
}

const nothing: Finding = { kind: 'addresses', entries: [] };

function missing(why: string): Finding {
  return { kind: 'missing', why };
}

/** Looks a subject up. */
export function find(subject: Subject, directory: Directory, options: BackendOptions): Finding {
  switch (subject.kind) {
    case 'container':
      return nothing;
    case 'invalid':
      return missing(subject.why);
    case 'namespace':
      if (subject.realm === 'pod' && options.pods === 'disabled') return missing(podsDisabled);
      return directory.hasNamespace(subject.namespace) ? nothing : missing(noNamespace(subject.namespace));
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
  const service = directory.service(namespace, name);
  if (service === undefined) return missing(`namespace ${namespace} has no service ${name}`);
  const where = `${namespace}/${name}`;
  if (service.type === 'ExternalName') return findAlias(service, part);
  const headless = isHeadless(service);
  if (!headless && options.ignoreEmptyService && isEmpty(directory.slicesOf(namespace, name))) {
    return missing(`service ${where} has no ready endpoint, and the Corefile says to ignore such`);
  }
  if (headless || part.kind === 'endpoint') {
    const entries = endpointEntries(service, part, directory, options);
    return entries.length > 0 ? { kind: 'addresses', entries } : missing(noEndpoint(where, part));
  }
  // An address may not be assigned yet; the name exists all the same.
  if (service.clusterIPs.length === 0) return nothing;
  const entries = clusterEntries(service, part);
  return entries.length > 0 ? { kind: 'addresses', entries } : missing(`service ${where} has no such port`);
}

export function isHeadless(service: Service): boolean {
  return service.clusterIPs[0] === 'None';
}

function isEmpty(slices: readonly EndpointSlice[]): boolean {
  return slices.every((slice) => slice.endpoints.every((endpoint) => endpoint.addresses.length === 0));
}

function noEndpoint(where: string, part: ServicePart): string {
  switch (part.kind) {
    case 'whole':
      return `headless service ${where} has no ready endpoint`;
    case 'endpoint':
      return `service ${where} has no ready endpoint ${part.endpoint}`;
    case 'port':
      return `service ${where} has no ready endpoint with that port`;
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

interface Port {
  readonly name: string;
  readonly port: number | null;
  readonly protocol: string;
}

const noPorts: readonly Port[] = [{ name: '', port: null, protocol: '' }];

/** The ports that a question is about. An object without ports has one of unknown number, so that it has addresses. */
function portsFor(ports: readonly Port[], part: ServicePart): readonly Port[] {
  const all = ports.length > 0 ? ports : noPorts;
  if (part.kind !== 'port') return all;
  return all.filter((port) => fits(part.port, port.name) && fits(part.protocol, port.protocol));
}

function fits(wanted: string, actual: string): boolean {
  return wanted === '' || wanted === actual.toLowerCase();
}

function clusterEntries(service: Service, part: ServicePart): Entry[] {
  const host = `${service.name}.${service.namespace}.svc`;
  return portsFor(service.ports, part).flatMap(({ port }) =>
    service.clusterIPs.map((address) => ({ address, port: port ?? -1, host })),
  );
}

function endpointEntries(
  service: Service,
  part: ServicePart,
  directory: Directory,
  { endpointPodNames }: BackendOptions,
): Entry[] {
  const suffix = `${service.name}.${service.namespace}.svc`;
  const entries: Entry[] = [];
  for (const slice of directory.slicesOf(service.namespace, service.name)) {
    const ports = portsFor(slice.ports, part);
    for (const endpoint of slice.endpoints) {
      for (const address of endpoint.addresses) {
        const name = endpointName(endpoint, address, endpointPodNames);
        if (part.kind === 'endpoint' && name.toLowerCase() !== part.endpoint) continue;
        for (const { port } of ports) entries.push({ address, port: port ?? -1, host: `${name}.${suffix}` });
      }
    }
  }
  return entries;
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
  if (mode === 'verified' && !directory.hasPod(namespace, address)) {
    return missing(`namespace ${namespace} has no pod with address ${address}`);
  }
  return { kind: 'addresses', entries: [{ address, port: 0, host: `${label}.${namespace}.pod` }] };
}

/** `10-244-0-2` is `10.244.0.2`; any other count of dashes makes an IPv6 address. */
function addressInLabel(label: string): string {
  const isIPv4Like = label.split('-').length === 4 && !label.includes('--');
  return label.replaceAll('-', isIPv4Like ? '.' : ':');
}

function isPlainAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}
