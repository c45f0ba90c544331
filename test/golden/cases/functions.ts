import { isIPv4 } from 'node:net';
import { keyOf, labelsOf } from '../../../src/dns/name.ts';
import { find } from '../../../src/plugins/kubernetes/backend.ts';
import { Directory } from '../../../src/plugins/kubernetes/directory.ts';
import { endpointName } from '../../../src/plugins/kubernetes/endpoint-name.ts';
import type { Entry } from '../../../src/plugins/kubernetes/entries.ts';
import { nameServers } from '../../../src/plugins/kubernetes/name-servers.ts';
import { grammarOf, type ServicePart, type Subject, subjectOf } from '../../../src/plugins/kubernetes/question.ts';
import type {
  EndpointNameCase,
  FunctionCase,
  NamespaceCase,
  NameServersCase,
  OtherFunctionCase,
  ParseCase,
  ServicesCase,
} from './case-file.ts';
import { runExternal, runExternalNameServers, runSearch } from './external-functions.ts';
import { compared, notApplicable, type Outcome } from './outcome.ts';
import { runProgramming, runSerialChange } from './serial-changes.ts';
import { storeOf } from './store.ts';
import type { Surroundings } from './surroundings.ts';

/** Inner functions of the reference, against whatever does the same here. */
export async function* runFunctions(
  cases: readonly FunctionCase[],
  surroundings: Surroundings,
): AsyncGenerator<[FunctionCase, Outcome]> {
  for (const one of cases) yield [one, await run(one, surroundings)];
}

async function run(one: FunctionCase, surroundings: Surroundings): Promise<Outcome> {
  switch (one.group) {
    case 'parse':
      return runParse(one);
    case 'endpoint-hostname':
      return runEndpointName(one);
    case 'services-func':
      return runServices(one, surroundings);
    case 'services-authority':
      return runAuthority(one, surroundings);
    case 'namespace-predicates':
      return runNamespace(one);
    case 'serial-change':
      return runSerialChange(one);
    case 'programming-latency':
      return runProgramming(one);
    case 'ns-addrs':
      return runNameServers(one, surroundings);
    case 'external-func':
      return runExternal(one, surroundings.objects(one.fixture));
    case 'autopath':
      return runSearch(one);
    case 'bound-ips':
    case 'metrics-label':
      return explain(one);
    default:
      return one satisfies never;
  }
}

function explain({ group }: OtherFunctionCase): Outcome {
  switch (group) {
    case 'bound-ips':
      return notApplicable('own addresses are those of the host, whatever the server is bound to');
    case 'metrics-label':
      return notApplicable('a label value is text from the start, never bytes that could be no UTF-8');
    default:
      return group satisfies never;
  }
}

function runParse({ qname, zone, multicluster, zonal, expected, expectedTopologyZone = '' }: ParseCase): Outcome {
  if (qname.includes('..')) return notApplicable('no packet holds a name with an empty label');
  const grammar = grammarOf({ zonal, multicluster: multicluster ? [zone] : [] }, zone);
  return compared(
    expected && { ...nothing, ...expected, topologyZone: expectedTopologyZone },
    partsOf(subjectOf(keyOf(qname), zone, grammar)),
  );
}

const nothing = {
  port: '',
  protocol: '',
  endpoint: '',
  cluster: '',
  service: '',
  namespace: '',
  podOrSvc: '',
  topologyZone: '',
};

/** A subject in the reference's terms; undefined for a name that is none. */
function partsOf(subject: Subject): typeof nothing | undefined {
  switch (subject.kind) {
    case 'invalid':
      return undefined;
    case 'container':
      return nothing;
    case 'namespace':
      return { ...nothing, namespace: subject.namespace, podOrSvc: subject.realm };
    case 'pod':
      return { ...nothing, service: subject.label, namespace: subject.namespace, podOrSvc: 'pod' };
    case 'service': {
      const { namespace, service, part } = subject;
      const named = { ...nothing, service, namespace, podOrSvc: 'svc' };
      return { ...named, ...detailsOf(part) };
    }
    default:
      return subject satisfies never;
  }
}

function detailsOf(part: ServicePart): Partial<typeof nothing> {
  switch (part.kind) {
    case 'whole':
      return {};
    case 'endpoint':
      return { endpoint: part.endpoint, cluster: part.cluster };
    case 'port':
      return { port: part.port, protocol: part.protocol };
    case 'zone':
      return { topologyZone: part.zone };
    default:
      return part satisfies never;
  }
}

function runEndpointName({ ip, hostname, podName, endpoint_pod_names, expected }: EndpointNameCase): Outcome {
  const endpoint = { addresses: [ip], hostname, podName, nodeName: '', zone: '' };
  return compared(expected, endpointName(endpoint, ip, endpoint_pod_names));
}

function runNamespace(one: NamespaceCase): Outcome {
  const { namespacesOption, namespace, expected } = one;
  if (one.function === 'configuredNamespace') return notApplicable('half of a question that is asked as a whole here');
  const isListed = (name: string): boolean => namespacesOption.length === 0 || namespacesOption.includes(name);
  const store = storeOf({ namespaces: [{ metadata: { name: 'foobar' } }] });
  return compared(expected, new Directory(store, isListed).hasNamespace(namespace));
}

const everyNamespace = (): boolean => true;
const backend = { pods: 'disabled', endpointPodNames: false, ignoreEmptyService: false } as const;

function runServices({ fixture, zones, qname, qtype, services }: ServicesCase, surroundings: Surroundings): Outcome {
  const zone = zones.find((name) => qname.endsWith(`.${name}`)) ?? '.';
  // The second zone of these cases is one of several clusters.
  const grammar = zone === zones[0] ? 'plain' : 'multicluster';
  const directory = new Directory(storeOf(surroundings.objects(fixture)), everyNamespace);
  const finding = find(subjectOf(keyOf(qname), zone, grammar), directory, backend);
  switch (finding.kind) {
    case 'missing':
    case 'container':
      return compared(services, []);
    case 'alias':
      return compared(services, [{ host: finding.target, key: pathOf(qname) }]);
    case 'addresses':
      return compared(services, finding.entries.filter(isOfFamily(qtype)).map(serviceOf(zone)));
    default:
      return finding satisfies never;
  }
}

function runAuthority(
  { fixture, localIPs = [], zones, qtype, services }: ServicesCase,
  surroundings: Surroundings,
): Outcome {
  const [zone = '.'] = zones;
  const directory = new Directory(storeOf(surroundings.objects(fixture)), everyNamespace);
  const servers = nameServers(localIPs, directory, backend).filter(isOfFamily(qtype));
  return compared(services, servers.map(serviceOf(zone)));
}

function runNameServers(one: NameServersCase, surroundings: Surroundings): Outcome {
  const [, external, zone = ''] = /external=(\w+), .*zone=(\S+)\)$/.exec(one.function) ?? [];
  if (external === 'True') return runExternalNameServers(one, surroundings.objects(one.fixture));
  const directory = new Directory(storeOf(surroundings.objects(one.fixture)), everyNamespace);
  const servers = nameServers(one.localIPs, directory, backend);
  const records = servers.map(({ host, address }) => `${host}.${zone} IN ${isIPv4(address) ? 'A' : 'AAAA'} ${address}`);
  return compared(one.records.toSorted(), records.toSorted());
}

/** Whether a question of this type is about the entry: one for addresses is about those of one family. */
function isOfFamily(qtype: string): (entry: Pick<Entry, 'address'>) => boolean {
  return ({ address }) => (qtype === 'A' || qtype === 'AAAA' ? isIPv4(address) === (qtype === 'A') : true);
}

function serviceOf(zone: string): (entry: Pick<Entry, 'address' | 'host'>) => { host: string; key: string } {
  return ({ address, host }) => ({ host: address, key: pathOf(`${host}.${zone}`) });
}

/** A name as a path from the root. */
function pathOf(name: string): string {
  return `/c/${labelsOf(name).toReversed().join('/')}`;
}
