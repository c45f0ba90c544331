import type { IpFamily } from '../objects/addresses.ts';
import type { Endpoint, EndpointPort } from '../objects/endpoint-slice.ts';
import { defined } from '../objects/json.ts';
import { isReady, podIps, type Pod } from '../objects/pod.ts';
import type { Service, ServicePort } from '../objects/service-shape.ts';

/** The endpoints of one Service that listen on the same ports, by the uid of their pod. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/**
 * The endpoints of `service` in one IP family: each pod that has an address of the family and has not ended. Pods are
 * grouped by the ports they have, since a target port given by name may be another number in each.
 */
export function endpointGroups(service: Service, family: IpFamily, pods: readonly Pod[]): readonly EndpointGroup[] {
  const groups = new Map<
    string,
    { readonly ports: readonly EndpointPort[]; readonly endpoints: Map<string, Endpoint> }
  >();
  for (const pod of pods) {
    const address = podIps(pod).find((ip) => ip.includes(':') === (family === 'IPv6'));
    if (address === undefined || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue;
    const ports = (service.spec.ports ?? []).flatMap((port) => endpointPort(port, pod));
    const group = groups.getOrInsert(JSON.stringify(ports), { ports, endpoints: new Map() });
    group.endpoints.set(pod.metadata.uid, endpointOf(service, pod, address));
  }
  return [...groups.values()];
}

function endpointOf(service: Service, pod: Pod, address: string): Endpoint {
  const { name, namespace = '', uid, deletionTimestamp } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec;
  const serving = isReady(pod);
  const terminating = deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  return defined({
    addresses: [address],
    conditions: { ready, serving, terminating },
    // Only the Service that the pod names as its subdomain gives the pod a name of its own.
    hostname: subdomain === service.metadata.name ? hostname : undefined,
    targetRef: { kind: 'Pod', namespace, name, uid },
    nodeName,
  });
}

/** The port as the slice tells it; none when the pod has no port of the name the Service aims at. */
function endpointPort(servicePort: ServicePort, pod: Pod): readonly EndpointPort[] {
  const { name = '', protocol, targetPort, appProtocol } = servicePort;
  const port = typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort, protocol);
  return port === undefined ? [] : [defined({ name, protocol, port, appProtocol })];
}

function namedPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const ports = (spec.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}
