import type { DerivedLabels } from '../../core/metadata.ts';
import type { Query } from '../../core/query.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import type { Pod } from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';
import type { KubernetesConfig } from './config.ts';
import { type Grammar, grammarOf, type ServicePart, type Subject, subjectOf } from './question.ts';

/** The labels of what a name asks for. */
const PARTS = [
  'cluster',
  'endpoint',
  'kind',
  'namespace',
  'parse-error',
  'port-name',
  'protocol',
  'service',
  'zone',
] as const;
type Part = (typeof PARTS)[number];

const PREFIX = 'kubernetes';
const CLIENT = `${PREFIX}/client-`;
const CLIENT_NAMESPACE = `${CLIENT}namespace`;
const CLIENT_POD_NAME = `${CLIENT}pod-name`;
const CLIENT_LABEL = `${CLIENT}label/`;

/** The reference's text for a name that no cluster zone could have. */
const PARSE_ERROR = 'invalid query name';

/**
 * The labels of a cluster: what a name of its zones asks for, and with `pods verified`, for every name, which pod asks.
 * `cluster` gives its objects once they are watched.
 */
export function kubernetesLabels(
  config: Pick<KubernetesConfig, 'zones' | 'pods' | 'zonal' | 'multicluster'>,
  cluster: () => Cluster | undefined,
): DerivedLabels {
  const zones = new ZoneSet(config.zones);
  const isVerified = config.pods === 'verified';

  function ofName(query: Query, label: string): string | undefined {
    const zone = zones.longest(query)?.key;
    const part = PARTS.find((name) => label === `${PREFIX}/${name}`);
    if (zone === undefined || part === undefined) return undefined;
    const grammar = grammarOf(config, zone);
    return partsOf(subjectOf(query.key, zone, grammar), grammar)[part];
  }

  return {
    kind: 'derived',
    prefix: PREFIX,
    labels: [...PARTS.map((part) => `${PREFIX}/${part}`), CLIENT_NAMESPACE, CLIENT_POD_NAME, CLIENT_LABEL],
    value(query, label) {
      if (!label.startsWith(CLIENT)) return ofName(query, label);
      return isVerified ? common(cluster()?.podsByIP(query.peer.address) ?? [], label) : undefined;
    },
    obstacle(label) {
      if (isVerified || !label.startsWith(CLIENT)) return undefined;
      return `who asks is known only with 'pods verified' in the kubernetes block`;
    },
  };
}

/** '' where a name does not go into that detail. A name that the zone could not have has only its error. */
function partsOf(subject: Subject, grammar: Grammar): Partial<Record<Part, string>> {
  const zone = grammar === 'zonal' ? { zone: '' } : {};
  const nothing = { endpoint: '', kind: '', namespace: '', 'port-name': '', protocol: '', service: '', ...zone };
  switch (subject.kind) {
    case 'invalid':
      return { 'parse-error': PARSE_ERROR };
    case 'container':
      return nothing;
    case 'namespace':
      return { ...nothing, kind: subject.realm, namespace: subject.namespace };
    case 'pod':
      return { ...nothing, kind: 'pod', namespace: subject.namespace, service: subject.label, ...left(subject.part) };
    case 'service':
      return { ...nothing, kind: 'svc', namespace: subject.namespace, service: subject.service, ...left(subject.part) };
    default:
      return subject satisfies never;
  }
}

/** What stands left of the service or the pod. */
function left(part: ServicePart): Partial<Record<Part, string>> {
  switch (part.kind) {
    case 'whole':
      return {};
    case 'endpoint':
      return { endpoint: part.endpoint, ...(part.cluster === '' ? {} : { cluster: part.cluster }) };
    case 'port':
      return { 'port-name': part.port, protocol: part.protocol };
    case 'zone':
      return { zone: part.zone };
    default:
      return part satisfies never;
  }
}

/** What the label says of all the pods; nothing where they differ: pods share an address when they use that of their node. */
function common(pods: readonly Pod[], label: string): string | undefined {
  const [value, ...others] = pods.map((pod) => ofPod(pod, label));
  return others.every((other) => other === value) ? value : undefined;
}

function ofPod({ namespace, name, labels = {} }: Pod, label: string): string | undefined {
  if (label === CLIENT_NAMESPACE) return namespace;
  if (label === CLIENT_POD_NAME) return name;
  const key = label.slice(CLIENT_LABEL.length);
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
