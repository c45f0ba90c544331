import { labelCauses, type Metadata } from './metadata.ts';
import { invalid } from './status.ts';

export interface Namespace {
  readonly kind: 'Namespace';
  readonly apiVersion: 'v1';
  readonly metadata: Metadata;
  readonly spec: { readonly finalizers: readonly ['kubernetes'] };
  readonly status: { readonly phase: 'Active' | 'Terminating' };
}

/** The Namespace to store; one that is being deleted stays so. Throws ApiError 422. */
export function admitNamespace(metadata: Metadata, old: Namespace | undefined): Namespace {
  const causes = labelCauses('metadata.name', metadata.name);
  if (causes.length > 0) throw invalid({ kind: 'Namespace', group: '' }, metadata.name, causes);
  return {
    kind: 'Namespace',
    apiVersion: 'v1',
    metadata: { ...metadata, labels: { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name } },
    spec: { finalizers: ['kubernetes'] },
    status: old?.status ?? { phase: 'Active' },
  };
}
