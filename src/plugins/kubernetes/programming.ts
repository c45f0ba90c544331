import type { Cluster } from '../../kube/store.ts';
import { exponentialBuckets } from '../../metrics/histogram.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isHeadless } from './backend.ts';

/**
 * The time from a change in the cluster to the moment its names are right: from the trigger time that the slice controller
 * notes to now, once for each event of a slice whose service is known.
 */
export function recordProgramming(metrics: Metrics, cluster: Cluster, clock: Clock): void {
  const durations = metrics.histogram({
    name: 'coredns_kubernetes_dns_programming_duration_seconds',
    help: 'Histogram of the time (in seconds) it took to program a dns instance.',
    labels: ['service_kind'],
    buckets: exponentialBuckets(0.001, 2, 20),
  });
  const headless = durations.with({ service_kind: 'headless_with_selector' });
  const clusterIP = durations.with({ service_kind: 'cluster_ip' });
  cluster.subscribe({
    onChange({ before, after }) {
      const slice = after ?? before;
      if (slice?.kind !== 'EndpointSlice' || slice.triggerTimeMs === undefined) return;
      const service = cluster.service(slice.namespace, slice.service);
      if (service === undefined) return;
      const cell = isHeadless(service) ? headless : clusterIP;
      cell.observe(Math.max(0, clock.wall() - slice.triggerTimeMs) / 1000);
    },
  });
}
