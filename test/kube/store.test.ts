import t from 'tap';
import type { Batch, Change } from '../../src/kube/batch.ts';
import type {
  Endpoint,
  EndpointSlice,
  Kind,
  KubeObject,
  Namespace,
  Pod,
  Service,
  ServiceImport,
} from '../../src/kube/objects.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import type { Cluster } from '../../src/kube/store.ts';
import { ManualClock } from '../support/clock.ts';

let version = 0;

function service(namespace: string, name: string, ...clusterIPs: string[]): Service {
  const resourceVersion = String(++version);
  const rest = { type: 'ClusterIP', externalName: '', ports: [], externalAddresses: [] } as const;
  return { kind: 'Service', namespace, name, resourceVersion, clusterIPs, ...rest };
}

function slice(namespace: string, name: string, service: string, ...addresses: string[]): EndpointSlice {
  const resourceVersion = String(++version);
  const rest = { hostname: '', podName: '', nodeName: '', zone: '' };
  const endpoints = addresses.map((address): Endpoint => ({ addresses: [address], ...rest }));
  return {
    kind: 'EndpointSlice',
    namespace,
    name,
    resourceVersion,
    service,
    addressType: 'IPv4',
    ports: [],
    endpoints,
  };
}

function pod(namespace: string, name: string, ...ips: string[]): Pod {
  return { kind: 'Pod', namespace, name, resourceVersion: String(++version), ips };
}

function namespace(name: string): Namespace {
  return { kind: 'Namespace', namespace: '', name, resourceVersion: String(++version) };
}

function put(...objects: KubeObject[]): Change[] {
  return objects.map((object) => ({ put: object }));
}

function changes(kind: Kind, ...all: Change[]): Batch {
  return { type: 'changes', kind, changes: all };
}

function list(store: ClusterStore, kind: Kind, ...objects: KubeObject[]): void {
  store.apply({ type: 'listing', kind, reason: 'start' });
  store.apply(changes(kind, ...put(...objects)));
  store.apply({ type: 'listed', kind });
}

function names(objects: Iterable<KubeObject>): string[] {
  return [...objects].map((object) => `${object.namespace}/${object.name}`);
}

t.test('services by name and by cluster address', (t) => {
  const store = new ClusterStore(['Service'], new ManualClock());
  const web = service('shop', 'web', '10.96.0.1', 'fd00::1');
  list(store, 'Service', web, service('shop', 'db', 'None'), service('bank', 'web', '10.96.0.2'));
  t.equal(store.service('shop', 'web'), web);
  t.equal(store.service('shop', 'nothing'), undefined);
  t.equal(store.service('nowhere', 'web'), undefined);
  t.strictSame(store.servicesByIP('fd00::1'), [web]);
  t.strictSame(store.servicesByIP('None'), [], 'which is no address');
  t.strictSame(names(store.servicesIn('shop')), ['shop/web', 'shop/db']);
  t.strictSame(names(store.servicesIn('nowhere')), []);
  t.strictSame(names(store.services()), ['shop/web', 'shop/db', 'bank/web']);
  t.equal(store.count('Service'), 3);

  store.apply(changes('Service', ...put(service('shop', 'web', '10.96.0.9', 'fd00::1'))));
  t.strictSame(store.servicesByIP('10.96.0.1'), [], 'it has another address now');
  t.strictSame(names(store.servicesByIP('10.96.0.9')), ['shop/web']);
  t.not(store.servicesByIP('fd00::1')[0], web);

  store.apply(
    changes('Service', { gone: { namespace: 'shop', name: 'web' } }, { gone: { namespace: 'shop', name: 'db' } }),
  );
  t.strictSame(store.servicesByIP('fd00::1'), []);
  t.strictSame(names(store.services()), ['bank/web']);
  t.equal(store.count('Service'), 1);
  t.end();
});

t.test('slices by service and by address', (t) => {
  const store = new ClusterStore(['EndpointSlice'], new ManualClock());
  list(
    store,
    'EndpointSlice',
    slice('shop', 'web-1', 'web', '10.244.0.1', '10.244.0.2', '10.244.0.1'),
    slice('shop', 'web-2', 'web', '10.244.0.3'),
    slice('shop', 'db-1', 'db', '10.244.0.1'),
    slice('bank', 'web-1', 'web', '10.244.0.1'),
    slice('shop', 'free', '', '10.244.0.9'),
  );
  t.strictSame(names(store.slicesOf('shop', 'web')), ['shop/web-1', 'shop/web-2']);
  t.strictSame(names(store.slicesByAddress('10.244.0.1')), ['shop/web-1', 'shop/db-1', 'bank/web-1'], 'each once');
  t.strictSame(names(store.slicesByAddress('10.244.0.9')), ['shop/free']);

  const held = store.slicesOf('shop', 'web');
  store.apply(changes('EndpointSlice', ...put(slice('shop', 'web-1', 'web', '10.244.0.7'))));
  t.strictSame(names(store.slicesOf('shop', 'web')).sort(), ['shop/web-1', 'shop/web-2']);
  t.strictSame(names(store.slicesByAddress('10.244.0.1')), ['shop/db-1', 'bank/web-1']);
  t.equal(held[0]?.endpoints.length, 3, 'what a reader holds does not change under it');

  store.apply(changes('EndpointSlice', ...put(slice('shop', 'web-1', 'other', '10.244.0.7'))));
  t.strictSame(names(store.slicesOf('shop', 'web')), ['shop/web-2'], 'it belongs to another Service now');
  t.end();
});

t.test('pods by address, and namespaces', (t) => {
  const store = new ClusterStore(['Pod', 'Namespace'], new ManualClock());
  list(store, 'Pod', pod('shop', 'a', '10.0.0.1', 'fd00::1'), pod('shop', 'b', '10.0.0.1'), pod('shop', 'c'));
  t.strictSame(names(store.podsByIP('10.0.0.1')), ['shop/a', 'shop/b'], 'both use the address of their node');
  t.strictSame(names(store.podsByIP('fd00::1')), ['shop/a']);
  t.strictSame(store.podsByIP('10.0.0.2'), []);
  list(store, 'Namespace', namespace('shop'), namespace('bank'));
  t.equal(store.namespace('shop')?.name, 'shop');
  t.equal(store.namespace('nowhere'), undefined);
  t.strictSame(
    [...store.namespaces()].map(({ name }) => name),
    ['shop', 'bank'],
  );
  t.end();
});

t.test('imports and their slices', (t) => {
  const store = new ClusterStore(['ServiceImport', 'MulticlusterSlice'], new ManualClock());
  const { kind: _, ...contents } = slice('shop', 'web-east', 'web', '10.1.0.1');
  const imported: ServiceImport = {
    kind: 'ServiceImport',
    namespace: 'shop',
    name: 'web',
    resourceVersion: '1',
    type: 'Headless',
    ips: [],
    ports: [],
  };
  list(store, 'ServiceImport', imported);
  t.notOk(store.synced);
  list(store, 'MulticlusterSlice', { kind: 'MulticlusterSlice', cluster: 'east', ...contents });
  t.ok(store.synced);
  t.equal(store.serviceImport('shop', 'web'), imported);
  t.equal(store.service('shop', 'web'), undefined);
  t.strictSame(names(store.multiclusterSlicesOf('shop', 'web')), ['shop/web-east']);
  t.strictSame(store.slicesOf('shop', 'web'), []);
  t.strictSame(store.slicesByAddress('10.1.0.1'), [], 'reverse names are those of this cluster');
  store.apply(changes('MulticlusterSlice', { gone: { namespace: 'shop', name: 'web-east' } }));
  store.apply(changes('ServiceImport', { gone: imported }));
  t.equal(store.serviceImport('shop', 'web'), undefined);
  t.strictSame(store.multiclusterSlicesOf('shop', 'web'), []);
  t.end();
});

t.test('a list is seen whole or not at all', (t) => {
  const store = new ClusterStore(['Service'], new ManualClock());
  const old = service('shop', 'old', '10.96.0.1');
  list(store, 'Service', old);
  store.apply({ type: 'listing', kind: 'Service', reason: 'expired' });
  store.apply(changes('Service', ...put(service('shop', 'void', '10.96.0.2'))));
  store.apply({ type: 'listing', kind: 'Service', reason: 'expired' });
  store.apply(changes('Service', ...put(service('shop', 'new', '10.96.0.3'))));
  store.apply(changes('Service', { gone: old }));
  t.strictSame(names(store.services()), ['shop/old']);
  store.apply({ type: 'listed', kind: 'Service' });
  t.strictSame(names(store.services()), ['shop/new'], 'what an unfinished list brought is void');
  t.end();
});

t.test('lists of several kinds do not mix', (t) => {
  const store = new ClusterStore(['Service', 'Namespace'], new ManualClock());
  store.apply({ type: 'listing', kind: 'Service', reason: 'start' });
  store.apply(changes('Service', ...put(service('shop', 'web', '10.96.0.1'))));
  list(store, 'Namespace', namespace('shop'));
  t.equal(store.count('Namespace'), 1);
  t.equal(store.count('Service'), 0);
  store.apply({ type: 'listed', kind: 'Service' });
  t.equal(store.count('Service'), 1);
  t.end();
});

t.test('synced: each watched kind was listed once', (t) => {
  const store = new ClusterStore(['Service', 'Namespace'], new ManualClock());
  const state = () => [
    store.synced,
    ...(['Service', 'Namespace', 'Pod'] as const).map((kind) => store.hasSynced(kind)),
  ];
  t.strictSame(state(), [false, false, false, true], 'a kind that is not watched is not waited for');
  store.apply({ type: 'listing', kind: 'Service', reason: 'start' });
  t.strictSame(state(), [false, false, false, true]);
  store.apply({ type: 'listed', kind: 'Service' });
  t.strictSame(state(), [false, true, false, true]);
  list(store, 'Namespace');
  t.strictSame(state(), [true, true, true, true]);
  store.apply({ type: 'listing', kind: 'Service', reason: 'expired' });
  t.strictSame(state(), [true, true, true, true], 'it stays so during a relist');
  t.end();
});

t.test('when a kind was confirmed last', async (t) => {
  const clock = new ManualClock();
  const store = new ClusterStore(['Service'], clock);
  t.equal(store.confirmedMs('Service'), undefined);
  list(store, 'Service');
  t.equal(store.confirmedMs('Service'), clock.now());
  await clock.advance(60_000);
  t.equal(store.confirmedMs('Service'), clock.now() - 60_000);
  store.apply({ type: 'alive', kind: 'Service' });
  t.equal(store.confirmedMs('Service'), clock.now());
  t.equal(store.confirmedMs('Pod'), undefined);
});

t.test('subscribers hear of each change once the store shows all of them', (t) => {
  const store = new ClusterStore(['Service'], new ManualClock());
  const heard: string[] = [];
  const stop = store.subscribe({
    onChange: ({ kind, before, after }) =>
      heard.push(
        `${kind} ${before?.name}@${before?.resourceVersion} -> ${after?.name}@${after?.resourceVersion}, ${shown(store)}`,
      ),
    onApplied: () => heard.push(`applied, ${shown(store)}`),
  });
  version = 0;
  list(store, 'Service', service('shop', 'a'), service('shop', 'b'));
  t.strictSame(heard.splice(0), [
    'Service undefined@undefined -> a@1, shop/a shop/b',
    'Service undefined@undefined -> b@2, shop/a shop/b',
    'applied, shop/a shop/b',
  ]);
  store.apply(
    changes(
      'Service',
      ...put(service('shop', 'a')),
      { gone: { namespace: 'shop', name: 'b' } },
      ...put(service('shop', 'a')),
    ),
  );
  t.strictSame(heard.splice(0), [
    'Service a@1 -> a@3, shop/a',
    'Service b@2 -> undefined@undefined, shop/a',
    'Service a@3 -> a@4, shop/a',
    'applied, shop/a',
  ]);
  store.apply(changes('Service', { gone: { namespace: 'shop', name: 'unknown' } }));
  store.apply({ type: 'alive', kind: 'Service' });
  t.strictSame(heard.splice(0), ['applied, shop/a'], 'what was not there did not change');
  stop();
  list(store, 'Service', service('shop', 'c'));
  t.strictSame(heard, []);
  t.end();
});

function shown(cluster: Cluster): string {
  return names(cluster.services()).join(' ');
}

t.test('where a new watch starts its comparison from', (t) => {
  const store = new ClusterStore(['Service', 'Namespace'], new ManualClock());
  version = 0;
  list(store, 'Service', service('shop', 'a'), service('bank', 'a'));
  list(store, 'Namespace', namespace('shop'));
  t.strictSame(
    store.versions('Service'),
    new Map([
      ['shop/a', '1'],
      ['bank/a', '2'],
    ]),
  );
  t.strictSame(store.versions('Namespace'), new Map([['/shop', '3']]));
  t.end();
});
