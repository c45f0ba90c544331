import type { Change } from '../../../src/kube/batch.ts';
import type { Kind, KubeObject } from '../../../src/kube/objects.ts';
import { slim } from '../../../src/kube/resources.ts';
import { ClusterStore } from '../../../src/kube/store.ts';
import { ManualClock } from '../../support/clock.ts';
import type { Collection, RawObject, StaticObjects } from '../../support/static-api.ts';

const IMPORTED = 'multicluster.kubernetes.io/service-name';

/** Each kind with its collection, and the label that selects from it. */
const KINDS: readonly (readonly [Kind, Collection, string?])[] = [
  ['Namespace', 'namespaces'],
  ['Service', 'services'],
  ['EndpointSlice', 'endpointslices'],
  ['Pod', 'pods'],
  ['ServiceImport', 'serviceimports'],
  ['MulticlusterSlice', 'endpointslices', IMPORTED],
];

/** A cluster that has been listed: these objects and no others. */
export function storeOf(objects: StaticObjects, clock = new ManualClock()): ClusterStore {
  const store = new ClusterStore(
    KINDS.map(([kind]) => kind),
    clock,
  );
  for (const [kind, collection, label] of KINDS) {
    const selected = (objects[collection] ?? []).filter((raw) => label === undefined || label in labelsOf(raw));
    const changes = selected.map((raw): Change => ({ put: slimmed(kind, raw) }));
    store.apply({ type: 'listing', kind, reason: 'start' });
    store.apply({ type: 'changes', kind, changes });
    store.apply({ type: 'listed', kind });
  }
  return store;
}

function labelsOf({ metadata: { labels } }: RawObject): object {
  return typeof labels === 'object' && labels !== null ? labels : {};
}

/** What is kept of an object. Throws an Error where that is nothing. */
export function slimmed(kind: Kind, raw: RawObject): KubeObject {
  const metadata = { resourceVersion: '1', ...raw.metadata };
  const result = slim({ kind, withLabels: true, withZones: true }, { ...raw, metadata });
  if (result.is !== 'object') throw new Error(`${kind} ${raw.metadata.name} is ${result.is}`);
  return result.object;
}
