import { type BackendOptions, entriesOf } from './backend.ts';
import type { ExternalDirectory } from './external-directory.ts';

/**
 * Where this server can be reached from outside: at the external addresses of the services that it stands behind. Where no
 * slice knows its own addresses, at those.
 */
export function nameServerAddresses(
  ownAddresses: readonly string[],
  directory: ExternalDirectory,
  options: BackendOptions,
): readonly string[] {
  const slices = ownAddresses.flatMap((address) => directory.slicesByAddress(address));
  if (slices.length === 0) return ownAddresses;
  const entries = slices.flatMap((slice) => {
    const service = directory.service(slice.namespace, slice.service);
    return service === undefined ? [] : entriesOf(service, { kind: 'whole' }, directory, options);
  });
  return [...new Set(entries.filter((entry) => entry.isAddress).map((entry) => entry.target))];
}
