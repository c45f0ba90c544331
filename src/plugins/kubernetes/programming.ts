import type { Service } from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';
import { exponentialBuckets } from '../../metrics/histogram.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isHeadless } from './backend.ts';

/**
 * Measures the time from a change in the cluster to the moment its names are right: from the trigger time that the slice
 * controller notes on a slice, and takes away when it writes the slice for another reason, to now. That controller writes
 * slices only for services with a selector, so all that is measured is of `cluster_ip` or `headless_with_selector`.
 */
export function recordProgramming(metrics: Metrics, cluster: Cluster, clock: Clock): void {
  const durations = metrics.histogram({
    name: 'coredns_kubernetes_dns_programming_duration_seconds',
    help: 'Histogram of the time (in seconds) it took to program a dns instance.',
    labels: ['service_kind'],
    buckets: exponentialBuckets(0.001, 2, 20),
  });
  const cells = {
    cluster_ip: durations.with({ service_kind: 'cluster_ip' }),
    headless_with_selector: durations.with({ service_kind: 'headless_with_selector' }),
  };
  const startedMs = clock.wall();
  cluster.subscribe({
    onChange({ after }) {
      // What is deleted has the trigger time of an older change.
      if (after?.kind !== 'EndpointSlice') return;
      const { triggerTimeMs, namespace, service } = after;
      // What happened before there was anybody to tell took as long as it did for another reason.
      if (triggerTimeMs === undefined || triggerTimeMs < startedMs) return;
      const kind = serviceKind(cluster.service(namespace, service));
      if (kind !== undefined) cells[kind].observe(Math.max(0, clock.wall() - triggerTimeMs) / 1000);
    },
  });
}

/** An ExternalName may keep the slices that it had as another kind of service: its names are not made from them. */
function serviceKind(service: Service | undefined): 'cluster_ip' | 'headless_with_selector' | undefined {
  if (service === undefined || service.type === 'ExternalName') return undefined;
  return isHeadless(service) ? 'headless_with_selector' : 'cluster_ip';
}
