import { isHeadless } from './backend.ts';
import type { Directory } from './directory.ts';
import { endpointName } from './endpoint-name.ts';

/** A name server of the zone: a host, relative to the zone, and one of its addresses. */
export interface NameServer {
  readonly host: string;
  readonly address: string;
}

/**
 * Where the zone is served: the services that have this server's own addresses behind them, so in a pod of the kube-dns
 * service that service. Where no slice knows the addresses the server stands for itself, as `ns.dns`.
 */
export function nameServers(
  ownAddresses: readonly string[],
  directory: Directory,
  options: { readonly endpointPodNames: boolean },
): NameServer[] {
  const slices = ownAddresses.flatMap((address) => directory.slicesByAddress(address));
  if (slices.length === 0) return ownAddresses.map((address) => ({ host: 'ns.dns', address }));
  return slices.flatMap((slice) => {
    const service = directory.service(slice.namespace, slice.service);
    if (service === undefined || service.type === 'ExternalName') return [];
    const host = `${service.name}.${service.namespace}.svc`;
    if (!isHeadless(service)) return service.clusterIPs.map((address) => ({ host, address }));
    return slice.endpoints.flatMap((endpoint) =>
      endpoint.addresses.map((address) => ({
        host: `${endpointName(endpoint, address, options.endpointPodNames)}.${host}`,
        address,
      })),
    );
  });
}
