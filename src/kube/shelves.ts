import type { Change } from './batch.ts';
import type {
  EndpointSlice,
  Kind,
  KubeObject,
  MulticlusterSlice,
  Namespace,
  Pod,
  Service,
  ServiceImport,
} from './objects.ts';
import { Index, Table } from './table.ts';

/** The objects of each kind, with the ways to find them. */
export interface Shelves {
  readonly Service: ServiceShelf;
  readonly EndpointSlice: SliceShelf;
  readonly Pod: PodShelf;
  readonly Namespace: NamespaceShelf;
  readonly ServiceImport: ServiceImportShelf;
  readonly MulticlusterSlice: MulticlusterSliceShelf;
}

class ServiceShelf {
  readonly byIP = new Index<Service>((service) => service.clusterIPs.filter((ip) => ip !== 'None'));
  readonly table = new Table<Service>(this.byIP);
}

class SliceShelf {
  readonly byService = new Index<EndpointSlice>((slice) => [serviceKey(slice.namespace, slice.service)]);
  readonly byAddress = new Index<EndpointSlice>((slice) => slice.endpoints.flatMap(({ addresses }) => addresses));
  readonly table = new Table<EndpointSlice>(this.byService, this.byAddress);
}

class PodShelf {
  readonly byIP = new Index<Pod>((pod) => pod.ips);
  readonly table = new Table<Pod>(this.byIP);
}

class NamespaceShelf {
  readonly table = new Table<Namespace>();
}

class ServiceImportShelf {
  readonly table = new Table<ServiceImport>();
}

class MulticlusterSliceShelf {
  readonly byService = new Index<MulticlusterSlice>((slice) => [serviceKey(slice.namespace, slice.service)]);
  readonly table = new Table<MulticlusterSlice>(this.byService);
}

/** The key of slices by their service. */
export function serviceKey(namespace: string, service: string): string {
  return `${namespace}/${service}`;
}

export function emptyShelves(): Shelves {
  return {
    Service: new ServiceShelf(),
    EndpointSlice: new SliceShelf(),
    Pod: new PodShelf(),
    Namespace: new NamespaceShelf(),
    ServiceImport: new ServiceImportShelf(),
    MulticlusterSlice: new MulticlusterSliceShelf(),
  };
}

/** Carries out a change and returns what was there before it. */
export function change(shelves: Shelves, kind: Kind, what: Change): KubeObject | undefined {
  if ('gone' in what) return shelves[kind].table.remove(what.gone);
  const object = what.put;
  switch (object.kind) {
    case 'Service':
      return shelves.Service.table.put(object);
    case 'EndpointSlice':
      return shelves.EndpointSlice.table.put(object);
    case 'Pod':
      return shelves.Pod.table.put(object);
    case 'Namespace':
      return shelves.Namespace.table.put(object);
    case 'ServiceImport':
      return shelves.ServiceImport.table.put(object);
    case 'MulticlusterSlice':
      return shelves.MulticlusterSlice.table.put(object);
    default:
      return object satisfies never;
  }
}
