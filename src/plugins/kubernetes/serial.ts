import type { ClusterChange } from '../../kube/store.ts';
import type { EndpointSlice, KubeObject, Service } from '../../kube/objects.ts';

/**
 * The SOA serial: the unix time of the last change that matters to a secondary, 0 before the first. Which changes matter is
 * the reference's choice, so that serials move as operators know it: data can change without (a cluster IP, say).
 */
export class Serial {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  /** `nowMs`: unix time in milliseconds. */
  note(change: ClusterChange, nowMs: number): void {
    if (matters(change.before, change.after)) this.#value = Math.floor(nowMs / 1000);
  }
}

function matters(before: KubeObject | undefined, after: KubeObject | undefined): boolean {
  const object = after ?? before;
  if (object === undefined || object.kind === 'Namespace') return false;
  if (before === undefined || after === undefined) return true;
  if (before.kind === 'Service' && after.kind === 'Service') return differs(before, after, serviceFacts);
  if (before.kind === 'EndpointSlice' && after.kind === 'EndpointSlice') return differs(before, after, sliceFacts);
  if (before.kind === 'Pod' && after.kind === 'Pod') return differs(before, after, (pod) => pod.ips);
  return false;
}

function differs<T>(before: T, after: T, facts: (object: T) => unknown): boolean {
  return JSON.stringify(facts(before)) !== JSON.stringify(facts(after));
}

function serviceFacts({ ports, externalName }: Service): unknown {
  return [externalName, ports.map(({ name, port, protocol }) => [name, port, protocol])];
}

function sliceFacts({ ports, endpoints }: EndpointSlice): unknown {
  return [
    ports.map(({ name, port, protocol }) => [name, port, protocol]),
    endpoints.map(({ addresses, hostname }) => [addresses, hostname]),
  ];
}
