import { labelsOf } from '../../dns/name.ts';

/**
 * What a name below a cluster zone asks for, read from right to left. The words are the ones of the Kubernetes DNS
 * specification: `ENDPOINT.SERVICE.NAMESPACE.svc.ZONE`, `_PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE`,
 * `ADDRESS.NAMESPACE.pod.ZONE`. Other grammars add to them:
 *
 *     zonal          TOPOLOGY-ZONE.pin._zone.SERVICE.NAMESPACE.svc.ZONE, or `prefer`; a topology zone may have dots
 *     multicluster   ENDPOINT.CLUSTER.SERVICE.NAMESPACE.svc.ZONE; only underscores make two labels a port
 */
export type Grammar = 'plain' | 'zonal' | 'multicluster';

/** How names of a zone are read. `multicluster`: the keys of the zones that are. */
export function grammarOf(
  { zonal, multicluster }: { readonly zonal: boolean; readonly multicluster: readonly string[] },
  zone: string,
): Grammar {
  if (multicluster.includes(zone)) return 'multicluster';
  return zonal ? 'zonal' : 'plain';
}

/** What a name asks for. */
export type Subject =
  /** The zone itself, `svc` or `pod`: they exist and hold nothing. */
  | { readonly kind: 'container' }
  | { readonly kind: 'namespace'; readonly realm: Realm; readonly namespace: string }
  | ServiceSubject
  /** What stands left of a pod does not matter for its answers. */
  | { readonly kind: 'pod'; readonly namespace: string; readonly label: string; readonly part: ServicePart }
  /** No name that this zone could have; `why` completes "there is no such name: ". */
  | { readonly kind: 'invalid'; readonly why: string };

export type Realm = 'svc' | 'pod';

export interface ServiceSubject {
  readonly kind: 'service';
  /** A ServiceImport is meant, not a Service. */
  readonly imported: boolean;
  readonly namespace: string;
  readonly service: string;
  /** What stands left of the service. */
  readonly part: ServicePart;
}

export type ServicePart =
  | { readonly kind: 'whole' }
  /** `cluster`: '' where the name has none. */
  | { readonly kind: 'endpoint'; readonly endpoint: string; readonly cluster: string }
  /** Without their underscores, which a client may leave out; '' fits all. Where both are '', the service is meant. */
  | { readonly kind: 'port'; readonly port: string; readonly protocol: string }
  /** The endpoints of one topology zone; with `prefer` all, when there are none. */
  | { readonly kind: 'zone'; readonly zone: string; readonly directive: 'pin' | 'prefer' };

/** The subject of `key` (lower case, absolute), which lies in `zone`. */
export function subjectOf(key: string, zone: string, grammar: Grammar = 'plain'): Subject {
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
  const part = partOf(labels, grammar);
  if (part === undefined || (realm === 'pod' && part.kind === 'zone')) return tooLong;
  if (realm === 'pod') return { kind: 'pod', namespace, label: name, part };
  return { kind: 'service', imported: grammar === 'multicluster', namespace, service: name, part };
}

const tooLong: Subject = { kind: 'invalid', why: 'it has too many labels' };

function partOf(labels: readonly string[], grammar: Grammar): ServicePart | undefined {
  if (labels.length > 2) return grammar === 'zonal' ? zoneOf(labels) : undefined;
  const [first, second] = labels;
  if (first === undefined) return { kind: 'whole' };
  if (second === undefined) return { kind: 'endpoint', endpoint: first, cluster: '' };
  const isPort = grammar !== 'multicluster' || first.startsWith('_') || second.startsWith('_');
  if (!isPort) return { kind: 'endpoint', endpoint: first, cluster: second };
  const [port, protocol] = [withoutUnderscore(first), withoutUnderscore(second)];
  return port === '' && protocol === '' ? { kind: 'whole' } : { kind: 'port', port, protocol };
}

function zoneOf(labels: readonly string[]): ServicePart | undefined {
  const [directive, anchor] = labels.slice(-2);
  if (anchor !== '_zone' || (directive !== 'pin' && directive !== 'prefer')) return undefined;
  return { kind: 'zone', zone: labels.slice(0, -2).join('.'), directive };
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
