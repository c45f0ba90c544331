import { labelsOf } from '../../dns/name.ts';

/**
 * What a name below a cluster zone asks for, read from right to left. The words are the ones of the Kubernetes DNS
 * specification: `ENDPOINT.SERVICE.NAMESPACE.svc.ZONE`, `_PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE`,
 * `ADDRESS.NAMESPACE.pod.ZONE`.
 */
export type Subject =
  /** The zone itself, `svc` or `pod`: they exist and hold nothing. */
  | { readonly kind: 'container' }
  | { readonly kind: 'namespace'; readonly realm: Realm; readonly namespace: string }
  | ServiceSubject
  | { readonly kind: 'pod'; readonly namespace: string; readonly label: string }
  /** No name that this zone could have; `why` completes "there is no such name: ". */
  | { readonly kind: 'invalid'; readonly why: string };

export type Realm = 'svc' | 'pod';

export interface ServiceSubject {
  readonly kind: 'service';
  readonly namespace: string;
  readonly service: string;
  /** What stands left of the service. */
  readonly part: ServicePart;
}

export type ServicePart =
  | { readonly kind: 'whole' }
  | { readonly kind: 'endpoint'; readonly endpoint: string }
  /** Without their underscores, which a client may leave out; '' fits every port. */
  | { readonly kind: 'port'; readonly port: string; readonly protocol: string };

/** The subject of `key` (lower case, absolute), which lies in `zone`. */
export function subjectOf(key: string, zone: string): Subject {
  const labels = labelsOf(relativeTo(key, zone));
  const realm = labels.pop();
  if (realm === undefined) return { kind: 'container' };
  if (realm !== 'svc' && realm !== 'pod') {
    return { kind: 'invalid', why: `below ${zone} only svc and pod exist, not ${realm}` };
  }
  const namespace = labels.pop();
  if (namespace === undefined) return { kind: 'container' };
  const name = labels.pop();
  if (name === undefined) return { kind: 'namespace', realm, namespace };
  if (labels.length > 2) return { kind: 'invalid', why: 'it has too many labels' };
  if (realm === 'pod') return { kind: 'pod', namespace, label: name };
  return { kind: 'service', namespace, service: name, part: partOf(labels) };
}

function partOf(labels: readonly string[]): ServicePart {
  const [first, second] = labels;
  if (first === undefined) return { kind: 'whole' };
  if (second === undefined) return { kind: 'endpoint', endpoint: first };
  return { kind: 'port', port: withoutUnderscore(first), protocol: withoutUnderscore(second) };
}

function withoutUnderscore(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label;
}

/** `key` without `zone` and the dot between them; '' at the apex. */
function relativeTo(key: string, zone: string): string {
  return zone === '.' ? key.slice(0, -1) : key.slice(0, Math.max(0, key.length - zone.length - 1));
}

/** The last labels of `text`, as many as `zone` has: the zone in the letters that the client used. */
export function zoneAsAsked(text: string, zone: string): string {
  if (zone === '.') return '.';
  const labels = labelsOf(text);
  return `${labels.slice(labels.length - labelsOf(zone).length).join('.')}.`;
}

/** Whether a zone is part of the reverse tree: its names are those of addresses. */
export function isReverseZone(zone: string): boolean {
  return /(^|\.)(in-addr|ip6)\.arpa\.$/.test(zone);
}
