import { isIP } from 'node:net';
import type { IpFamily } from './addresses.ts';
import { defined } from './json.ts';
import { metadataShape, subdomainCauses, type Metadata } from './metadata.ts';
import { fields, flag, listOf, text, whole, type Shaped } from './shape.ts';
import { cause, invalid, type Cause } from './status.ts';

/** The label that ties a slice to its Service. */
export const SERVICE_NAME = 'kubernetes.io/service-name';
/** The label that says which controller keeps a slice; a hand-made one has none. */
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';

const addressTypes = ['IPv4', 'IPv6', 'FQDN'] as const;

export interface Endpoint {
  readonly addresses: readonly string[];
  /** A condition that is not said is unknown; unknown readiness counts as ready. */
  readonly conditions: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly targetRef?: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly nodeName?: string;
}

export interface EndpointPort {
  /** Empty for the Service's unnamed port. */
  readonly name: string;
  readonly protocol: string;
  readonly port?: number;
  readonly appProtocol?: string;
}

export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly apiVersion: 'discovery.k8s.io/v1';
  readonly metadata: Metadata;
  readonly addressType: IpFamily | 'FQDN';
  /** null, not an empty list, when there is none: so the API server writes it. */
  readonly endpoints: readonly Endpoint[] | null;
  readonly ports: readonly EndpointPort[] | null;
}

const endpointShape = fields({
  addresses: listOf(text),
  conditions: fields({ ready: flag, serving: flag, terminating: flag }),
  hostname: text,
  nodeName: text,
  targetRef: fields({ kind: text, namespace: text, name: text, uid: text }),
});

export const endpointSliceShape = fields({
  metadata: metadataShape,
  addressType: text,
  endpoints: listOf(endpointShape),
  ports: listOf(fields({ name: text, protocol: text, port: whole, appProtocol: text })),
});

export type EndpointSliceInput = Shaped<typeof endpointSliceShape>;

/** The slice to store for one made by hand. Throws ApiError 422 with every cause. */
export function admitEndpointSlice(input: EndpointSliceInput, metadata: Metadata): EndpointSlice {
  const causes: Cause[] = [...subdomainCauses('metadata.name', metadata.name)];
  const asked = input.addressType ?? '';
  const addressType = addressTypes.find((one) => one === asked);
  if (asked === '') causes.push(cause.required('addressType'));
  else if (addressType === undefined) causes.push(cause.unsupported('addressType', asked, addressTypes));
  (input.endpoints ?? []).forEach((endpoint, index) => {
    causes.push(...addressCauses(endpoint.addresses ?? [], asked, `endpoints[${index}].addresses`));
  });
  if (addressType === undefined || causes.length > 0) {
    throw invalid({ kind: 'EndpointSlice', group: 'discovery.k8s.io' }, metadata.name, causes);
  }
  const endpoints = (input.endpoints ?? []).map(completeEndpoint);
  const ports = (input.ports ?? []).map((port) => ({
    ...port,
    name: port.name ?? '',
    protocol: port.protocol ?? 'TCP',
  }));
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata,
    addressType,
    endpoints: orNull(endpoints),
    ports: orNull(ports),
  };
}

/** An empty list as the API server writes it. */
export function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

function completeEndpoint(endpoint: NonNullable<EndpointSliceInput['endpoints']>[number]): Endpoint {
  const { addresses = [], conditions = {}, targetRef } = endpoint;
  const { kind = '', namespace = '', name = '', uid = '' } = targetRef ?? {};
  const ref = targetRef === undefined ? undefined : { kind, namespace, name, uid };
  return defined({ ...endpoint, addresses, conditions, targetRef: ref });
}

function addressCauses(addresses: readonly string[], type: string, field: string): readonly Cause[] {
  if (addresses.length === 0) return [cause.required(field, 'must contain at least 1 address')];
  const version = type === 'IPv4' ? 4 : type === 'IPv6' ? 6 : undefined;
  return addresses.flatMap((address, index) => {
    if (version === undefined) return subdomainCauses(`${field}[${index}]`, address.replace(/\.$/, ''));
    return isIP(address) === version
      ? []
      : [cause.invalid(`${field}[${index}]`, address, `must be a valid ${type} address`)];
  });
}
