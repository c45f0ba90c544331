import type { Endpoint, EndpointSlice, Service } from '../../kube/objects.ts';
import { canonicalAddress } from '../../dns/ip.ts';
import { absolute, isName } from '../../dns/name.ts';
import type { ExternalDirectory } from './external-directory.ts';
import { type ServicePart, type Subject } from './question.ts';

/**
 * What a name stands for, before anybody asks for a record type.
 *
 *     entries    one for each external address and port; none where the name exists and has nothing
 *     missing    no such name; `why` completes "NXDOMAIN: "
 */
export type Finding =
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  | { readonly kind: 'missing'; readonly why: string };

export interface Entry {
  /** An address, or the host name of a load balancer. */
  readonly target: string;
  readonly isAddress: boolean;
  /** -1: no port is known, so there is no SRV record. */
  readonly port: number;
  /** What has the address, relative to the zone, in the letters of the API object: `web.default`. */
  readonly host: string;
}

export interface BackendOptions {
  /** Whether headless services are served by the addresses of their endpoints. */
  readonly headless: boolean;
  readonly endpointName: (endpoint: Endpoint, address: string) => string;
}

function missing(why: string): Finding {
  return { kind: 'missing', why };
}

/** Looks a subject up. */
export function find(subject: Subject, directory: ExternalDirectory, options: BackendOptions): Finding {
  if (subject.kind === 'invalid') return missing(subject.why);
  const { namespace } = subject;
  if (!directory.hasNamespace(namespace)) return missing(`there is no namespace ${namespace}, or it is not served`);
  if (subject.kind === 'namespace') return { kind: 'entries', entries: [] };
  const service = directory.service(namespace, subject.service);
  if (service === undefined) return missing(`namespace ${namespace} has no service ${subject.service}`);
  const entries = entriesOf(service, subject.part, directory, options);
  return entries.length > 0 ? { kind: 'entries', entries } : missing(whyNone(service, subject.part));
}

/** The entries of a service: its external addresses; with `headless`, those of its endpoints where it has none itself. */
export function entriesOf(
  service: Service,
  part: ServicePart,
  directory: ExternalDirectory,
  options: BackendOptions,
): Entry[] {
  if (service.externalAddresses.length > 0) return externalEntries(service, part);
  if (!options.headless || service.type === 'ExternalName' || service.clusterIPs[0] !== 'None') return [];
  return directory
    .slicesOf(service.namespace, service.name)
    .flatMap((slice) => endpointEntries(service, slice, part, options));
}

function whyNone({ namespace, name }: Service, part: ServicePart): string {
  const what = part.kind === 'port' ? 'no external address with that port' : 'no external address';
  return `service ${namespace}/${name} has ${what}`;
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

/** As the reference: a label left of a service that has external addresses means nothing. */
function externalEntries(service: Service, part: ServicePart): Entry[] {
  const ports = portsFor(service.ports, part);
  return service.externalAddresses.flatMap((target) => {
    const isAddress = canonicalAddress(target) !== undefined;
    if (!isAddress && !isName(absolute(target))) return [];
    const host = `${service.name}.${service.namespace}`;
    return ports.map(({ port }) => ({ target, isAddress, port: port ?? -1, host }));
  });
}

function endpointEntries(
  service: Service,
  slice: EndpointSlice,
  part: ServicePart,
  { endpointName }: BackendOptions,
): Entry[] {
  const ports = portsFor(slice.ports, part);
  return slice.endpoints.flatMap((endpoint) =>
    endpoint.addresses.flatMap((target) => {
      const name = endpointName(endpoint, target);
      if (part.kind === 'endpoint' && name.toLowerCase() !== part.endpoint) return [];
      const host = `${name}.${service.name}.${service.namespace}`;
      return ports.map(({ port }) => ({ target, isAddress: true, port: port ?? -1, host }));
    }),
  );
}
