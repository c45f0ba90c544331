import type { Hand, Kind } from './hand.ts';

/** What is done to the API server itself. Absent where there is no way to. */
export interface Disturbances {
  /** Ends the API server and starts it anew. */
  readonly restart?: () => Promise<void>;
  /** The same, and it has forgotten what had happened before. */
  readonly restartForgetful?: () => Promise<void>;
  /** Breaks the connections of all who watch. */
  readonly cutWatches?: () => Promise<void>;
}

export interface Step {
  readonly what: string;
  /** Undefined where this cluster has no way to do it. */
  readonly act: (() => Promise<unknown>) | undefined;
}

const labels = { app: 'web' };
const http = [{ name: 'http', port: 80, targetPort: 8080 }];
const template = {
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'i' }] },
};

/** 27 steps of a cluster's life, in the namespaces `default` and `shop`. */
export function stepsOf(hand: Hand, disturbances: Disturbances): readonly Step[] {
  const { restart, restartForgetful, cutWatches } = disturbances;
  const step = (what: string, act: Step['act']): Step => ({ what, act });
  const service = (name: string, spec: object, namespace = 'default'): Promise<unknown> =>
    hand.create('Service', namespace, object('v1', 'Service', name, spec));
  const change = (kind: Kind, name: string, patch: object): Promise<unknown> =>
    hand.merge(kind, 'default', name, patch);
  const scale = (replicas: number): Promise<unknown> => change('Deployment', 'web', { spec: { replicas } });
  const remove = (kind: Kind, name: string): Promise<unknown> => hand.remove(kind, 'default', name);

  const onePod = async (): Promise<string> => (await hand.list('Pod', 'default'))[0]?.metadata.name ?? '';
  const ready = async (value: string | null): Promise<unknown> =>
    change('Pod', await onePod(), { metadata: { annotations: { 'example.com/ready': value } } });
  const away = (whileAway: (() => Promise<void>) | undefined): Step['act'] =>
    whileAway &&
    (async () => {
      await whileAway();
      await service('since-then', { ports: http });
      await remove('Service', 'since-then');
    });

  return [
    step('a service without pods', () => service('web', { selector: labels, ports: http })),
    step('a headless one beside it', () => service('heads', { clusterIP: 'None', selector: labels, ports: http })),
    step('a deployment', () => deployment(hand, 2)),
    step('more replicas', () => scale(4)),
    step('a pod turns unready', () => ready('false')),
    step('and ready again', () => ready(null)),
    step('a pod is deleted', async () => remove('Pod', await onePod())),
    step('130 endpoints, so two slices', () => scale(130)),
    step('down to 3', () => scale(3)),
    step('another port', () => change('Service', 'web', { spec: { ports: [...http, { name: 'admin', port: 81 }] } })),
    step('a stateful set', () => statefulSet(hand)),
    step('its pod is made anew', () => remove('Pod', 'db-0')),
    step('an alias inside', () =>
      service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
    ),
    step('its target goes', () => remove('Service', 'web')),
    step('and comes back, with another address', () =>
      service('web', { selector: labels, ports: http, clusterIP: '10.96.77.7' }),
    ),
    step('the alias becomes a service', () =>
      change('Service', 'alias', { spec: { type: 'ClusterIP', externalName: null, selector: labels, ports: http } }),
    ),
    step('and is deleted', () => remove('Service', 'alias')),
    step('not ready, but published', () => change('Service', 'heads', { spec: { publishNotReadyAddresses: true } })),
    step('a namespace with a service', async () => {
      await hand.create('Namespace', '', object('v1', 'Namespace', 'shop'));
      await service('cart', { ports: http }, 'shop');
    }),
    step('the namespace goes', () => hand.remove('Namespace', '', 'shop')),
    step('the API server goes and comes', away(restart)),
    step('with its history lost', away(restartForgetful)),
    step('its watches break', cutWatches),
    step('nothing but a label', () => change('Service', 'web', { metadata: { labels: { touched: 'yes' } } })),
    step('a rollout', () =>
      change('Deployment', 'web', { spec: { template: { metadata: { annotations: { rollout: '2' } } } } }),
    ),
    step('scaled to nothing, and up', async () => {
      await scale(0);
      await scale(1);
    }),
    step('all services go', () => Promise.all(['web', 'heads', 'db'].map((name) => remove('Service', name)))),
  ];
}

function object(apiVersion: string, kind: Kind, name: string, spec?: object): object {
  return { apiVersion, kind, metadata: { name }, ...(spec === undefined ? {} : { spec }) };
}

function deployment(hand: Hand, replicas: number): Promise<unknown> {
  const spec = { replicas, selector: { matchLabels: labels }, template };
  return hand.create('Deployment', 'default', object('apps/v1', 'Deployment', 'web', spec));
}

async function statefulSet(hand: Hand): Promise<void> {
  const db = { app: 'db' };
  const sql = [{ name: 'sql', port: 3306 }];
  await hand.create(
    'Service',
    'default',
    object('v1', 'Service', 'db', { clusterIP: 'None', selector: db, ports: sql }),
  );
  const spec = {
    serviceName: 'db',
    replicas: 2,
    selector: { matchLabels: db },
    template: { ...template, metadata: { labels: db } },
  };
  await hand.create('StatefulSet', 'default', object('apps/v1', 'StatefulSet', 'db', spec));
}
