import type { Collection, EventType, RawObject, StaticObjects } from '../../support/static-api.ts';

/** One event of a watch. */
export type ClusterEvent = readonly [Collection, EventType, RawObject];

/** Ports as the events leave them: number, target and name have changed one after the other. */
const renamed = { clusterIP: '10.0.0.2', ports: [{ name: 'web', port: 81, targetPort: 8081 }] };
const web = service('web', { clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
const headless = service('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] });
const alias = service('out', { type: 'ExternalName', externalName: 'a.example.org' });
const endpoint = {
  addresses: ['10.1.0.1'],
  conditions: { ready: true, serving: true },
  hostname: 'db-0',
  nodeName: 'node-1',
  zone: 'a',
  targetRef: { kind: 'Pod', name: 'db-0' },
};
const slice = sliceOf('db-a', endpoint);
const pod = podOf({ labels: { app: 'web' } }, '10.1.0.9');

/** The cluster in which the events below take place. */
export const cluster: StaticObjects = {
  namespaces: [{ metadata: { name: 'default' } }, { metadata: { name: 'old' } }],
  services: [web, headless, alias],
  endpointslices: [slice],
  pods: [pod],
};

/** Each change by the words of its case; those that undo another follow it. */
export const changes: Readonly<Record<string, ClusterEvent>> = {
  'Service label change': modified('services', { ...web, metadata: { ...web.metadata, labels: { tier: 'front' } } }),
  'Service clusterIP change (served at once)': changedWeb({ ports: [{ name: 'http', port: 80 }] }),
  'Service port number change': changedWeb({ ports: [{ name: 'http', port: 81 }] }),
  'Service targetPort change': changedWeb({ ports: [{ name: 'http', port: 81, targetPort: 8081 }] }),
  'Service port name change': changedWeb({}),
  'Service externalIPs change': changedWeb({ externalIPs: ['192.0.2.1'] }),
  'Service LoadBalancer ingress change': modified('services', {
    ...service('web', { ...renamed, externalIPs: ['192.0.2.1'] }),
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } },
  }),
  'Service added': ['services', 'ADDED', service('new', { clusterIP: '10.0.0.5' })],
  'Service deleted': ['services', 'DELETED', service('new', { clusterIP: '10.0.0.5' })],
  'ExternalName target change': modified(
    'services',
    service('out', { type: 'ExternalName', externalName: 'b.example.org' }),
  ),
  'headless Service becomes ClusterIP (served at once)': modified(
    'services',
    service('db', { clusterIP: '10.0.0.7', ports: [{ name: 'sql', port: 5432 }] }),
  ),
  'EndpointSlice resync without change': modified('endpointslices', slice),
  'EndpointSlice serving condition change': changedEndpoint({ conditions: { ready: true, serving: false } }),
  'EndpointSlice ready true->false': changedEndpoint({ conditions: { ready: false } }),
  'EndpointSlice ready false->true': changedEndpoint({ conditions: { ready: true } }),
  'EndpointSlice targetRef change': changedEndpoint({ targetRef: { kind: 'Pod', name: 'db-1' } }),
  'EndpointSlice nodeName change': changedEndpoint({ nodeName: 'node-2' }),
  'EndpointSlice zone change (zonal option off)': changedEndpoint({ zone: 'b' }),
  'EndpointSlice hostname change': changedEndpoint({ hostname: 'db-1' }),
  'EndpointSlice added': ['endpointslices', 'ADDED', sliceOf('db-b', { addresses: ['10.1.0.2'] })],
  'EndpointSlice deleted': ['endpointslices', 'DELETED', sliceOf('db-b', { addresses: ['10.1.0.2'] })],
  'Pod label change (pods verified)': modified('pods', podOf({ labels: { app: 'api' } }, '10.1.0.9')),
  'Pod IP change (pods verified)': modified('pods', podOf({}, '10.1.0.10')),
  'Pod with deletionTimestamp and new IP: event ignored, old IP still answers': modified(
    'pods',
    podOf({ deletionTimestamp: '2026-01-01T00:00:00Z' }, '10.1.0.11'),
  ),
  'Pod deleted': ['pods', 'DELETED', podOf({}, '10.1.0.10')],
  'Namespace added': ['namespaces', 'ADDED', { metadata: { name: 'new' } }],
  'Namespace deleted': ['namespaces', 'DELETED', { metadata: { name: 'old' } }],
};

function modified(collection: Collection, object: RawObject): ClusterEvent {
  return [collection, 'MODIFIED', object];
}

function changedWeb(spec: object): ClusterEvent {
  return modified('services', service('web', { ...renamed, ...spec }));
}

function changedEndpoint(fields: object): ClusterEvent {
  return modified('endpointslices', sliceOf('db-a', { ...endpoint, ...fields }));
}

function service(name: string, spec: object): RawObject {
  return { metadata: { name, namespace: 'default' }, spec: { type: 'ClusterIP', ...spec } };
}

function sliceOf(name: string, one: object): RawObject {
  return {
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
    addressType: 'IPv4',
    endpoints: [one],
    ports: [{ name: 'sql', port: 5432 }],
  };
}

function podOf(metadata: object, podIP: string): RawObject {
  return { metadata: { name: 'p', namespace: 'default', ...metadata }, status: { phase: 'Running', podIP } };
}
