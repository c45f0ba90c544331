import { labelsOf } from '../../dns/name.ts';

/** What a name below an external zone asks for: `SERVICE.NAMESPACE.ZONE`, read from right to left. */
export type Subject =
  | { readonly kind: 'namespace'; readonly namespace: string }
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly service: string;
      /** What stands left of the service. */
      readonly part: ServicePart;
    }
  /** No name that this zone could have; `why` completes "there is no such name: ". */
  | { readonly kind: 'invalid'; readonly why: string };

export type ServicePart =
  | { readonly kind: 'whole' }
  | { readonly kind: 'endpoint'; readonly endpoint: string }
  /** Without their underscores, which a client may leave out; '' fits every port. */
  | { readonly kind: 'port'; readonly port: string; readonly protocol: string };

/** The subject of `key` (lower case, absolute), which lies below `zone`. */
export function subjectOf(key: string, zone: string): Subject {
  const labels = labelsOf(key).slice(0, -labelsOf(zone).length || undefined);
  if (labels.length > 4) return { kind: 'invalid', why: 'it has too many labels' };
  const namespace = labels.pop() ?? '';
  const service = labels.pop();
  if (service === undefined) return { kind: 'namespace', namespace };
  return { kind: 'service', namespace, service, part: partOf(labels) };
}

function partOf([first, second]: readonly string[]): ServicePart {
  if (first === undefined) return { kind: 'whole' };
  if (second === undefined) return { kind: 'endpoint', endpoint: first };
  return { kind: 'port', port: withoutUnderscore(first), protocol: withoutUnderscore(second) };
}

function withoutUnderscore(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label;
}
