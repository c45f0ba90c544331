import type { ClusterChange } from '../../kube/store.ts';
import type { EndpointSlice, KubeObject, MulticlusterSlice, Service } from '../../kube/objects.ts';

/** A serial as it is now. */
export interface SerialNumber {
  readonly value: number;
}

/**
 * The SOA serial: the unix time of the last change that matters to a secondary, 0 before the first. Which changes matter is
 * the reference's choice, so that serials move as operators know it: data can change without (a cluster IP, say), and
 * imports that come and go move the serial of the cluster's own zones, not that of the zones they are in.
 */
export class Serial implements SerialNumber {
  readonly #own = { value: 0 };
  readonly #imported = { value: 0 };

  get value(): number {
    return this.#own.value;
  }

  /** That of multicluster zones. */
  get multicluster(): SerialNumber {
    return this.#imported;
  }

  /** `nowMs`: unix time in milliseconds. */
  note({ before, after }: ClusterChange, nowMs: number): void {
    const now = Math.floor(nowMs / 1000);
    if (matters(before, after)) this.#own.value = now;
    if (mattersToImports(before, after)) this.#imported.value = now;
  }
}

type Side = KubeObject | undefined;

function matters(before: Side, after: Side): boolean {
  const object = after ?? before;
  if (object === undefined || object.kind === 'Namespace') return false;
  if (before === undefined || after === undefined) return true;
  if (before.kind === 'Service' && after.kind === 'Service') return differs(before, after, serviceFacts);
  if (before.kind === 'EndpointSlice' && after.kind === 'EndpointSlice') return differs(before, after, sliceFacts);
  if (before.kind === 'Pod' && after.kind === 'Pod') return differs(before, after, (pod) => pod.ips);
  return false;
}

function mattersToImports(before: Side, after: Side): boolean {
  if (before?.kind === 'ServiceImport' && after?.kind === 'ServiceImport') {
    return differs(before, after, ({ type, ports }) => [type, portFacts(ports)]);
  }
  if (before?.kind === 'MulticlusterSlice' && after?.kind === 'MulticlusterSlice') {
    return differs(before, after, (slice) => [slice.cluster, sliceFacts(slice)]);
  }
  return false;
}

function differs<T>(before: T, after: T, facts: (object: T) => unknown): boolean {
  return JSON.stringify(facts(before)) !== JSON.stringify(facts(after));
}

function serviceFacts({ ports, externalName }: Service): unknown {
  return [externalName, portFacts(ports)];
}

/** Zones are known only where the Corefile asks for them. */
function sliceFacts({ ports, endpoints }: EndpointSlice | MulticlusterSlice): unknown {
  return [portFacts(ports), endpoints.map(({ addresses, hostname, zone }) => [addresses, hostname, zone])];
}

function portFacts(ports: Service['ports'] | EndpointSlice['ports']): unknown {
  return ports.map(({ name, port, protocol }) => [name, port, protocol]);
}
