/**
 * `kubernetes`: the zones of a cluster, answered from the objects of its API server.
 *
 *     watch thread -> ClusterStore --change--> Memo.drop(traces)      feed.ts, src/kube/
 *                          |
 *     query -> Memo -------+--> answer                                handler.ts
 *               `- miss -> ZoneReader(Directory) -> Memo.keep         zone.ts, backend.ts
 *
 * - An answer is made once and kept until an object changes that the lookup looked at, or missed (directory.ts). There is no
 *   other way for an answer to become old, and none to stay when it is.
 * - Before the first lists are complete, questions for these zones wait, at most `startup_timeout` from the start; from then on
 *   names that are not known are SERVFAIL. All other names are answered from the first moment.
 * - When the API server goes away later, the last known objects stay.
 */
import { clusterTenants } from '../../cluster/lent-cluster.ts';
import { readiness } from '../../core/capability.ts';
import type { Handler } from '../../core/handler.ts';
import { metadataSources } from '../../core/metadata.ts';
import { definePlugin, type Env, type Instance } from '../../core/plugin.ts';
import { searchPaths } from '../../core/search-path.ts';
import type { Lease } from '../../runtime/shared.ts';
import { transferables } from '../../zone/transferable.ts';
import { type ClusterZones, openClusterZones } from './cluster-zones.ts';
import { type KubernetesConfig, parseKubernetes } from './config.ts';
import { type Feed, leaseFeed } from './feed.ts';
import { lendCluster } from './lend.ts';
import { memoMetrics } from './memo-metrics.ts';
import { kubernetesLabels } from './metadata.ts';
import { PodSearchPath } from './search-path.ts';
import { Startup } from './startup.ts';

export const kubernetesPlugin = definePlugin<KubernetesConfig>({
  name: 'kubernetes',
  parse: parseKubernetes,
  create: (config, env) => new Kubernetes(config, env),
});

interface Running {
  readonly lease: Lease<Feed>;
  readonly startup: Startup;
  readonly zones: ClusterZones;
  readonly hideMetrics: () => void;
  /** Ends what other plugins have of the cluster. */
  readonly takeBack: () => void;
}

class Kubernetes implements Instance {
  readonly #config: KubernetesConfig;
  readonly #env: Env;
  #next: Handler | undefined;
  #running: Running | undefined;

  constructor(config: KubernetesConfig, env: Env) {
    this.#config = config;
    this.#env = env;
    readiness.provide(env.scope, { name: 'kubernetes', ready: () => this.#running?.lease.value.store.synced ?? false });
    metadataSources.provide(
      env.scope,
      kubernetesLabels(config, () => this.#running?.lease.value.store),
    );
    searchPaths.provide(env.scope, new PodSearchPath(config.zones, () => this.#running?.lease.value.store));
    transferables.provide(env.scope, { zoneState: (query) => this.#running?.zones.zoneState(query) });
  }

  readonly wrap = (next: Handler): Handler => {
    this.#next = next;
    return (query) => (this.#running?.zones.handler ?? next)(query);
  };

  async start(replacing: boolean): Promise<void> {
    const { clock, log, host, metrics, resolve, scope } = this.#env;
    const next = this.#next;
    if (next === undefined) throw new Error('started before its chain was folded');
    const lease = await leaseFeed(this.#config, host, log);
    const { store: cluster, serial } = lease.value;
    const startup = new Startup(cluster, { clock, log, limitMs: this.#config.startupTimeoutMs });
    const ownAddresses = host.ownAddresses();
    const zones = openClusterZones(this.#config, { cluster, serial, startup, ownAddresses, resolve, next, clock });
    const hideMetrics = memoMetrics(metrics, this.#config.primaryZone, zones.memo);
    const tenants = clusterTenants.find(scope);
    const takeBack = lendCluster(this.#config, { tenants, cluster, startup, ownAddresses, metrics });
    this.#running = { lease, startup, zones, hideMetrics, takeBack };
    if (replacing) await startup.over;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    running?.startup.end();
    running?.zones.end();
    running?.hideMetrics();
    running?.takeBack();
    await running?.lease.release();
  }
}
