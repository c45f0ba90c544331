import type { Addresses, IpFamily, Protocol } from './addresses.ts';
import { metadataShape, type Labels, type Metadata } from './metadata.ts';
import { fields, flag, listOf, mapOf, text, textOrWhole, whole, type Shaped } from './shape.ts';
import type { Cause } from './status.ts';

export const serviceTypes = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
export type ServiceType = (typeof serviceTypes)[number];

export type IpFamilyPolicy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';

export interface ServicePort {
  /** Absent for the unnamed port; its EndpointSlices then say `"name": ""`. */
  readonly name?: string;
  readonly protocol: Protocol;
  readonly appProtocol?: string;
  readonly port: number;
  readonly targetPort: number | string;
  readonly nodePort?: number;
}

export interface ServiceSpec {
  readonly ports?: readonly ServicePort[];
  readonly selector?: Labels;
  /** `None` for a headless Service; absent for ExternalName. */
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly type: ServiceType;
  readonly externalName?: string;
  readonly publishNotReadyAddresses?: boolean;
  readonly ipFamilies?: readonly IpFamily[];
  readonly ipFamilyPolicy?: IpFamilyPolicy;
}

export interface Service {
  readonly kind: 'Service';
  readonly apiVersion: 'v1';
  readonly metadata: Metadata;
  readonly spec: ServiceSpec;
  readonly status: { readonly loadBalancer: object };
}

export const serviceShape = fields({
  metadata: metadataShape,
  spec: fields({
    ports: listOf(
      fields({ name: text, protocol: text, appProtocol: text, port: whole, targetPort: textOrWhole, nodePort: whole }),
    ),
    selector: mapOf(text),
    clusterIP: text,
    clusterIPs: listOf(text),
    type: text,
    externalName: text,
    publishNotReadyAddresses: flag,
    ipFamilies: listOf(text),
    ipFamilyPolicy: text,
    externalTrafficPolicy: text,
    internalTrafficPolicy: text,
    allocateLoadBalancerNodePorts: flag,
    sessionAffinity: text,
  }),
  status: fields({ loadBalancer: fields({}) }),
});

export type ServiceInput = Shaped<typeof serviceShape>;
export type ServiceSpecInput = NonNullable<ServiceInput['spec']>;
export type ServicePortInput = NonNullable<ServiceSpecInput['ports']>[number];

/** What the checks of one Service look at and add to. */
export interface ServiceCheck {
  readonly spec: ServiceSpecInput;
  readonly type: ServiceType;
  /** The spec stored so far, when this is an update. */
  readonly old: ServiceSpec | undefined;
  /** `namespace/name`: whose addresses these are. */
  readonly owner: string;
  readonly addresses: Addresses;
  readonly causes: Cause[];
}
