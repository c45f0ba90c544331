import type { EndpointSlice, MulticlusterSlice } from '../../kube/objects.ts';
import { endpointName } from './endpoint-name.ts';
import type { ServicePart } from './question.ts';

/** One address and port that a name stands for. */
export interface Entry {
  readonly address: string;
  /** -1: no port is known, so there is no SRV record. */
  readonly port: number;
  /** The host that has the address, relative to the zone, in the letters of the API object: `web-0.nginx.default.svc`. */
  readonly host: string;
}

interface Port {
  readonly name: string;
  readonly port: number | null;
  readonly protocol: string;
}

const noPorts: readonly Port[] = [{ name: '', port: null, protocol: '' }];

/** The entries of a service with addresses of its own: one for each that a question is about. */
export function clusterEntries(
  host: string,
  addresses: readonly string[],
  ports: readonly Port[],
  part: ServicePart,
): Entry[] {
  return portsFor(ports, part).flatMap(({ port }) => addresses.map((address) => ({ address, port: port ?? -1, host })));
}

/** The entries of a service's ready endpoints, those that a question is about. `host`: the service's own. */
export function endpointEntries(
  host: string,
  slices: readonly (EndpointSlice | MulticlusterSlice)[],
  part: ServicePart,
  usePodNames: boolean,
): Entry[] {
  const entries: Entry[] = [];
  for (const slice of slices) {
    const ports = portsFor(slice.ports, part);
    const cluster = slice.kind === 'MulticlusterSlice' ? slice.cluster : '';
    const suffix = cluster === '' ? host : `${cluster}.${host}`;
    for (const endpoint of slice.endpoints) {
      if (part.kind === 'zone' && endpoint.zone.toLowerCase() !== part.zone) continue;
      for (const address of endpoint.addresses) {
        const name = endpointName(endpoint, address, usePodNames);
        if (part.kind === 'endpoint' && !isNamed(part, name, cluster)) continue;
        for (const { port } of ports) entries.push({ address, port: port ?? -1, host: `${name}.${suffix}` });
      }
    }
  }
  return entries;
}

function isNamed(part: Extract<ServicePart, { kind: 'endpoint' }>, name: string, cluster: string): boolean {
  return name.toLowerCase() === part.endpoint && cluster.toLowerCase() === part.cluster;
}

/** The ports that a question is about. An object without ports has one of unknown number, so that it has addresses. */
function portsFor(ports: readonly Port[], part: ServicePart): readonly Port[] {
  const all = ports.length > 0 ? ports : noPorts;
  if (part.kind !== 'port') return all;
  return all.filter((port) => fits(part.port, port.name) && fits(part.protocol, port.protocol));
}

function fits(wanted: string, actual: string): boolean {
  return wanted === '' || wanted === actual.toLowerCase();
}
