import { Metrics } from '../../../src/metrics/metrics.ts';
import { Serial } from '../../../src/plugins/kubernetes/serial.ts';
import { recordProgramming } from '../../../src/plugins/kubernetes/programming.ts';
import type { Kind } from '../../../src/kube/objects.ts';
import { ManualClock } from '../../support/clock.ts';
import type { RawObject } from '../../support/static-api.ts';
import type { ChangedObject, ProgrammingCase, SerialChangeCase, Subset } from './case-file.ts';
import { compared, differs, type Outcome } from './outcome.ts';
import { slimmed, storeOf } from './store.ts';

/** Whether a change moves a serial of the cluster's zones; that of k8s_external is its own affair. */
export function runSerialChange(one: SerialChangeCase): Outcome {
  switch (one.function) {
    case 'serviceModified':
      return compared(one.internalSerialBumps, moves('Service', serviceOf(one.old), serviceOf(one.new)));
    case 'podModified':
      return compared(one.internalSerialBumps, moves('Pod', podOf(one.old), podOf(one.new)));
    case 'podUpdateBumpsSerial':
      return compared(one.expected, moves('Pod', podOf(one.a), podOf(one.b)));
    case 'subsetsEquivalent':
    case 'endpointsEquivalent':
      return compared(one.expected, !moves('EndpointSlice', sliceOf(one.a), sliceOf(one.b)));
    case 'endpointsEquivalent(zone)':
      return compared(one.expected, !moves('EndpointSlice', zonedSliceOf(one.a), zonedSliceOf(one.b)));
    case 'serviceImportEquivalent':
      return compared(one.expected, !moves('ServiceImport', importOf(one.a), importOf(one.b)));
    case 'multiclusterEndpointsEquivalent':
      return compared(one.expected, !moves('MulticlusterSlice', importedSliceOf(one.a), importedSliceOf(one.b)));
    default:
      return differs(`+ nothing here does what ${one.function} does`);
  }
}

type Side = SerialChangeCase['a'] | SerialChangeCase['old'];

function moves(kind: Kind, before: RawObject | undefined, after: RawObject | undefined): boolean {
  const serial = new Serial();
  const object = (raw: RawObject | undefined): ReturnType<typeof slimmed> | undefined => raw && slimmed(kind, raw);
  serial.note({ kind, before: object(before), after: object(after) }, 1000);
  return serial.value > 0 || serial.multicluster.value > 0;
}

const metadata = { name: 'web', namespace: 'testns', labels: { 'kubernetes.io/service-name': 'web' } };

function serviceOf(side: Side): RawObject | undefined {
  const service = objectOf(side);
  if (service === undefined) return undefined;
  const { ExternalName: externalName = '', ExternalIPs: externalIPs = [], Ports = [] } = service;
  const ports = Ports.map(({ Name: name }) => ({ name, port: 80 }));
  return { metadata, spec: { clusterIP: '10.0.0.1', externalName, externalIPs, ports } };
}

function podOf(side: Side): RawObject | undefined {
  const pod = objectOf(side);
  return pod && { metadata, status: { phase: 'Running', podIP: pod.PodIP ?? pod.podIP } };
}

function objectOf(side: Side): ChangedObject | undefined {
  return side === null || side === undefined || isSubsets(side) ? undefined : side;
}

function isSubsets(side: NonNullable<Side>): side is readonly Subset[] {
  return Array.isArray(side);
}

/** The subsets of one slice, which here has one list of endpoints and one of ports. */
function sliceOf(side: Side): RawObject | undefined {
  if (side === null || side === undefined) return undefined;
  const subsets = isSubsets(side) ? side : [{ Addresses: [], Ports: [], ...side }];
  const endpoints = subsets.flatMap(({ Addresses }) =>
    Addresses.map(({ IP, Hostname: hostname }) => ({ addresses: [IP], hostname })),
  );
  const ports = subsets.flatMap(({ Ports }) =>
    Ports.map(({ Name: name, Port: port, Protocol: protocol }) => ({ name, port, protocol })),
  );
  return { metadata, addressType: 'IPv4', endpoints, ports };
}

/** A slice whose addresses are given with their zones. */
function zonedSliceOf(side: Side): RawObject {
  const endpoints = Object.entries(side ?? {}).map(([ip, zone]) => ({ addresses: [ip], zone: String(zone) }));
  return { metadata, addressType: 'IPv4', endpoints };
}

function importOf(side: Side): RawObject | undefined {
  const found = objectOf(side);
  return found && { metadata, spec: { type: found.type, ports: found.ports } };
}

function importedSliceOf(side: Side): RawObject | undefined {
  const { clusterId, subsets } = objectOf(side) ?? {};
  const slice = sliceOf(subsets);
  const labels = { 'multicluster.kubernetes.io/source-cluster': clusterId };
  return slice && { ...slice, metadata: { ...metadata, labels } };
}

/** Whether the time that a slice was changed for is measured, and under which label. */
export async function runProgramming({ raw }: ProgrammingCase): Promise<Outcome> {
  const clock = new ManualClock();
  const metrics = new Metrics();
  const services = (raw.services ?? []).map(({ ClusterIPs: clusterIPs }) => ({ metadata, spec: { clusterIPs } }));
  const store = storeOf({ services }, clock);
  recordProgramming(metrics, store, clock);
  const trigger = { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(clock.wall()).toISOString() };
  const annotations = raw.ttSet ? trigger : {};
  const slice = slimmed('EndpointSlice', {
    metadata: { ...metadata, annotations },
    addressType: 'IPv4',
    endpoints: [],
  });
  store.apply({ type: 'changes', kind: 'EndpointSlice', changes: [{ put: slice }] });
  const series = `dns_programming_duration_seconds_count{service_kind="${raw.wantLabel}"} `;
  const count = (await metrics.exposition()).split(series)[1]?.split('\n')[0];
  return compared(raw.wantSampleCount, Number(count ?? 0));
}
