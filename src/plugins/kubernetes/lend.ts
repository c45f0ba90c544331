import type { ClusterTenant, LentCluster } from '../../cluster/lent-cluster.ts';
import type { Cluster } from '../../kube/store.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { servedNamespaces } from './cluster-zones.ts';
import type { KubernetesConfig } from './config.ts';
import { Directory, tracesOf } from './directory.ts';
import { endpointName } from './endpoint-name.ts';
import { Memo } from './memo.ts';
import { memoMetrics } from './memo-metrics.ts';
import type { Startup } from './startup.ts';

export interface LendOptions {
  readonly tenants: readonly ClusterTenant[];
  readonly cluster: Cluster;
  readonly startup: Startup;
  /** The server's own addresses, without loopback. */
  readonly ownAddresses: readonly string[];
  readonly metrics: Metrics;
}

/** Fewer names than the cluster's own zones have. */
const MEMO_CAPACITY = 5000;

/** Lends the cluster to the plugins of the block that answer from it as well. Returns what takes it back. */
export function lendCluster(config: KubernetesConfig, options: LendOptions): () => void {
  const { tenants, cluster, startup, ownAddresses, metrics } = options;
  if (tenants.length === 0) return () => {};
  const served = servedNamespaces(config.namespaces);
  const memos: Memo[] = [];
  const ends: (() => void)[] = [];
  const lent: LentCluster = {
    cluster,
    ttl: config.ttl,
    ownAddresses,
    endpointName: (endpoint, address) => endpointName(endpoint, address, config.endpointPodNames),
    wait: (isKnown) => startup.wait(isKnown),
    reader: () => new Directory(cluster, served),
    memo(zone, serial) {
      const memo = new Memo(MEMO_CAPACITY, serial);
      memos.push(memo);
      ends.push(memoMetrics(metrics, zone, memo));
      return memo;
    },
  };
  ends.push(...tenants.map((tenant) => tenant.open(lent)));
  const unsubscribe = cluster.subscribe({
    onChange(change) {
      for (const memo of memos) if (memo.size > 0) memo.drop(tracesOf(change));
    },
  });
  return () => {
    unsubscribe();
    for (const end of ends) end();
  };
}
