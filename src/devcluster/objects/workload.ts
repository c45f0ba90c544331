import { fnv1a } from './addresses.ts';
import { defined } from './json.ts';
import { metadataShape, subdomainCauses, type Labels, type Metadata } from './metadata.ts';
import { podSpecShape, type PodSpec } from './pod.ts';
import { fields, mapOf, text, whole, type Shaped } from './shape.ts';
import { cause, invalid, type Cause } from './status.ts';

/** On a Deployment or StatefulSet: addresses its pods take before any other, separated by commas. */
export const POD_IPS_ANNOTATION = 'example.com/pod-ips';

/** Pods are real objects here: more of them would make the process slow, not the cluster large. */
const MAX_REPLICAS = 5000;

export interface PodTemplate {
  readonly metadata: { readonly labels?: Labels; readonly annotations?: Labels };
  readonly spec: PodSpec;
}

export interface WorkloadSpec {
  readonly replicas: number;
  readonly selector: { readonly matchLabels: Labels };
  readonly template: PodTemplate;
}

export interface WorkloadStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
}

export interface Deployment {
  readonly kind: 'Deployment';
  readonly apiVersion: 'apps/v1';
  readonly metadata: Metadata;
  readonly spec: WorkloadSpec;
  readonly status: WorkloadStatus;
}

export interface StatefulSet {
  readonly kind: 'StatefulSet';
  readonly apiVersion: 'apps/v1';
  readonly metadata: Metadata;
  /** `serviceName` is the headless Service that names the pods. */
  readonly spec: WorkloadSpec & { readonly serviceName: string };
  readonly status: WorkloadStatus;
}

export type Workload = Deployment | StatefulSet;

const templateShape = fields({
  metadata: fields({ labels: mapOf(text), annotations: mapOf(text) }),
  spec: podSpecShape,
});

export const workloadShape = fields({
  metadata: metadataShape,
  spec: fields({
    replicas: whole,
    serviceName: text,
    selector: fields({ matchLabels: mapOf(text) }),
    template: templateShape,
  }),
});

export type WorkloadInput = Shaped<typeof workloadShape>;

export function admitDeployment(input: WorkloadInput, metadata: Metadata, old: Deployment | undefined): Deployment {
  const spec = workloadSpec('Deployment', input, metadata);
  return { kind: 'Deployment', apiVersion: 'apps/v1', metadata, spec, status: old?.status ?? {} };
}

export function admitStatefulSet(input: WorkloadInput, metadata: Metadata, old: StatefulSet | undefined): StatefulSet {
  const spec = { ...workloadSpec('StatefulSet', input, metadata), serviceName: input.spec?.serviceName ?? '' };
  return { kind: 'StatefulSet', apiVersion: 'apps/v1', metadata, spec, status: old?.status ?? {} };
}

/** What tells the pods of one template from those of the next. */
export function templateHash({ spec }: Workload): string {
  return fnv1a(JSON.stringify(spec.template)).toString(36);
}

/** Throws ApiError 422 with every cause. */
function workloadSpec(kind: Workload['kind'], { spec = {} }: WorkloadInput, metadata: Metadata): WorkloadSpec {
  const matchLabels = spec.selector?.matchLabels ?? {};
  const labels = spec.template?.metadata?.labels ?? {};
  const replicas = spec.replicas ?? 1;
  const causes: Cause[] = [...subdomainCauses('metadata.name', metadata.name)];
  if (replicas > MAX_REPLICAS) {
    causes.push(
      cause.invalid('spec.replicas', replicas, `this cluster makes at most ${MAX_REPLICAS} pods of a template`),
    );
  }
  if (replicas < 0) causes.push(cause.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'));
  if (Object.keys(matchLabels).length === 0) causes.push(cause.required('spec.selector'));
  if (!Object.entries(matchLabels).every(([key, value]) => labels[key] === value)) {
    const why = '`selector` does not match template `labels`';
    causes.push(cause.invalid('spec.template.metadata.labels', labels, why));
  }
  if (causes.length > 0) throw invalid({ kind, group: 'apps' }, metadata.name, causes);
  const template = { metadata: defined({ ...spec.template?.metadata, labels }), spec: spec.template?.spec ?? {} };
  return { ...spec, replicas, selector: { matchLabels }, template };
}
