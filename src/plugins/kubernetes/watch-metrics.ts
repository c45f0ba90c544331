import type { Kind } from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';
import type { WatchStats } from '../../kube/watch.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Clock } from '../../runtime/clock.ts';

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts what a watch does, and shows how current its objects are; `end` takes the latter out of the exposition. */
export function watchStats(
  metrics: Metrics,
  cluster: Cluster,
  kinds: readonly Kind[],
  clock: Clock,
): WatchStats & { end(): void } {
  const requests = metrics.counter({
    name: 'coredns_kubernetes_rest_client_requests_total',
    help: 'Number of HTTP requests, partitioned by status code, method, and host.',
    labels: ['code', 'method', 'host'],
  });
  const durations = metrics.histogram({
    name: 'coredns_kubernetes_rest_client_request_duration_seconds',
    help: 'Request latency in seconds. Broken down by verb and host.',
    labels: ['verb', 'host'],
    buckets: DEFAULT_BUCKETS,
  });
  const waits = metrics.histogram({
    name: 'coredns_kubernetes_rest_client_rate_limiter_duration_seconds',
    help: 'Client side rate limiter latency in seconds. Broken down by verb and host.',
    labels: ['verb', 'host'],
    buckets: DEFAULT_BUCKETS,
  });
  const lists = metrics.counter({
    name: 'portolan_kubernetes_lists_total',
    help: 'Lists begun of a kind of objects, by what made them necessary.',
    labels: ['kind', 'reason'],
  });
  const objects = metrics.gauge({
    name: 'portolan_kubernetes_objects',
    help: 'Objects held of a kind.',
    labels: ['kind'],
  });
  const confirmed = metrics.gauge({
    name: 'portolan_kubernetes_confirmed_age_seconds',
    help: 'Seconds since the API server last confirmed that the objects of a kind are current.',
    labels: ['kind'],
  });
  const ends = kinds.flatMap((kind) => [
    objects.collect({ kind }, () => cluster.count(kind)),
    confirmed.collect({ kind }, () => (clock.now() - (cluster.confirmedMs(kind) ?? NaN)) / 1000),
  ]);
  return {
    onRequest({ code, method, host, seconds, waitedSeconds }) {
      requests.with({ code, method, host }).inc();
      durations.with({ verb: method, host }).observe(seconds);
      waits.with({ verb: method, host }).observe(waitedSeconds);
    },
    onList: (kind, reason) => lists.with({ kind, reason }).inc(),
    end: () => ends.forEach((end) => end()),
  };
}
