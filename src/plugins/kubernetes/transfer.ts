import { isIP } from 'node:net';
import { QueryError } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import type { ZoneSet } from '../../core/zone-name.ts';
import { RCODE, TYPE } from '../../dns/codes.ts';
import { reverseName } from '../../dns/ip.ts';
import { below, isName, isReverseZone, isWithin } from '../../dns/name.ts';
import { addressRecord, nameRecord, type ResourceRecord, srvRecord } from '../../dns/record.ts';
import type {
  EndpointSlice,
  MulticlusterSlice,
  ObjectName,
  Service,
  ServiceImport,
  ServicePort,
} from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';
import type { ZoneState } from '../../zone/transferable.ts';
import { aliasTarget } from './alias.ts';
import { isHeadless } from './backend.ts';
import type { Directory } from './directory.ts';
import { endpointName } from './endpoint-name.ts';
import { nameServers } from './name-servers.ts';
import { namesOfAddress } from './reverse.ts';
import type { ZoneView } from './zone-view.ts';

type Records = Generator<ResourceRecord, void, undefined>;

export interface ZoneStateParts {
  readonly zones: ZoneSet;
  /** By a zone's key. */
  readonly viewOf: (zone: string) => ZoneView;
  readonly cluster: Cluster;
  readonly served: (namespace: string) => boolean;
  /** The server's own addresses, without loopback. */
  readonly ownAddresses: readonly string[];
  readonly ttl: number;
  /** Ends the targets of PTR records. */
  readonly primaryZone: string;
  readonly endpointPodNames: boolean;
  /** The keys of the zones whose services are imported ones. */
  readonly multicluster: readonly string[];
}

/**
 * The cluster's zones as they are handed over whole. A zone of services has, as in the reference, all services by name and
 * no pods; a reverse zone has what it answers, PTR records. Objects never change, so the records of a moment can be made
 * from them later.
 */
export function zoneStateOf(query: Query, parts: ZoneStateParts): ZoneState | undefined {
  const zone = parts.zones.longest(query);
  if (zone === undefined || zone.key !== query.key) return undefined;
  const { directory, reader, serial } = parts.viewOf(zone.key);
  if (!directory.synced) throw new QueryError(RCODE.SERVFAIL, 'the API server has not delivered its objects yet');
  const apex = query.text;
  const records = (): Records => {
    const servers = serverRecords(apex, directory, parts);
    const contents = isReverseZone(zone.key)
      ? pointerRecords(apex, zone.key, directory, parts)
      : memberRecords(apex, membersOf(zone.key, directory, parts), parts);
    // No answer is kept that would fall with what was read.
    directory.begin();
    return writable(servers, contents);
  };
  return { soa: reader.soa(query, zone.key), serial: serial.value, records };
}

function serverRecords(apex: string, directory: Directory, parts: ZoneStateParts): ResourceRecord[] {
  const { ttl } = parts;
  const servers = nameServers(parts.ownAddresses, directory, parts);
  const names = new Set(servers.map(({ host }) => below(host, apex)));
  return [
    ...Array.from(names, (name) => nameRecord(apex, TYPE.NS, ttl, name)),
    ...servers.map(({ host, address }) => addressRecord(below(host, apex), ttl, address)),
  ];
}

/** What a service puts into the zone; a headless one by its slices. */
type Contents =
  | { readonly is: 'alias'; readonly target: string }
  | { readonly is: 'addresses'; readonly addresses: readonly string[]; readonly ports: readonly ServicePort[] }
  | { readonly is: 'endpoints'; readonly slices: readonly (EndpointSlice | MulticlusterSlice)[] };

interface Member {
  readonly host: string;
  readonly contents: Contents;
}

/** The services served at this moment, in an order that does not depend on when they came. */
function membersOf(zone: string, directory: Directory, { cluster, multicluster }: ZoneStateParts): Member[] {
  const ofService = (service: Service): Contents => contentsOf(service, cluster);
  const ofImport = (imported: ServiceImport): Contents => importedContents(imported, cluster);
  return multicluster.includes(zone)
    ? members(cluster.serviceImports(), directory, ofImport)
    : members(cluster.services(), directory, ofService);
}

function members<T extends ObjectName>(
  objects: Iterable<T>,
  directory: Directory,
  contentsOf: (object: T) => Contents,
): Member[] {
  return Array.from(objects)
    .filter(({ namespace }) => directory.hasNamespace(namespace))
    .sort((a, b) => compare(a.name, b.name) || compare(a.namespace, b.namespace))
    .map((object) => ({ host: `${object.name}.${object.namespace}.svc`, contents: contentsOf(object) }));
}

function contentsOf(service: Service, cluster: Cluster): Contents {
  const { namespace, name, clusterIPs: addresses, ports } = service;
  if (service.type === 'ExternalName') return { is: 'alias', target: aliasTarget(service.externalName) };
  return isHeadless(service)
    ? { is: 'endpoints', slices: sorted(cluster.slicesOf(namespace, name)) }
    : { is: 'addresses', addresses, ports };
}

function importedContents({ namespace, name, type, ips: addresses, ports }: ServiceImport, cluster: Cluster): Contents {
  return type === 'Headless'
    ? { is: 'endpoints', slices: sorted(cluster.multiclusterSlicesOf(namespace, name)) }
    : { is: 'addresses', addresses, ports };
}

function sorted<T extends ObjectName>(slices: readonly T[]): T[] {
  return slices.toSorted((a, b) => compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function* memberRecords(apex: string, members: readonly Member[], parts: ZoneStateParts): Records {
  for (const { host, contents } of members) {
    const owner = below(host, apex);
    switch (contents.is) {
      case 'alias':
        yield nameRecord(owner, TYPE.CNAME, parts.ttl, contents.target);
        break;
      case 'addresses':
        yield* clusterRecords(owner, contents, parts.ttl);
        break;
      case 'endpoints':
        for (const slice of contents.slices) yield* endpointRecords(owner, slice, parts);
        break;
      default:
        contents satisfies never;
    }
  }
}

/** A service without an address yet has no ports to go to either. */
function* clusterRecords(
  owner: string,
  { addresses, ports }: Extract<Contents, { is: 'addresses' }>,
  ttl: number,
): Records {
  for (const address of addresses) yield addressRecord(owner, ttl, address);
  if (addresses.length === 0) return;
  for (const { name, port, protocol } of ports) {
    const srv = { priority: 0, weight: 100, port, target: owner };
    yield srvRecord(owner, ttl, srv);
    if (name !== '') yield srvRecord(portName(owner, { name, protocol }), ttl, srv);
  }
}

function* endpointRecords(
  owner: string,
  slice: EndpointSlice | MulticlusterSlice,
  { ttl, endpointPodNames }: ZoneStateParts,
): Records {
  const { endpoints, ports } = slice;
  const count = endpoints.reduce((sum, { addresses }) => sum + addresses.length, 0);
  const weight = Math.max(1, Math.floor(100 / count));
  const parent = slice.kind === 'MulticlusterSlice' && slice.cluster !== '' ? below(slice.cluster, owner) : owner;
  for (const endpoint of endpoints) {
    for (const address of endpoint.addresses) {
      const target = below(endpointName(endpoint, address, endpointPodNames), parent);
      yield addressRecord(owner, ttl, address);
      yield addressRecord(target, ttl, address);
      for (const { name, port, protocol } of ports) {
        if (name === '' || port === null) continue;
        yield srvRecord(portName(owner, { name, protocol }), ttl, { priority: 0, weight, port, target });
      }
    }
  }
}

function portName(owner: string, { name, protocol }: Pick<ServicePort, 'name' | 'protocol'>): string {
  return `_${name}._${protocol}`.toLowerCase() + `.${owner}`;
}

/** The names of all addresses in the reverse zone `zone`, a key, by the text of the reverse name. */
function pointerRecords(
  apex: string,
  zone: string,
  directory: Directory,
  { cluster, ttl, primaryZone, ...options }: ZoneStateParts,
): ResourceRecord[] {
  const addresses = new Map<string, string>();
  for (const service of cluster.services()) {
    const slices = cluster.slicesOf(service.namespace, service.name);
    const ofSlices = slices.flatMap(({ endpoints }) => endpoints.flatMap((endpoint) => endpoint.addresses));
    for (const address of [...service.clusterIPs, ...ofSlices]) {
      const name = reverseName(address);
      if (name !== undefined && isWithin(name, zone)) addresses.set(name, address);
    }
  }
  const names = [...addresses].sort(([a], [b]) => compare(a, b));
  return names.flatMap(([name, address]) => {
    const owner = name.slice(0, name.length - zone.length) + apex;
    const targets = namesOfAddress(address, directory, options);
    return targets.map((target) => nameRecord(owner, TYPE.PTR, ttl, below(target, primaryZone)));
  });
}

/** Leaves out what no name can be, such as one longer than 255 bytes, or an ExternalName that is none or an address. */
function* writable(...parts: readonly Iterable<ResourceRecord>[]): Records {
  for (const part of parts) for (const record of part) if (isWritable(record)) yield record;
}

function isWritable({ name, type, data }: ResourceRecord): boolean {
  if (type === TYPE.CNAME && data.shape === 'name' && isIP(data.target.slice(0, -1)) !== 0) return false;
  return isName(name) && (data.shape === 'name' || data.shape === 'srv' ? isName(data.target) : true);
}
