import { join } from 'node:path';
import type { RawObject } from '../../support/static-api.ts';
import { readJson } from '../recordings.ts';

/** Facts about the reference: what it answers, accepts and counts, each with what it was asked. */
export interface CaseFile {
  readonly cases: readonly Case[];
}

export type Case =
  | QueryCase
  | QueryRcodeCase
  | SequenceCase
  | WireCase
  | CorefileCase
  | CorefileRunCase
  | FunctionCase
  | SerialEventCase
  | TruncationCase
  | TransferCase
  | MetadataCase;

interface CaseBase {
  readonly id: string;
  readonly group: string;
}

interface Asked {
  readonly qname: string;
  readonly qtype: string;
}

/** Records are in presentation form; `flags` are the set header bits, `qr aa rd`. */
interface Sections {
  readonly answer: readonly string[];
  readonly ns: readonly string[];
  readonly extra: readonly string[];
}

/** One question to a server, and its full answer. */
export interface QueryCase extends CaseBase, Asked, Partial<Sections> {
  readonly kind: 'query';
  /** Absent for a server without a cluster. */
  readonly fixture?: string;
  /** A whole Corefile; without one the zones and options below make it. */
  readonly corefile?: string;
  readonly zones: readonly string[];
  readonly corefileOptions?: readonly string[];
  /** Whose zones and options these are, `kubernetes` unless it says otherwise. */
  readonly plugin?: string;
  readonly kubernetesZones?: readonly string[];
  readonly kubernetesOptions?: readonly string[];
  readonly localIPs?: readonly string[];
  readonly rcode: string;
  readonly flags?: string;
  readonly truncated?: boolean;
  /** What the server itself said, where the rest is a table of its tests. */
  readonly observed?: Sections & { readonly rcode: string; readonly flags: string };
  readonly searchPath?: readonly string[];
}

/** A question of which only the rcode is known. */
export interface QueryRcodeCase extends CaseBase, Asked {
  readonly kind: 'query-rcode';
  readonly zones: readonly string[];
  readonly corefileOptions: readonly string[];
  readonly rcode: string;
}

/** Questions to one server, in order. */
export interface SequenceCase extends CaseBase {
  readonly kind: 'sequence';
  readonly fixture: string;
  readonly corefile: string;
  readonly localIPs: readonly string[];
  readonly steps: readonly Step[];
}

export interface Step extends Asked {
  readonly queryOptions?: {
    readonly edns?: number | null;
    readonly do?: number;
    readonly cd?: number;
    readonly ad?: number;
    readonly rd?: number;
    readonly tcp?: number;
    readonly qclass?: number;
    /** EDNS options, in hex as they stand in the packet. */
    readonly opts?: string;
  };
  /** What reached the upstream meanwhile: `udp www.example.org. A [rd]`. */
  readonly upstreamQueries: readonly string[];
  /** Null where there was none. */
  readonly response: StepResponse | null;
}

export interface StepResponse extends Sections {
  readonly rcode: string;
  readonly flags: string;
  /** `www.example.org. IN A`. */
  readonly question: readonly string[];
  /** `ttl` in hex, as it stands in the packet. */
  readonly opt: { readonly udp: number; readonly ttl: string; readonly opts: string } | null;
}

/** One packet, and the packet that comes back. */
export interface WireCase extends CaseBase {
  readonly kind: 'wire';
  readonly label: string;
  readonly fixture: string;
  /** Described in words: whether `forward` is there tells the two that exist apart. */
  readonly corefile: string;
  readonly transport: 'udp' | 'tcp';
  /** Cut after 60 bytes where it ends in `...`. */
  readonly requestHex: string;
  readonly responseHex: string | null;
}

/** One plugin's part of a Corefile: what is made of it, or a part of the error. */
export interface CorefileCase extends CaseBase {
  readonly kind: 'corefile';
  readonly corefile?: string;
  readonly shouldErr?: boolean;
  readonly errorContains?: string;
  readonly zoneCount?: number;
  readonly namespaceCount?: number;
  readonly labels?: string;
  readonly namespaceLabels?: string;
  readonly pods?: string;
  readonly fallthroughZones?: readonly string[];
  readonly startupTimeout?: string;
  readonly endpoint_pod_names?: boolean;
  readonly endpointWatch?: boolean;
  readonly multiclusterZones?: readonly string[];
  readonly zonal?: boolean;
  readonly ignoreEmptyService?: boolean;
  readonly ttl?: number;
  /** For autopath in place of the fields: Corefile, whether it fails, three settings, a part of the error. */
  readonly raw?: readonly [string, boolean, unknown, unknown, unknown, string];
}

/** A whole Corefile: whether the process starts with it, and what it prints. */
export interface CorefileRunCase extends CaseBase {
  readonly kind: 'corefile-run';
  readonly label: string;
  readonly corefile: string;
  readonly starts: boolean;
  readonly output: string;
}

/** An inner function of the reference, with what goes in and what comes out. */
export type FunctionCase =
  | ParseCase
  | EndpointNameCase
  | ServicesCase
  | NamespaceCase
  | SerialChangeCase
  | ProgrammingCase
  | NameServersCase
  | ExternalCase
  | SearchCase
  | OtherFunctionCase;

interface FunctionBase extends CaseBase {
  readonly kind: 'function';
}

/** A name taken apart. */
export interface ParseCase extends FunctionBase {
  readonly group: 'parse';
  readonly qname: string;
  readonly zone: string;
  readonly multicluster: boolean;
  readonly zonal: boolean;
  /** Absent where the name is none. */
  readonly expected?: Readonly<
    Record<'port' | 'protocol' | 'endpoint' | 'cluster' | 'service' | 'namespace' | 'podOrSvc', string>
  >;
  /** Of a zonal name. */
  readonly expectedTopologyZone?: string;
}

/** The name of an endpoint's address. */
export interface EndpointNameCase extends FunctionBase {
  readonly group: 'endpoint-hostname';
  readonly ip: string;
  readonly hostname: string;
  readonly podName: string;
  readonly endpoint_pod_names: boolean;
  readonly expected: string;
}

/** What a name stands for. `key` is a path from the root: `/c/test/interwebs/svc/testns/svc1`. */
export interface ServicesCase extends FunctionBase, Asked {
  readonly group: 'services-func' | 'services-authority';
  readonly fixture: string;
  readonly zones: readonly string[];
  readonly corefileOptions?: readonly string[];
  readonly localIPs?: readonly string[];
  readonly services: readonly { readonly host: string; readonly key: string }[];
}

/** Whether a namespace is served: foobar exists, nsnoexist does not. */
export interface NamespaceCase extends FunctionBase {
  readonly group: 'namespace-predicates';
  readonly function: string;
  readonly namespacesOption: readonly string[];
  readonly namespace: string;
  readonly expected: boolean;
}

/** Whether a change moves the SOA serial. Which fields there are depends on the function. */
export interface SerialChangeCase extends FunctionBase {
  readonly group: 'serial-change';
  readonly function: string;
  readonly old?: ChangedObject | null;
  readonly new?: ChangedObject | null;
  readonly a?: ChangedObject | readonly Subset[] | null;
  readonly b?: ChangedObject | readonly Subset[] | null;
  /** Whether `a` and `b` are equivalent, or whether the serial moves. */
  readonly expected?: boolean;
  readonly internalSerialBumps?: boolean;
}

/** A Service, a Pod or a subset, by the names of the reference's own structures. */
export interface ChangedObject extends Partial<Subset> {
  readonly ExternalIPs?: readonly string[];
  readonly ExternalName?: string;
  readonly PodIP?: string;
  readonly podIP?: string;
  /** Of a ServiceImport. */
  readonly type?: string;
  readonly ports?: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  /** Of a slice that belongs to one. */
  readonly clusterId?: string;
  readonly subsets?: readonly Subset[];
}

export interface Subset {
  readonly Addresses: readonly { readonly IP: string; readonly Hostname?: string }[];
  readonly Ports: readonly { readonly Name: string; readonly Port?: number; readonly Protocol?: string }[];
}

/** Whether the time from a change to its names is measured. */
export interface ProgrammingCase extends FunctionBase {
  readonly group: 'programming-latency';
  readonly raw: {
    readonly services: readonly { readonly ClusterIPs: readonly string[] }[] | null;
    readonly ttSet: boolean;
    readonly wantLabel: string;
    readonly wantSampleCount: number;
  };
}

/** The name servers of a zone, as records without TTL. */
export interface NameServersCase extends FunctionBase {
  readonly group: 'ns-addrs';
  readonly function: string;
  readonly fixture: string;
  readonly localIPs: readonly string[];
  readonly records: readonly string[];
}

/** What a name of k8s_external stands for. */
export interface ExternalCase extends FunctionBase, Asked {
  readonly group: 'external-func';
  readonly fixture: string;
  readonly zones: readonly string[];
  readonly services: readonly { readonly host: string; readonly port: number; readonly key: string }[];
}

/** Whether autopath has anything to do with a name. */
export interface SearchCase extends FunctionBase {
  readonly group: 'autopath';
  readonly qname: string;
  readonly searchPath: readonly string[];
  readonly expected: boolean;
}

export interface OtherFunctionCase extends FunctionBase {
  readonly group: 'bound-ips' | 'metrics-label';
}

/** A change in the cluster, in words, and which SOA serials move with it. */
export interface SerialEventCase extends CaseBase {
  readonly kind: 'serial-event';
  readonly event: string;
  readonly clusterZoneSerialBumps: boolean;
  readonly k8sExternalSerialBumps: boolean;
}

/** How much of an answer of 90 records fits. */
export interface TruncationCase extends CaseBase, Asked {
  readonly kind: 'truncation';
  readonly transport: 'udp' | 'tcp';
  readonly ednsUdpSize: number | null;
  readonly answerRecords: number;
  readonly wireSize: number;
  readonly tc: boolean;
}

/** A zone handed over whole. */
export interface TransferCase extends CaseBase {
  readonly kind: 'transfer';
  readonly fixture: string;
  readonly zones: readonly string[];
  readonly corefileOptions: readonly string[];
  /** Whose zones and options these are, `kubernetes` unless it says otherwise. */
  readonly plugin?: string;
  readonly localIPs?: readonly string[];
  readonly transferZone: string;
  /** The serial that the client has: 0 for a client that has nothing. */
  readonly requestSerial: number;
  readonly zoneSerial: number;
  /** There is no such zone. */
  readonly error?: string;
  readonly records?: readonly string[];
  /** What is known of the records, where they are not. */
  readonly assertions?: {
    readonly firstType: string;
    readonly lastType: string;
    readonly nsCount: number;
    readonly nsDnsA: number;
    readonly nsDnsAAAA: number;
  };
}

/** The labels of a question. */
export interface MetadataCase extends CaseBase, Asked {
  readonly kind: 'metadata';
  readonly fixture: string;
  readonly zones: readonly string[];
  readonly corefileOptions: readonly string[];
  readonly clientIP: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The objects of a cluster, by the names that the fixtures give to their kinds. */
export interface Fixture {
  readonly namespaces: readonly RawObject[];
  readonly services: readonly RawObject[];
  readonly endpointSlices: readonly RawObject[];
  readonly pods: readonly RawObject[];
  readonly serviceImports: readonly RawObject[];
}

export type Fixtures = Readonly<Record<string, Fixture>>;

export function readCases(directory: string): readonly Case[] {
  return (readJson(join(directory, 'coredns-cases.json.gz')) as CaseFile).cases;
}

export function readFixtures(directory: string): Fixtures {
  return (readJson(join(directory, 'coredns-fixture.json')) as { readonly fixtures: Fixtures }).fixtures;
}
