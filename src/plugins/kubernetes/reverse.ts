import type { Directory } from './directory.ts';
import { endpointName } from './endpoint-name.ts';

/**
 * The names of an address, relative to the zone: that of the first served service which has it as a cluster IP; else one
 * for each endpoint that has it as a ready address. None where nobody has it.
 *
 * A slice without a service gives no name: there is no label to put for it.
 */
export function namesOfAddress(
  address: string,
  directory: Directory,
  options: { readonly endpointPodNames: boolean; readonly served: (namespace: string) => boolean },
): string[] {
  const { endpointPodNames, served } = options;
  const service = directory.servicesByIP(address).find((candidate) => served(candidate.namespace));
  if (service !== undefined) return [`${service.name}.${service.namespace}.svc`];
  const names = new Set<string>();
  for (const slice of directory.slicesByAddress(address)) {
    if (slice.service === '' || !served(slice.namespace)) continue;
    for (const endpoint of slice.endpoints) {
      if (!endpoint.addresses.includes(address)) continue;
      names.add(`${endpointName(endpoint, address, endpointPodNames)}.${slice.service}.${slice.namespace}.svc`);
    }
  }
  return [...names];
}
