import type { Endpoint } from '../../kube/objects.ts';

/**
 * The one name that an endpoint's address has under its service: its hostname; the pod's name where the Corefile asks for
 * these; else the address with dashes. IPv6 keeps the spelling of the slice, since clients build the name from that text,
 * and gets a last 0 where it would end in a dash, which no label may.
 */
export function endpointName(endpoint: Endpoint, address: string, usePodNames: boolean): string {
  if (endpoint.hostname !== '') return endpoint.hostname;
  if (usePodNames && endpoint.podName !== '') return endpoint.podName;
  const dashed = address.replace(/[.:]/g, '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
}
