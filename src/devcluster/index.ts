/**
 * A Kubernetes cluster in the process, as far as DNS sees one: for `portolan dev`, and for the tests of everything that
 * watches an API server.
 *
 *     default-cluster.yaml --manifests--> Cluster <--------------- ApiServer <-- kubectl, Portolan's own watches
 *                                         |     ^                  (HTTP: list, watch, write; faults for tests)
 *                                       Store --+-- controllers
 *                               (objects, history)  (pods, EndpointSlices, the end of namespaces)
 *
 *     Upstream: the resolver outside, for `example.test` and what else the default cluster points at
 *
 * - Cluster is the API without HTTP: admission, defaults, addresses; it throws what the API server would answer.
 * - ApiServer only turns HTTP into calls of it, and speaks as kube-apiserver v1.36 was recorded to speak.
 * - Time, randomness and the log are given; the same calls on the same clock and seed make the same cluster.
 * - Not here: RBAC, admission plugins, field management, server-side apply, and every kind DNS does not look at.
 */
import { fileURLToPath } from 'node:url';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { startApiServer, type ApiServer } from './api-server.ts';
import { Cluster } from './cluster.ts';
import { startControllers } from './controllers/controllers.ts';
import { startUpstream } from './upstream.ts';
import { watchManifests } from './watch-manifests.ts';

export { startApiServer, type ApiServer } from './api-server.ts';
export { Cluster } from './cluster.ts';
export { startControllers } from './controllers/controllers.ts';
export { ManifestError } from './manifests.ts';
export { startUpstream, type Upstream } from './upstream.ts';

export interface DevClusterOptions {
  /** The ports on 127.0.0.1; any free one when absent. */
  readonly apiPort?: number;
  readonly upstreamPort?: number;
  /** Files and directories of manifests, whose changes are followed; the default cluster when there are none. */
  readonly manifests?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface DevCluster {
  /** Where the API server listens: `http://127.0.0.1:PORT`, without authentication. */
  readonly url: string;
  /** Where the upstream resolver listens on 127.0.0.1, UDP and TCP. */
  readonly upstreamPort: number;
  /** The objects, to create, read, update, patch and delete in the process. */
  readonly objects: Cluster;
  readonly api: ApiServer;
  close(): Promise<void>;
}

const defaultManifests = fileURLToPath(new URL('default-cluster.yaml', import.meta.url));

/** Starts the cluster with its content. Rejects with ManifestError, or when it cannot listen; nothing is left running then. */
export async function startDevCluster(options: DevClusterOptions): Promise<DevCluster> {
  const { apiPort = 0, upstreamPort = 0, manifests = [], clock, random, log } = options;
  await using undo = new AsyncDisposableStack();
  const cluster = new Cluster({ clock, random, log });
  undo.defer(startControllers(cluster, { clock, log }));
  const api = await startApiServer({ cluster, clock, random, log, port: apiPort });
  undo.defer(() => api.close());
  createKubernetesService(cluster, api.port);
  const paths = manifests.length === 0 ? [defaultManifests] : manifests;
  const watched = watchManifests({ cluster, paths, clock, log });
  undo.defer(() => watched.close());
  const upstream = await startUpstream({ port: upstreamPort, log });
  undo.defer(() => upstream.close());

  const running = undo.move();
  return { url: api.url, upstreamPort: upstream.port, objects: cluster, api, close: () => running.disposeAsync() };
}

/** The Service by which pods reach the API server; it makes this one itself. The address stands for a node's. */
function createKubernetesService(cluster: Cluster, port: number): void {
  const name = 'kubernetes';
  cluster.create('Service', 'default', {
    metadata: { name, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: port }] },
  });
  cluster.create('EndpointSlice', 'default', {
    metadata: { name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.10'], conditions: { ready: true } }],
    ports: [{ name: 'https', port }],
  });
}
