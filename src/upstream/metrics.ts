import { rcodeName } from '../dns/codes.ts';
import { exponentialBuckets } from '../metrics/histogram.ts';
import type { CounterCell, HistogramCell, Metrics } from '../metrics/metrics.ts';

/** What is counted of one upstream server, under the reference's names and labels. */
export interface UpstreamMeter {
  readonly healthcheckFailures: CounterCell;
  /** A question found a connection or socket (`udp`, `tcp`, `tcp-tls`), or needed a new one. */
  connection(proto: string, reused: boolean): void;
  /** A reply came. */
  replied(rcode: number, seconds: number): void;
}

const TIME_BUCKETS = exponentialBuckets(0.00025, 2, 16);

/** `proxyName`: the plugin that forwards. `to`: address and port of the server. */
export function upstreamMeter(metrics: Metrics, proxyName: string, to: string): UpstreamMeter {
  const labels = { proxy_name: proxyName, to };
  const durations = metrics.histogram({
    name: 'coredns_proxy_request_duration_seconds',
    help: 'Histogram of the time each request took.',
    labels: ['proxy_name', 'to', 'rcode'],
    buckets: TIME_BUCKETS,
  });
  const failures = metrics.counter({
    name: 'coredns_proxy_healthcheck_failures_total',
    help: 'Counter of the number of failed healthchecks.',
    labels: ['proxy_name', 'to'],
  });
  const hits = metrics.counter({
    name: 'coredns_proxy_conn_cache_hits_total',
    help: 'Counter of connection cache hits per upstream and protocol.',
    labels: ['proxy_name', 'to', 'proto'],
  });
  const misses = metrics.counter({
    name: 'coredns_proxy_conn_cache_misses_total',
    help: 'Counter of connection cache misses per upstream and protocol.',
    labels: ['proxy_name', 'to', 'proto'],
  });
  const byRcode = new Map<number, HistogramCell>();
  const byProto = new Map<string, { readonly hits: CounterCell; readonly misses: CounterCell }>();
  return {
    healthcheckFailures: failures.with(labels),
    connection(proto, reused) {
      let cells = byProto.get(proto);
      if (cells === undefined) {
        cells = { hits: hits.with({ ...labels, proto }), misses: misses.with({ ...labels, proto }) };
        byProto.set(proto, cells);
      }
      (reused ? cells.hits : cells.misses).inc();
    },
    replied(rcode, seconds) {
      let cell = byRcode.get(rcode);
      if (cell === undefined) {
        cell = durations.with({ ...labels, rcode: rcodeName(rcode) });
        byRcode.set(rcode, cell);
      }
      cell.observe(seconds);
    },
  };
}
