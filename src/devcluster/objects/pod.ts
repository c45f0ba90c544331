import { isIP } from 'node:net';
import type { Addresses } from './addresses.ts';
import { defined } from './json.ts';
import { metadataShape, subdomainCauses, type Metadata } from './metadata.ts';
import { fields, listOf, text, whole, type Shaped } from './shape.ts';
import { cause, invalid } from './status.ts';

/** Set to `false`, it makes the pod fail its readiness probe. */
export const READY_ANNOTATION = 'example.com/ready';

const phases = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] as const;

export interface Pod {
  readonly kind: 'Pod';
  readonly apiVersion: 'v1';
  readonly metadata: Metadata;
  readonly spec: PodSpec;
  readonly status: PodStatus;
}

/** The part of a pod's spec that DNS or a Service sees. */
export type PodSpec = Shaped<typeof podSpecShape>;

export interface PodStatus {
  readonly phase: (typeof phases)[number];
  readonly conditions: readonly { readonly type: string; readonly status: 'True' | 'False' }[];
  /** Absent until the pod runs. */
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
}

export const podSpecShape = fields({
  hostname: text,
  subdomain: text,
  nodeName: text,
  terminationGracePeriodSeconds: whole,
  containers: listOf(fields({ ports: listOf(fields({ name: text, containerPort: whole, protocol: text })) })),
});

export const podShape = fields({
  metadata: metadataShape,
  spec: podSpecShape,
  status: fields({ phase: text, podIP: text, podIPs: listOf(fields({ ip: text })) }),
});

export type PodInput = Shaped<typeof podShape>;

/**
 * The Pod to store. There is no kubelet to wait for: the pod runs at once, ready unless annotated otherwise. It keeps
 * the addresses its status names, so that a manifest can say them; else it gets one of each family.
 * Throws ApiError 422.
 */
export function admitPod(input: PodInput, metadata: Metadata, old: Pod | undefined, addresses: Addresses): Pod {
  const causes = [...subdomainCauses('metadata.name', metadata.name)];
  const asked = input.status?.phase ?? old?.status.phase ?? 'Running';
  const phase = phases.find((one) => one === asked);
  if (phase === undefined) causes.push(cause.unsupported('status.phase', asked, phases));
  const named = namedIps(input);
  const wrong = named.find((ip) => isIP(ip) === 0);
  if (wrong !== undefined) causes.push(cause.invalid('status.podIP', wrong, 'must be a valid IP address'));
  if (phase === undefined || causes.length > 0) throw invalid({ kind: 'Pod', group: '' }, metadata.name, causes);

  const before = podIps(old);
  const ips = named.length > 0 ? named : before.length > 0 ? before : phase === 'Pending' ? [] : addresses.podIps();
  const spec = { ...input.spec, nodeName: input.spec?.nodeName ?? 'node-1' };
  return { kind: 'Pod', apiVersion: 'v1', metadata, spec, status: statusOf(phase, metadata, ips) };
}

/** The pod as it is once its containers have ended: it has its addresses still, but serves no more. */
export function ended(pod: Pod): Pod {
  return { ...pod, status: statusOf('Succeeded', pod.metadata, podIps(pod)) };
}

export function podIps(pod: Pod | undefined): readonly string[] {
  return (pod?.status.podIPs ?? []).map(({ ip }) => ip);
}

export function isReady(pod: Pod): boolean {
  return pod.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function namedIps({ status }: PodInput): readonly string[] {
  const several = (status?.podIPs ?? []).flatMap(({ ip }) => ip ?? []);
  const one = status?.podIP;
  return one === undefined || several.includes(one) ? several : [one];
}

function statusOf(phase: PodStatus['phase'], metadata: Metadata, ips: readonly string[]): PodStatus {
  const ready = phase === 'Running' && metadata.annotations?.[READY_ANNOTATION] !== 'false';
  return defined({
    phase,
    conditions: [
      { type: 'Ready', status: ready ? 'True' : 'False' } as const,
      { type: 'PodScheduled', status: 'True' } as const,
    ],
    podIP: ips[0],
    podIPs: ips.length === 0 ? undefined : ips.map((ip) => ({ ip })),
  });
}
