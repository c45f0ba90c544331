import { QueryError } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import type { ZoneSet } from '../../core/zone-name.ts';
import { RCODE, TYPE } from '../../dns/codes.ts';
import { reverseName } from '../../dns/ip.ts';
import { absolute, below, isName, isReverseZone, isWithin } from '../../dns/name.ts';
import { addressRecord, nameRecord, type ResourceRecord } from '../../dns/record.ts';
import type { Service } from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';
import type { ZoneState } from '../../zone/transferable.ts';
import { entriesOf } from './backend.ts';
import type { ExternalDirectory } from './external-directory.ts';
import { type ServicePart } from './question.ts';
import { srvRecords } from './records.ts';
import type { ExternalZone, ExternalZoneOptions } from './zone.ts';

export interface ZoneStateParts {
  readonly zones: ZoneSet;
  readonly cluster: Cluster;
  readonly directory: ExternalDirectory;
  readonly reader: ExternalZone;
  readonly serial: { readonly value: number };
  readonly options: ExternalZoneOptions;
}

/**
 * A zone as it is handed over whole: its name server and all services, by name; of a reverse zone the PTR records. Nothing
 * of a service is told but what has to do with its external addresses.
 */
export function zoneStateOf(query: Query, parts: ZoneStateParts): ZoneState | undefined {
  const zone = parts.zones.longest(query)?.key;
  if (zone === undefined || zone !== query.key) return undefined;
  const { directory, reader, serial } = parts;
  if (!directory.synced) throw new QueryError(RCODE.SERVFAIL, 'the API server has not delivered its objects yet');
  return { soa: reader.soa(zone), serial: serial.value, records: () => recordsIn(zone, parts) };
}

function recordsIn(zone: string, parts: ZoneStateParts): ResourceRecord[] {
  const { cluster, directory, reader, options } = parts;
  directory.begin();
  const services = Array.from(cluster.services())
    .filter(({ namespace }) => namespace !== options.apex && directory.hasNamespace(namespace))
    .sort((a, b) => compare(a.name, b.name) || compare(a.namespace, b.namespace));
  const contents = isReverseZone(zone)
    ? services.flatMap((service) => pointersTo(service, zone, options))
    : services.flatMap((service) => recordsOf(service, zone, parts));
  return [...reader.serverRecords(zone), ...contents.filter(isWritable)];
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function pointersTo(
  { name, namespace, externalAddresses }: Service,
  zone: string,
  options: ExternalZoneOptions,
): ResourceRecord[] {
  const { ttl, primaryZone } = options;
  const owners = new Set(externalAddresses.flatMap((address) => reverseName(address) ?? []));
  return [...owners]
    .filter((owner) => isWithin(owner, zone))
    .map((owner) => nameRecord(owner, TYPE.PTR, ttl, below(`${name}.${namespace}`, primaryZone)));
}

function recordsOf(service: Service, zone: string, { directory, options }: ZoneStateParts): ResourceRecord[] {
  const { ttl, srvTtl } = options;
  const owner = below(`${service.name}.${service.namespace}`, zone);
  const srv = (name: string, part: ServicePart): readonly ResourceRecord[] =>
    srvRecords(name, zone, entriesOf(service, part, directory, options), { srv: srvTtl, address: ttl }).answer;
  const ofPorts = service.ports.flatMap(({ name, protocol }) => {
    const [port, transport] = [name.toLowerCase(), protocol.toLowerCase()];
    return port === '' ? [] : srv(`_${port}._${transport}.${owner}`, { kind: 'port', port, protocol: transport });
  });
  const entries = entriesOf(service, { kind: 'whole' }, directory, options);
  const addresses = new Map<string, ResourceRecord>();
  for (const { target, isAddress, host } of entries) {
    if (!isAddress) continue;
    for (const name of [owner, below(host, zone)]) addresses.set(`${name} ${target}`, addressRecord(name, ttl, target));
  }
  const [first] = entries;
  // Beside an alias no other record may stand.
  if (first !== undefined && addresses.size === 0) {
    return [nameRecord(owner, TYPE.CNAME, ttl, absolute(first.target)), ...ofPorts];
  }
  return [...addresses.values(), ...srv(owner, { kind: 'whole' }), ...ofPorts];
}

/** Leaves out what no name can be, such as one longer than 255 bytes. */
function isWritable({ name, data }: ResourceRecord): boolean {
  return isName(name) && (data.shape === 'name' || data.shape === 'srv' ? isName(data.target) : true);
}
