import { isIP, isIPv6 } from 'node:net';

/**
 * The cluster zone by the book, slow and obvious: every name that exists is written into a table, from all objects. Sources: the Kubernetes DNS specification 1.1.0, and what CoreDNS does where that leaves a choice.
 */
export interface Objects {
  readonly services: readonly RawService[];
  readonly slices: readonly RawSlice[];
  readonly pods: readonly {
    readonly metadata: Meta;
    readonly status: { readonly podIPs?: readonly { ip: string }[] };
  }[];
  readonly namespaces: readonly { readonly metadata: { readonly name: string } }[];
}

interface Meta {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

interface RawPort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: string;
}

export interface RawService {
  readonly metadata: Meta;
  readonly spec: {
    readonly type?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalName?: string;
    readonly ports?: readonly RawPort[];
  };
}

export interface RawSlice {
  readonly metadata: Meta;
  readonly endpoints:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean };
        readonly hostname?: string;
        readonly targetRef?: { readonly name: string };
        readonly zone?: string;
      }[]
    | null;
  readonly ports: readonly RawPort[] | null;
}

export interface Options {
  readonly pods: 'disabled' | 'insecure' | 'verified';
  readonly namespaces: readonly string[];
  readonly endpointPodNames: boolean;
  readonly ignoreEmpty: boolean;
  readonly zonal: boolean;
}

interface Entry {
  readonly address: string;
  readonly port: number | undefined;
  readonly host: string;
}

/** What stands at a name: entries, or an alias. A name with no entries exists and has nothing. */
interface Name {
  readonly entries: Entry[];
  alias?: string;
  /** The endpoints of a topology zone, of which there may be none now. */
  readonly isZonal?: boolean;
}

const zone = 'cluster.local.';

/** What the book says to a question, `NAME TYPE` in lower case: `NOERROR | record | record ...` or an rcode. */
export type Book = (question: string) => string;

/** Records read `SECTION TYPE DATA` and are sorted. */
export function openBook(objects: Objects, options: Options): Book {
  const table = nameTable(objects, options);
  return (question) => {
    const [name = '', type = ''] = question.split(' ');
    if (name.endsWith('in-addr.arpa.') || name.endsWith('ip6.arpa.')) return reverse(objects, options, name, type);
    if (type === 'SOA') return name === zone ? 'NOERROR | answer SOA' : 'NOERROR';
    if (name === `dns-version.${zone}` && type === 'TXT') return 'NOERROR | answer TXT "1.1.0"';
    const found = table.get(name) ?? unlistedName(objects, options, name);
    if (found === undefined) return 'NXDOMAIN';
    const mayHaveData = found.entries.length > 0 || found.alias !== undefined || found.isZonal === true;
    if (type === 'TXT') return mayHaveData ? 'NOERROR' : 'NXDOMAIN';
    const records = recordsAt(table, objects, options, name, found, type);
    return ['NOERROR', ...[...new Set(records)].sort()].join(' | ');
  };
}

function recordsAt(
  table: ReadonlyMap<string, Name>,
  objects: Objects,
  options: Options,
  name: string,
  found: Name,
  type: string,
): string[] {
  if (found.alias !== undefined) {
    if (type === 'CNAME') return [`answer CNAME ${found.alias}`];
    return type === 'A' || type === 'AAAA' ? follow(table, objects, options, name, found.alias, type) : [];
  }
  if (type === 'A' || type === 'AAAA') return addresses(found, type).map((address) => `answer ${type} ${address}`);
  if (type !== 'SRV') return [];
  const weight = Math.max(1, Math.floor(100 / found.entries.length));
  return found.entries
    .filter((entry) => entry.port !== undefined)
    .flatMap(({ address, port, host }) => [
      `answer SRV 0 ${weight} ${port} ${host}.${zone}`,
      `additional ${isIPv6(address) ? 'AAAA' : 'A'} ${host}.${zone} ${address}`,
    ]);
}

function addresses(name: Name, type: string): string[] {
  return name.entries.map((entry) => entry.address).filter((address) => isIPv6(address) === (type === 'AAAA'));
}

/** The chain of an ExternalName: nothing unless it ends in addresses, or outside. */
function follow(
  table: ReadonlyMap<string, Name>,
  objects: Objects,
  options: Options,
  name: string,
  first: string,
  type: string,
): string[] {
  const chain: string[] = [];
  let [owner, target] = [name, first];
  for (;;) {
    const key = target.toLowerCase();
    const seen = chain.some((record) => record.toLowerCase() === `answer cname ${key}`);
    if (key === owner.toLowerCase() || key.endsWith(`.${owner.toLowerCase()}`) || seen || chain.length === 11)
      return [];
    chain.push(`answer CNAME ${target}`);
    if (key !== zone && !key.endsWith(`.${zone}`)) return [...chain, ...(type === 'A' ? ['answer A 192.0.2.80'] : [])];
    const found = table.get(key) ?? unlistedName(objects, options, key);
    if (found === undefined) return [];
    if (found.alias === undefined) {
      const data = addresses(found, type);
      return data.length === 0 ? [] : [...chain, ...data.map((address) => `answer ${type} ${address}`)];
    }
    [owner, target] = [target, found.alias];
  }
}

/** Every name of the zone but those of pods in insecure mode, and of topology zones: these are without number. */
function nameTable(objects: Objects, options: Options): Map<string, Name> {
  const table = new Map<string, Name>();
  const at = (name: string): Name => {
    const known = table.get(name.toLowerCase()) ?? { entries: [] };
    table.set(name.toLowerCase(), known);
    return known;
  };
  for (const name of [zone, `svc.${zone}`, `pod.${zone}`]) at(name);
  for (const namespace of servedNamespaces(objects, options)) {
    at(`${namespace}.svc.${zone}`);
    if (options.pods !== 'disabled') at(`${namespace}.pod.${zone}`);
    for (const service of objects.services.filter((candidate) => candidate.metadata.namespace === namespace)) {
      addService(service, objects, options, at);
    }
  }
  return table;
}

function addService(service: RawService, objects: Objects, options: Options, at: (name: string) => Name): void {
  const { namespace, name } = service.metadata;
  const base = `${name}.${namespace}.svc`;
  const { type, externalName = '', clusterIPs = [], ports = [] } = service.spec;
  if (type === 'ExternalName') {
    const alias = externalName.endsWith('.') ? externalName : `${externalName}.`;
    if (isIP(externalName) === 0) for (const name of [base, `_._.${base}`]) at(`${name}.${zone}`).alias = alias;
    return;
  }
  const headless = clusterIPs[0] === 'None';
  const endpoints = readyEndpoints(service, objects, options);
  if (!headless && options.ignoreEmpty && endpoints.length === 0) return;
  for (const { address, host, port } of endpoints) {
    const entry = { address, host: `${host}.${base}`, port: port.port };
    at(`${host}.${base}.${zone}`).entries.push(entry);
    if (!headless) continue;
    at(`${base}.${zone}`).entries.push(entry);
    for (const portName of portNames(port)) at(`${portName}.${base}.${zone}`).entries.push(entry);
  }
  if (headless) return;
  const whole = at(`${base}.${zone}`);
  for (const port of ports.length === 0 ? [{}] : ports) {
    for (const address of clusterIPs) {
      const entry = { address, host: base, port: port.port };
      whole.entries.push(entry);
      for (const portName of portNames(port)) at(`${portName}.${base}.${zone}`).entries.push(entry);
    }
  }
}

/** `_http._tcp` and what is taken for it: without underscores, or with nothing behind them, which fits all. */
function portNames({ name = '', protocol = '', port }: RawPort): string[] {
  const first = name === '' ? ['_'] : [`_${name}`, name, '_'];
  const transport = port === undefined && protocol === '' ? '' : protocol || 'TCP';
  const second = transport === '' ? ['_'] : [`_${transport}`, transport, '_'];
  return first.flatMap((a) => second.map((b) => `${a}.${b}`.toLowerCase()));
}

function readyEndpoints(service: RawService, objects: Objects, options: Options) {
  const { namespace, name } = service.metadata;
  return objects.slices
    .filter((slice) => slice.metadata.namespace === namespace && serviceOf(slice) === name)
    .flatMap((slice) =>
      readyAddresses(slice, options).flatMap((endpoint) =>
        (slice.ports ?? [{}]).map((port) => ({ ...endpoint, port })),
      ),
    );
}

function serviceOf(slice: RawSlice): string {
  return slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
}

function readyAddresses(slice: RawSlice, options: Options): { address: string; host: string; zone: string }[] {
  return (slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap(({ addresses: list, hostname, targetRef, zone = '' }) =>
      list.map((address) => {
        const podNamed = options.endpointPodNames ? targetRef?.name : undefined;
        return { address, zone, host: hostname ?? podNamed ?? address.replace(/[.:]/g, '-').replace(/-$/, '-0') };
      }),
    );
}

function servedNamespaces(objects: Objects, options: Options): string[] {
  const names = objects.namespaces.map((namespace) => namespace.metadata.name);
  return options.namespaces.length === 0 ? names : names.filter((name) => options.namespaces.includes(name));
}

function unlistedName(objects: Objects, options: Options, name: string): Name | undefined {
  return podName(objects, options, name) ?? zonalName(objects, options, name);
}

/** `TOPOLOGY-ZONE.pin._zone.SERVICE...`: exists for every zone, whoever is in it. `prefer` takes all where nobody is. */
function zonalName(objects: Objects, options: Options, name: string): Name | undefined {
  const match = /^(.+)\.(pin|prefer)\._zone\.([^.]+)\.([^.]+)\.svc\.cluster\.local\.$/.exec(name);
  const [, wanted, directive, serviceName = '', namespace = ''] = match ?? [];
  if (!options.zonal || !servedNamespaces(objects, options).includes(namespace)) return undefined;
  const service = objects.services.find(
    ({ metadata, spec }) =>
      metadata.namespace === namespace && metadata.name === serviceName && spec.clusterIPs?.[0] === 'None',
  );
  if (service === undefined) return undefined;
  const all = readyEndpoints(service, objects, options);
  const within = all.filter((endpoint) => endpoint.zone.toLowerCase() === wanted);
  const chosen = within.length > 0 || directive === 'pin' ? within : all;
  const base = `${serviceName}.${namespace}.svc`;
  const entries = chosen.map(({ address, host, port }) => ({ address, host: `${host}.${base}`, port: port.port }));
  return { entries, isZonal: true };
}

function podName(objects: Objects, options: Options, name: string): Name | undefined {
  const match = /^(?:[^.]+\.){0,2}([^.]+)\.([^.]+)\.pod\.cluster\.local\.$/.exec(name);
  const [, label = '', namespace = ''] = match ?? [];
  if (match === null || options.pods === 'disabled') return undefined;
  if (!servedNamespaces(objects, options).includes(namespace)) return undefined;
  const address = /^[^-]+(-[^-]+){3}$/.test(label) ? label.replaceAll('-', '.') : label.replaceAll('-', ':');
  if (isIP(address) === 0) return undefined;
  const living = objects.pods.filter(
    (pod) => pod.metadata.namespace === namespace && (pod.status.podIPs ?? []).some(({ ip }) => ip === address),
  );
  const entry = { address, port: 0, host: `${label}.${namespace}.pod` };
  if (options.pods === 'insecure') return { entries: [entry] };
  return living.length === 0 ? undefined : { entries: living.map(() => entry) };
}

function reverse(objects: Objects, options: Options, name: string, type: string): string {
  if (type === 'SOA') return 'NOERROR';
  const address = name.replace('.in-addr.arpa.', '').split('.').reverse().join('.');
  const served = (namespace: string): boolean =>
    options.namespaces.length === 0 || options.namespaces.includes(namespace);
  const owner = objects.services.find(
    ({ metadata, spec }) => served(metadata.namespace) && (spec.clusterIPs ?? []).includes(address),
  );
  const base = ({ namespace }: Meta, service: string): string => `${service}.${namespace}.svc.${zone}`;
  const names =
    owner === undefined
      ? objects.slices
          .filter((slice) => served(slice.metadata.namespace) && serviceOf(slice) !== '')
          .flatMap((slice) =>
            readyAddresses(slice, options)
              .filter((endpoint) => endpoint.address === address)
              .map((endpoint) => `${endpoint.host}.${base(slice.metadata, serviceOf(slice))}`),
          )
      : [base(owner.metadata, owner.metadata.name)];
  if (type !== 'PTR' || names.length === 0) return 'NXDOMAIN';
  return ['NOERROR', ...[...new Set(names)].map((target) => `answer PTR ${target}`).sort()].join(' | ');
}
