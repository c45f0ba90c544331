import t from 'tap';
import type { Cluster } from '../../src/devcluster/cluster.ts';
import type { Endpoint, EndpointSlice } from '../../src/devcluster/objects/endpoint-slice.ts';
import type { JsonObject } from '../../src/devcluster/objects/json.ts';
import type { KubeObject } from '../../src/devcluster/objects/kinds.ts';
import type { Pod } from '../../src/devcluster/objects/pod.ts';
import { recorded, world, type RecordedSlice } from './world.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';

function slicesOf(cluster: Cluster, service: string, namespace = 'default'): readonly EndpointSlice[] {
  const slices = cluster.store.list('EndpointSlice', namespace);
  return slices.filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === service);
}

/** `10.244.0.2 ready serving`: the endpoints of a Service, with the conditions that are true and the hostname. */
function endpoints(cluster: Cluster, service: string, namespace?: string): readonly string[] {
  const told = ({ addresses, conditions, hostname }: Endpoint): string => {
    const on = Object.entries(conditions).filter(([, value]) => value);
    return [...addresses, ...on.map(([name]) => name), ...(hostname ? [`as ${hostname}`] : [])].join(' ');
  };
  return slicesOf(cluster, service, namespace).flatMap((slice) => (slice.endpoints ?? []).map(told));
}

function podsOf(cluster: Cluster, namespace = 'default'): readonly Pod[] {
  return cluster.store.list('Pod', namespace);
}

/** Notes what happens from now on: `MODIFIED Pod a`. */
function events(cluster: Cluster): string[] {
  const told: string[] = [];
  cluster.store.subscribe({
    observe: ({ type, object }) => void told.push(`${type} ${object.kind} ${object.metadata.name}`),
  });
  return told;
}

function workload(
  kind: 'Deployment' | 'StatefulSet',
  name: string,
  replicas: number,
  more: { annotations?: object } = {},
) {
  return (cluster: Cluster, namespace = 'default'): KubeObject => {
    const labels = { app: name };
    return cluster.create(kind, namespace, {
      metadata: { name, ...more },
      spec: { replicas, serviceName: name, selector: { matchLabels: labels }, template: { metadata: { labels } } },
    });
  };
}

function headless(cluster: Cluster, name: string, more: object = {}, namespace = 'default'): KubeObject {
  const spec = { clusterIP: 'None', selector: { app: name }, ports: [{ name: 'sql', port: 5432 }], ...more };
  return cluster.create('Service', namespace, { metadata: { name }, spec });
}

t.test('the slices are those the real controller made', (t) => {
  const { cluster } = world();
  const { services, slices, pods } = recorded('life');
  cluster.create('Namespace', undefined, { metadata: { name: 'shop' } });
  for (const { metadata, spec } of services) {
    // One Service had been a plain one before it was turned into ExternalName, and kept its slice.
    const turned = metadata.name === 'my-cs';
    const { externalName: _, ...plain } = spec;
    cluster.create('Service', 'shop', { metadata, spec: turned ? { ...plain, type: 'ClusterIP' } : spec });
  }
  for (const pod of pods) cluster.create('Pod', 'shop', pod);
  const external = { type: 'ExternalName', externalName: 'example.org', clusterIP: null, clusterIPs: null };
  cluster.patch('Service', 'shop', 'my-cs', { type: 'merge', body: { spec: external } });

  const expected = slices.filter(({ metadata }) => metadata.generateName !== undefined);
  for (const slice of expected) {
    const service = slice.metadata.labels[SERVICE_NAME] ?? '';
    const found = slicesOf(cluster, service, 'shop').filter(({ addressType }) => addressType === slice.addressType);
    t.same(found.map(comparable), [comparable(slice)], `${service} ${slice.addressType}`);
  }
  const all = cluster.store.list('EndpointSlice', 'shop');
  t.equal(all.length, expected.length, 'and no more: none for ExternalName made as such or without a selector');
  t.end();
});

/** A slice without what differs from run to run: its name, uids, and the order of its endpoints. */
function comparable(slice: EndpointSlice | RecordedSlice): object {
  const { metadata, ...content } = JSON.parse(JSON.stringify(slice));
  const { generateName, labels, ownerReferences } = metadata;
  for (const reference of ownerReferences) delete reference.uid;
  for (const endpoint of content.endpoints ?? []) delete endpoint.targetRef.uid;
  content.endpoints?.sort((a: Endpoint, b: Endpoint) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
  delete content.kind;
  delete content.apiVersion;
  return { generateName, labels, ownerReferences, ...content };
}

t.test('an endpoint through the life of its pod', async (t) => {
  const { cluster, clock } = world({ podStopMs: 1500 });
  headless(cluster, 'db');
  headless(cluster, 'db-all', { selector: { app: 'db' }, publishNotReadyAddresses: true });
  const [empty] = slicesOf(cluster, 'db');
  t.match(empty, { endpoints: null, ports: null, metadata: { labels: { 'service.kubernetes.io/headless': '' } } });

  workload('StatefulSet', 'db', 2)(cluster);
  t.same(endpoints(cluster, 'db'), ['10.244.0.2 ready serving as db-0', '10.244.0.3 ready serving as db-1']);
  t.same(endpoints(cluster, 'db-all'), ['10.244.0.2 ready serving', '10.244.0.3 ready serving'], 'no hostname here');
  t.equal(slicesOf(cluster, 'db')[0]?.metadata.name, empty?.metadata.name, 'the empty slice was filled');

  const annotate = (value: string) => {
    const body = { metadata: { annotations: { 'example.com/ready': value } } };
    cluster.patch('Pod', 'default', 'db-0', { type: 'merge', body });
  };
  annotate('false');
  t.same(endpoints(cluster, 'db'), ['10.244.0.2 as db-0', '10.244.0.3 ready serving as db-1']);
  t.same(endpoints(cluster, 'db-all'), ['10.244.0.2 ready', '10.244.0.3 ready serving']);
  annotate('true');
  t.same(endpoints(cluster, 'db')[0], '10.244.0.2 ready serving as db-0');

  const told = events(cluster);
  cluster.delete('Pod', 'default', 'db-0');
  t.same(endpoints(cluster, 'db'), ['10.244.0.2 serving terminating as db-0', '10.244.0.3 ready serving as db-1']);
  t.same(endpoints(cluster, 'db-all'), ['10.244.0.2 ready serving terminating', '10.244.0.3 ready serving']);
  await clock.advance(1500);
  const again = ['10.244.0.3 ready serving as db-1', '10.244.0.4 ready serving as db-0'];
  t.same(endpoints(cluster, 'db'), again, 'made again under its name: a new address, at the end');
  const ofPod = told.filter((event) => event.endsWith('Pod db-0'));
  t.same(ofPod, ['MODIFIED Pod db-0', 'MODIFIED Pod db-0', 'DELETED Pod db-0', 'ADDED Pod db-0']);

  cluster.delete('Pod', 'default', 'db-1', { gracePeriodSeconds: 0 });
  t.equal(podsOf(cluster).length, 2, 'without grace it goes, and comes again, at once');
  t.equal(clock.pending, 0);
});

t.test('what a Service change does to its slices', (t) => {
  const { cluster } = world();
  workload('Deployment', 'web', 2)(cluster);
  const create = () =>
    cluster.create('Service', 'default', {
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
  const merge = (body: JsonObject) => cluster.patch('Service', 'default', 'web', { type: 'merge', body });
  create();
  const [slice] = slicesOf(cluster, 'web');
  t.match(slice, { ports: [{ name: '', protocol: 'TCP', port: 80 }], metadata: { generation: 1 } });

  merge({ metadata: { labels: { tier: 'front' } } });
  t.match(slicesOf(cluster, 'web'), [
    { metadata: { name: slice?.metadata.name, labels: { tier: 'front' }, generation: 2 } },
  ]);
  merge({ spec: { ports: [{ name: 'http', port: 81, targetPort: 8080 }] } });
  t.match(slicesOf(cluster, 'web'), [
    { metadata: { name: slice?.metadata.name }, ports: [{ name: 'http', port: 8080 }] },
  ]);
  merge({ spec: { ipFamilyPolicy: 'PreferDualStack' } });
  t.same(
    slicesOf(cluster, 'web')
      .map(({ addressType }) => addressType)
      .sort(),
    ['IPv4', 'IPv6'],
  );
  merge({ spec: { ipFamilyPolicy: 'SingleStack' } });
  t.same(
    slicesOf(cluster, 'web').map(({ addressType }) => addressType),
    ['IPv4'],
  );
  merge({ spec: { selector: { app: 'none' } } });
  t.match(slicesOf(cluster, 'web'), [{ endpoints: null, ports: null }]);

  cluster.create('EndpointSlice', 'default', {
    metadata: { name: 'by-hand', labels: { [SERVICE_NAME]: 'web' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'] }],
  });
  const told = events(cluster);
  cluster.delete('Service', 'default', 'web');
  t.same(told, ['DELETED Service web', `DELETED EndpointSlice ${slice?.metadata.name}`]);
  t.same(
    slicesOf(cluster, 'web').map(({ metadata }) => metadata.name),
    ['by-hand'],
    'a slice made by hand stays',
  );
  create();
  const fresh = slicesOf(cluster, 'web').filter(({ metadata }) => metadata.name !== 'by-hand');
  t.not(fresh[0]?.metadata.name, slice?.metadata.name);
  t.end();
});

t.test('a target port by name is what each pod calls so', (t) => {
  const { cluster } = world();
  const pod = (name: string, ports: readonly object[]) => {
    cluster.create('Pod', 'default', { metadata: { name, labels: { app: 'x' } }, spec: { containers: [{ ports }] } });
  };
  pod('old', [{ name: 'http', containerPort: 80 }]);
  pod('new', [{ name: 'http', containerPort: 8080 }]);
  pod('newer', [{ name: 'http', containerPort: 8080 }]);
  pod('other', [{ name: 'http', containerPort: 9, protocol: 'UDP' }]);
  const spec = { selector: { app: 'x' }, ports: [{ name: 'web', port: 1, targetPort: 'http' }] };
  cluster.create('Service', 'default', { metadata: { name: 'x' }, spec });
  const told = slicesOf(cluster, 'x').map(({ endpoints: list, ports }) => {
    const names = (list ?? []).map(({ targetRef }) => targetRef?.name).join();
    return `${names}: ${(ports ?? []).map(({ port }) => port).join()}`;
  });
  t.same(told.sort(), ['new,newer: 8080', 'old: 80', 'other: ']);
  t.end();
});

t.test('many endpoints: as recorded with 130, 215, 60, 0 and 130 of them', (t) => {
  const { cluster } = world();
  workload('Deployment', 'many', 0)(cluster);
  cluster.create('Service', 'default', {
    metadata: { name: 'many' },
    spec: { selector: { app: 'many' }, ports: [{ port: 80 }] },
  });
  const scale = (replicas: number) => {
    cluster.patch('Deployment', 'default', 'many', { type: 'merge', body: { spec: { replicas } } });
    return slicesOf(cluster, 'many');
  };
  const sizes = (slices: readonly EndpointSlice[]) =>
    slices.map((slice) => slice.endpoints?.length ?? 0).sort((a, b) => a - b);
  const places = (slices: readonly EndpointSlice[]) => {
    return new Map(
      slices.flatMap(({ metadata, endpoints: list }) =>
        (list ?? []).map(({ addresses }) => [addresses[0], metadata.name]),
      ),
    );
  };

  const few = scale(130);
  t.same(sizes(few), [30, 100]);
  const more = scale(215);
  t.same(sizes(more), [15, 100, 100]);
  const before = places(few);
  const after = places(more);
  t.ok(
    [...before].every(([address, slice]) => after.get(address) === slice),
    'nothing was moved',
  );
  const left = scale(60);
  t.equal(
    sizes(left).reduce((sum, size) => sum + size, 0),
    60,
  );
  t.ok(
    [...places(left)].every(([address, slice]) => after.get(address) === slice),
    'nothing was moved together',
  );
  const none = scale(0);
  t.match(none, [{ endpoints: null, ports: null }]);
  t.equal(none.length, 1, 'one empty slice stays');
  const again = scale(130);
  t.same(sizes(again), [30, 100]);
  t.ok(
    again.some(({ metadata }) => metadata.name === none[0]?.metadata.name),
    'and is filled again',
  );
  t.end();
});

t.test('workloads', (t) => {
  const { cluster } = world();
  const merge = (kind: 'Deployment' | 'StatefulSet', name: string, spec: JsonObject) => {
    cluster.patch(kind, 'default', name, { type: 'merge', body: { spec } });
  };

  t.test('a Deployment', (t) => {
    workload('Deployment', 'web', 2, { annotations: { 'example.com/pod-ips': '10.244.1.10, 10.244.1.11' } })(cluster);
    const first = podsOf(cluster);
    t.same(first.map(({ status }) => status.podIP ?? '').sort(), ['10.244.1.10', '10.244.1.11']);
    t.match(first[0], {
      metadata: {
        name: /^web-[a-z0-9]+-[a-z0-9]{5}$/,
        labels: { app: 'web', 'pod-template-hash': String },
        ownerReferences: [{ kind: 'Deployment', name: 'web' }],
      },
    });
    t.match(cluster.get('Deployment', 'default', 'web'), {
      status: { observedGeneration: 1, replicas: 2, readyReplicas: 2, updatedReplicas: 2 },
    });
    merge('Deployment', 'web', { replicas: 3 });
    t.same(
      podsOf(cluster)
        .map(({ status }) => status.podIP ?? '')
        .sort(),
      ['10.244.0.2', '10.244.1.10', '10.244.1.11'],
      'more than are named',
    );
    cluster.delete('Pod', 'default', first[0]?.metadata.name ?? '');
    t.equal(podsOf(cluster).length, 3, 'one that is deleted is made again');
    merge('Deployment', 'web', { template: { metadata: { annotations: { restarted: 'now' } } } });
    const replaced = podsOf(cluster);
    t.equal(replaced.length, 3);
    t.notOk(
      replaced.some(({ metadata }) => first.some((one) => one.metadata.uid === metadata.uid)),
      'a new template, new pods',
    );
    merge('Deployment', 'web', { replicas: 1 });
    t.equal(podsOf(cluster).length, 1);
    cluster.delete('Deployment', 'default', 'web');
    t.same(podsOf(cluster), []);
    t.end();
  });

  t.test('a StatefulSet', (t) => {
    workload('StatefulSet', 'db', 3)(cluster);
    const names = () => podsOf(cluster).map(({ metadata }) => metadata.name);
    const uids = () => podsOf(cluster).map(({ metadata }) => metadata.uid);
    t.same(names(), ['db-0', 'db-1', 'db-2']);
    t.match(cluster.get('Pod', 'default', 'db-1'), {
      metadata: { labels: { 'statefulset.kubernetes.io/pod-name': 'db-1', 'apps.kubernetes.io/pod-index': '1' } },
      spec: { hostname: 'db-1', subdomain: 'db' },
    });
    const before = uids();
    merge('StatefulSet', 'db', { template: { metadata: { annotations: { restarted: 'now' } } } });
    t.same(names(), ['db-0', 'db-1', 'db-2'], 'a new template: the same names');
    t.notOk(
      uids().some((uid) => before.includes(uid)),
      'new pods',
    );
    merge('StatefulSet', 'db', { replicas: 1 });
    t.same(names(), ['db-0']);
    cluster.delete('StatefulSet', 'default', 'db');
    t.same(names(), []);
    t.end();
  });
  t.end();
});

t.test('a workload whose pods are refused is told, and holds up no other', (t) => {
  const { cluster, log } = world();
  headless(cluster, 'web');
  workload('Deployment', 'bad', 1, { annotations: { 'example.com/pod-ips': '10.244.999.1' } })(cluster);
  const told =
    /^\[ERROR\] devcluster: the pods of Deployment default\/bad cannot be made: .*must be a valid IP address$/;
  t.match(log.lines, [told]);
  workload('Deployment', 'web', 2)(cluster);
  t.equal(endpoints(cluster, 'web').length, 2);
  t.end();
});

t.test('a namespace goes after its pods, with all that is in it', async (t) => {
  const { cluster, clock, log } = world({ podStopMs: 1500 });
  cluster.create('Namespace', undefined, { metadata: { name: 'gone' } });
  headless(cluster, 'db', {}, 'gone');
  workload('StatefulSet', 'db', 2)(cluster, 'gone');
  cluster.create('EndpointSlice', 'gone', { metadata: { name: 'by-hand' }, addressType: 'IPv4' });

  const answer = cluster.delete('Namespace', undefined, 'gone');
  t.match(answer, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Terminating' } });
  t.same(cluster.store.list('StatefulSet', 'gone'), []);
  t.ok(cluster.store.get('Service', 'gone', 'db'), 'until its pods have ended the names are there');
  t.same(endpoints(cluster, 'db', 'gone').length, 2);
  t.throws(() => headless(cluster, 'late', {}, 'gone'), {
    message: /because it is being terminated$/,
    status: { code: 403 },
  });
  await clock.advance(1500);
  t.equal(cluster.store.get('Namespace', undefined, 'gone'), undefined);
  for (const kind of ['Service', 'EndpointSlice', 'Pod'] as const) t.same(cluster.store.list(kind, 'gone'), [], kind);
  t.same(log.lines, [], 'no controller stumbled');
  t.equal(clock.pending, 0);

  cluster.create('Namespace', undefined, { metadata: { name: 'gone' } });
  t.equal(cluster.get('Namespace', undefined, 'gone').metadata.deletionTimestamp, undefined, 'and may be made again');
});

t.test('a watcher sees the revisions in order, whatever the controllers do meanwhile', (t) => {
  const { cluster } = world();
  const revisions: number[] = [];
  cluster.store.subscribe({ observe: ({ revision }) => void revisions.push(revision) });
  headless(cluster, 'db');
  workload('StatefulSet', 'db', 3)(cluster);
  workload('Deployment', 'web', 5)(cluster);
  cluster.delete('StatefulSet', 'default', 'db');
  t.ok(revisions.length > 20);
  t.ok(revisions.every((revision, index) => index === 0 || revision === (revisions[index - 1] ?? 0) + 1));
  t.end();
});

t.test('an observer that fails costs nobody else anything', (t) => {
  const { cluster, log } = world();
  cluster.store.subscribe({
    observe: () => {
      throw new Error('not today');
    },
  });
  const told = events(cluster);
  headless(cluster, 'db');
  t.equal(slicesOf(cluster, 'db').length, 1);
  t.equal(told.length, 2);
  t.match(log.lines, [/a change could not be followed up: not today$/]);
  t.end();
});

t.test('stopped controllers do nothing more', async (t) => {
  const { cluster, clock, stop } = world({ podStopMs: 1500 });
  cluster.create('Pod', 'default', { metadata: { name: 'a' } });
  cluster.delete('Pod', 'default', 'a');
  stop();
  t.equal(clock.pending, 0);
  await clock.advance(1500);
  t.equal(podsOf(cluster).length, 1);
  headless(cluster, 'db');
  t.same(slicesOf(cluster, 'db'), []);
});
