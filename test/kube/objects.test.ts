import t from 'tap';
import type { Kind, KubeObject } from '../../src/kube/objects.ts';
import { pathOf, slim, typeName } from '../../src/kube/resources.ts';
import type { Selection } from '../../src/kube/resources.ts';
import { replays } from './recorded.ts';

interface Case {
  readonly name: string;
  readonly selection: Selection;
  readonly raw: unknown;
  readonly kept: object;
}

const metadata = { namespace: 'shop', name: 'web', resourceVersion: '7' };

const service = {
  kind: 'Service',
  ...metadata,
  type: 'ClusterIP',
  clusterIPs: [],
  externalName: '',
  ports: [],
  externalAddresses: [],
};
const slice = { kind: 'EndpointSlice', ...metadata, service: '', addressType: 'IPv4', ports: [], endpoints: [] };
const endpoint = { hostname: '', podName: '', nodeName: '', zone: '' };

const cases: readonly Case[] = [
  {
    name: 'a Service with next to nothing',
    selection: { kind: 'Service' },
    raw: { metadata },
    kept: service,
  },
  {
    name: 'a dual-stack Service with ports',
    selection: { kind: 'Service' },
    raw: {
      metadata: { ...metadata, labels: { app: 'web' }, managedFields: [{}] },
      spec: {
        type: 'NodePort',
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1', 'fd00::1'],
        ports: [{ name: 'dns', port: 53, protocol: 'UDP', targetPort: 5353, nodePort: 30053 }, { port: 80 }],
      },
    },
    kept: {
      ...service,
      type: 'NodePort',
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: '', port: 80, protocol: 'TCP' },
      ],
    },
  },
  {
    name: 'a Service of an API server without clusterIPs',
    selection: { kind: 'Service' },
    raw: { metadata, spec: { clusterIP: 'None', clusterIPs: null, ports: null } },
    kept: { ...service, clusterIPs: ['None'] },
  },
  {
    name: 'a LoadBalancer: external addresses, then its ingress by address, else by name',
    selection: { kind: 'Service' },
    raw: {
      metadata,
      spec: { type: 'LoadBalancer', externalIPs: ['192.0.2.1'] },
      status: {
        loadBalancer: { ingress: [{ hostname: 'lb.example' }, { ip: '192.0.2.2', hostname: 'x.example' }, {}] },
      },
    },
    kept: { ...service, type: 'LoadBalancer', externalAddresses: ['192.0.2.1', 'lb.example', '192.0.2.2'] },
  },
  {
    name: 'an ExternalName',
    selection: { kind: 'Service' },
    raw: { metadata, spec: { type: 'ExternalName', externalName: 'www.Example.com' } },
    kept: { ...service, type: 'ExternalName', externalName: 'www.Example.com' },
  },
  {
    name: 'a Service of a type to come',
    selection: { kind: 'Service' },
    raw: { metadata, spec: { type: 'Gateway', clusterIPs: ['10.96.0.2'] } },
    kept: { ...service, clusterIPs: ['10.96.0.2'] },
  },
  {
    name: 'a slice without endpoints',
    selection: { kind: 'EndpointSlice' },
    raw: { metadata, addressType: 'IPv4', endpoints: null, ports: null },
    kept: slice,
  },
  {
    name: 'ready is true, or unknown; serving and terminating do not count',
    selection: { kind: 'EndpointSlice' },
    raw: {
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv6',
      endpoints: [
        { addresses: ['fd01:0::1'], conditions: { ready: true, serving: false, terminating: true } },
        { addresses: ['fd01::2'], conditions: { ready: false, serving: true } },
        { addresses: ['fd01::3'], conditions: {} },
        { addresses: ['fd01::4'] },
        { addresses: ['fd01::5'], conditions: { ready: null } },
      ],
    },
    kept: {
      ...slice,
      service: 'web',
      addressType: 'IPv6',
      endpoints: ['fd01:0::1', 'fd01::3', 'fd01::4', 'fd01::5'].map((address) => ({
        addresses: [address],
        ...endpoint,
      })),
    },
  },
  {
    name: 'what an endpoint is known by',
    selection: { kind: 'EndpointSlice', withZones: true },
    raw: {
      metadata,
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['10.0.0.1'], hostname: 'db-0', targetRef: { name: 'p'.repeat(63) }, nodeName: 'n1', zone: 'Z-a' },
        { addresses: ['10.0.0.2'], targetRef: { kind: 'Pod', name: 'p'.repeat(64) } },
      ],
      ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }, { name: '', port: null }, {}],
    },
    kept: {
      ...slice,
      ports: [
        { name: 'sql', port: 5432, protocol: 'TCP' },
        { name: '', port: null, protocol: 'TCP' },
        { name: '', port: null, protocol: 'TCP' },
      ],
      endpoints: [
        { addresses: ['10.0.0.1'], hostname: 'db-0', podName: 'p'.repeat(63), nodeName: 'n1', zone: 'Z-a' },
        { addresses: ['10.0.0.2'], ...endpoint },
      ],
    },
  },
  {
    name: 'zones nobody asked for',
    selection: { kind: 'EndpointSlice' },
    raw: { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], zone: 'a' }] },
    kept: { ...slice, endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }] },
  },
  ...[
    ['2026-11-21T01:08:28Z', Date.UTC(2026, 10, 21, 1, 8, 28)],
    ['2026-11-21T01:08:28.123456789Z', Date.UTC(2026, 10, 21, 1, 8, 28, 123)],
    ['yesterday', undefined],
  ].map(([time, triggerTimeMs]) => ({
    name: `the time of the change that led to a slice: ${time}`,
    selection: { kind: 'EndpointSlice' as const },
    raw: {
      metadata: { ...metadata, annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time } },
      addressType: 'IPv4',
    },
    kept: triggerTimeMs === undefined ? slice : { ...slice, triggerTimeMs },
  })),
  {
    name: 'a Pod with two addresses',
    selection: { kind: 'Pod' },
    raw: { metadata, status: { podIP: '10.244.0.1', podIPs: [{ ip: '10.244.0.1' }, { ip: 'fd01::1' }] } },
    kept: { kind: 'Pod', ...metadata, ips: ['10.244.0.1', 'fd01::1'] },
  },
  {
    name: 'a Pod of an API server without podIPs',
    selection: { kind: 'Pod', withLabels: true },
    raw: { metadata: { ...metadata, labels: { app: 'web' } }, status: { podIP: '10.244.0.1' } },
    kept: { kind: 'Pod', ...metadata, ips: ['10.244.0.1'], labels: { app: 'web' } },
  },
  {
    name: 'a Pod without an address yet',
    selection: { kind: 'Pod' },
    raw: { metadata, status: { phase: 'Pending' } },
    kept: { kind: 'Pod', ...metadata, ips: [] },
  },
  {
    name: 'a Namespace',
    selection: { kind: 'Namespace' },
    raw: { metadata: { name: 'shop', resourceVersion: '9' }, status: { phase: 'Terminating' } },
    kept: { kind: 'Namespace', namespace: '', name: 'shop', resourceVersion: '9' },
  },
  {
    name: 'a ServiceImport with addresses',
    selection: { kind: 'ServiceImport' },
    raw: {
      metadata,
      spec: { type: 'ClusterSetIP', ips: ['10.0.0.1', 'fd00::1'], ports: [{ port: 80, appProtocol: 'h2' }] },
      status: { clusters: [{ cluster: 'east' }] },
    },
    kept: {
      kind: 'ServiceImport',
      ...metadata,
      type: 'ClusterSetIP',
      ips: ['10.0.0.1', 'fd00::1'],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    },
  },
  {
    name: 'a headless ServiceImport',
    selection: { kind: 'ServiceImport' },
    raw: { metadata, spec: { type: 'Headless', ports: null } },
    kept: { kind: 'ServiceImport', ...metadata, type: 'Headless', ips: [], ports: [] },
  },
  {
    name: 'a slice of a ServiceImport',
    selection: { kind: 'MulticlusterSlice' },
    raw: {
      metadata: {
        ...metadata,
        labels: {
          'kubernetes.io/service-name': 'derived-x7',
          'multicluster.kubernetes.io/service-name': 'web',
          'multicluster.kubernetes.io/source-cluster': 'east',
        },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'], conditions: { ready: false } }],
      ports: null,
    },
    kept: {
      ...slice,
      kind: 'MulticlusterSlice',
      service: 'web',
      cluster: 'east',
      endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }],
    },
  },
];

t.test('what is kept of an object', (t) => {
  for (const { name, selection, raw, kept } of cases) {
    t.strictSame(slim(selection, raw), { is: 'object', object: kept }, name);
    t.strictSame(JSON.parse(JSON.stringify(kept)), kept, `${name}: survives JSON`);
  }
  t.end();
});

t.test('what leaves things as they are', (t) => {
  const name = { namespace: 'shop', name: 'web' };
  const pod = { metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  t.strictSame(slim({ kind: 'Pod' }, pod), { is: 'ignored', name }, 'a pod on its way out');
  for (const addressType of ['FQDN', 'IPv8', '', undefined]) {
    const raw = { metadata, addressType };
    for (const kind of ['EndpointSlice', 'MulticlusterSlice'] as const) {
      t.strictSame(slim({ kind }, raw), { is: 'ignored', name }, `${kind} with addressType ${addressType}`);
    }
  }
  t.end();
});

const malformed: readonly (readonly [Kind, unknown, string])[] = [
  ['Service', undefined, 'metadata.name is missing'],
  ['Service', null, 'metadata.name is missing'],
  ['Service', 'text', 'object is not an object'],
  ['Service', [], 'object is not an object'],
  ['Service', { metadata: 7 }, 'metadata is not an object'],
  ['Service', { metadata: { name: '' } }, 'metadata.name is missing'],
  ['Service', { metadata: { name: 7 } }, 'metadata.name is not a string'],
  ['Service', { metadata: { ...metadata, resourceVersion: 7 } }, 'metadata.resourceVersion is not a string'],
  ['Service', { metadata, spec: [] }, 'spec is not an object'],
  ['Service', { metadata, spec: { clusterIPs: '10.0.0.1' } }, 'spec.clusterIPs is not a list'],
  ['Service', { metadata, spec: { clusterIPs: [7] } }, 'spec.clusterIPs[] is not a string'],
  ['Service', { metadata, spec: { ports: [{ port: '80' }] } }, 'spec.ports[].port is not a number'],
  [
    'Service',
    { metadata, status: { loadBalancer: { ingress: ['x'] } } },
    'status.loadBalancer.ingress[] is not an object',
  ],
  ['EndpointSlice', { metadata, addressType: 'IPv4', endpoints: {} }, 'endpoints is not a list'],
  [
    'EndpointSlice',
    { metadata, addressType: 'IPv4', endpoints: [{ addresses: [null, 1] }] },
    'endpoints[].addresses[] is not a string',
  ],
  [
    'EndpointSlice',
    { metadata, addressType: 'IPv4', endpoints: [{ conditions: true }] },
    'endpoints[].conditions is not an object',
  ],
  ['Pod', { metadata, status: { podIPs: ['10.0.0.1'] } }, 'status.podIPs[] is not an object'],
  ['ServiceImport', { metadata, spec: { ips: '10.0.0.1' } }, 'spec.ips is not a list'],
  [
    'MulticlusterSlice',
    { metadata: { ...metadata, labels: { 'multicluster.kubernetes.io/source-cluster': 7 } }, addressType: 'IPv4' },
    'metadata.labels is not a string',
  ],
  ['Namespace', { metadata: { name: 'shop', labels: 'x' } }, 'metadata.labels is not an object'],
];

t.test('what is malformed is named and never thrown', (t) => {
  for (const [kind, raw, problem] of malformed) {
    const slimmed = slim({ kind }, raw);
    t.match(slimmed, { is: 'malformed', problem }, problem);
  }
  t.match(
    slim({ kind: 'Service' }, { metadata, spec: 7 }),
    { name: { namespace: 'shop', name: 'web' } },
    'with its name',
  );
  t.end();
});

t.test('paths and names', (t) => {
  t.equal(pathOf('Pod'), '/api/v1/pods');
  t.equal(pathOf('EndpointSlice'), '/apis/discovery.k8s.io/v1/endpointslices');
  t.equal(pathOf('MulticlusterSlice'), pathOf('EndpointSlice'));
  t.equal(pathOf('ServiceImport'), '/apis/multicluster.x-k8s.io/v1alpha1/serviceimports');
  t.equal(typeName('EndpointSlice'), '*v1.EndpointSlice');
  t.equal(typeName('MulticlusterSlice'), '*v1.EndpointSlice (MulticlusterSlice)');
  t.equal(typeName('ServiceImport'), '*v1alpha1.ServiceImport');
  t.end();
});

t.test('objects as a real API server writes them', (t) => {
  const listed = (kind: Kind): KubeObject[] => {
    const { items } = JSON.parse(replays('life-streaming').get(kind)?.final ?? '') as { items: unknown[] };
    return items.map((item) => {
      const slimmed = slim({ kind }, item);
      if (slimmed.is !== 'object') throw new Error(JSON.stringify(slimmed));
      return slimmed.object;
    });
  };
  const services = new Map(listed('Service').map((object) => [object.name, object]));
  t.match(services.get('my-cs'), { type: 'ExternalName', externalName: /./ }, 'turned into an ExternalName');
  t.match(services.get('my-headless'), { clusterIPs: ['None'], ports: [] }, 'headless, without ports');
  t.match(services.get('my-lb'), { type: 'LoadBalancer', externalAddresses: [/./] });
  t.match(services.get('web-dual'), { clusterIPs: { length: 2 } }, 'dual-stack');
  t.match(services.get('web'), { ports: [{ name: '', port: 80 }] }, 'an unnamed port');

  const slices = listed('EndpointSlice').filter((object) => object.kind === 'EndpointSlice');
  const endpointsOf = (service: string) =>
    slices
      .filter((slice) => slice.service === service)
      .flatMap(({ addressType, endpoints }) =>
        endpoints.map((e) => `${addressType} ${e.addresses.join()} ${e.hostname}`),
      );
  t.strictSame(endpointsOf('db'), ['IPv4 10.244.3.15 db-1'], 'the governing Service gives host names');
  t.strictSame(endpointsOf('db-all'), ['IPv4 10.244.3.15 '], 'another over the same pods does not');
  t.strictSame(endpointsOf('manual'), ['IPv4 192.0.2.55 '], 'hand-made: conditions unknown, and not ready');
  t.strictSame(endpointsOf('my-headless'), []);
  t.strictSame(
    endpointsOf('web-dual'),
    ['10.0.0.11', '10.244.3.19', '10.244.1.20']
      .map((ip) => `IPv4 ${ip} `)
      .concat(['fd00:10:244:3::12', 'fd00:10:244:1::13'].map((ip) => `IPv6 ${ip} `)),
    'one slice per family',
  );
  t.end();
});
