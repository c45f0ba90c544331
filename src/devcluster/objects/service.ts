import type { Addresses } from './addresses.ts';
import { defined } from './json.ts';
import { labelCauses, subdomainCauses, type Metadata } from './metadata.ts';
import { clusterAddresses, type ClusterAddresses } from './service-ips.ts';
import { completePorts, portCauses } from './service-ports.ts';
import {
  serviceTypes,
  type ServicePort,
  type ServiceSpec,
  type Service,
  type ServiceInput,
  type ServiceSpecInput,
  type ServiceCheck,
  type ServiceType,
} from './service-shape.ts';
import { cause, invalid, type Cause } from './status.ts';

/**
 * The Service to store for what a client sent: defaults filled in, addresses given out, those given before kept.
 * Throws ApiError 422 with every cause.
 */
export function admitService(
  input: ServiceInput,
  metadata: Metadata,
  old: Service | undefined,
  addresses: Addresses,
): Service {
  const { spec = {} } = input;
  const causes: Cause[] = [...labelCauses('metadata.name', metadata.name)];
  const type = serviceType(spec.type, causes);
  const check = { spec, type, old: old?.spec, owner: `${metadata.namespace}/${metadata.name}`, addresses, causes };
  causes.push(...portCauses(check), ...externalNameCauses(check));
  const cluster = clusterAddresses(check);
  const ports = causes.length === 0 ? completePorts(check) : undefined;
  if (causes.length > 0) throw invalid({ kind: 'Service', group: '' }, metadata.name, causes);
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata,
    spec: completeSpec(spec, type, ports, cluster),
    status: {
      ...old?.status,
      ...input.status,
      loadBalancer: input.status?.loadBalancer ?? old?.status.loadBalancer ?? {},
    },
  };
}

/** The addresses and node ports the Service holds, as `Addresses` notes them. */
export function heldByService({ spec }: Service): readonly string[] {
  const ips = (spec.clusterIPs ?? []).filter((address) => address !== 'None');
  const nodePorts = (spec.ports ?? []).filter((port) => port.nodePort !== undefined);
  return [...ips, ...nodePorts.map((port) => `${port.protocol}/${port.nodePort}`)];
}

function serviceType(asked: string | undefined, causes: Cause[]): ServiceType {
  const type = serviceTypes.find((one) => one === (asked ?? 'ClusterIP'));
  if (type === undefined) causes.push(cause.unsupported('spec.type', asked ?? '', serviceTypes));
  return type ?? 'ClusterIP';
}

function externalNameCauses({ spec, type }: ServiceCheck): readonly Cause[] {
  if (type !== 'ExternalName') return [];
  const target = (spec.externalName ?? '').replace(/\.$/, '');
  return target === '' ? [cause.required('spec.externalName')] : subdomainCauses('spec.externalName', target);
}

function completeSpec(
  spec: ServiceSpecInput,
  type: ServiceType,
  ports: readonly ServicePort[] | undefined,
  cluster: ClusterAddresses,
): ServiceSpec {
  const external = type === 'NodePort' || type === 'LoadBalancer';
  return defined({
    ...spec,
    ports,
    selector: spec.selector,
    clusterIP: cluster.clusterIPs?.[0],
    clusterIPs: cluster.clusterIPs,
    type,
    sessionAffinity: spec.sessionAffinity ?? 'None',
    externalTrafficPolicy: external ? (spec.externalTrafficPolicy ?? 'Cluster') : undefined,
    ipFamilies: cluster.ipFamilies,
    ipFamilyPolicy: cluster.ipFamilyPolicy,
    allocateLoadBalancerNodePorts: type === 'LoadBalancer' ? (spec.allocateLoadBalancerNodePorts ?? true) : undefined,
    internalTrafficPolicy: type === 'ExternalName' ? undefined : (spec.internalTrafficPolicy ?? 'Cluster'),
  });
}
