/**
 * prometheus: counts queries and answers, and exposes all metrics of the process at `http://ADDRESS/metrics`.
 *
 *     query -> prometheus -> ... -> answer      two looks at the clock, a handful of additions
 *     GET /metrics -> the numbers of the whole process, whichever block's `prometheus` is asked
 *
 * Numbers belong to the process, not to the instance: they go on over a reload. Only what says how the server is
 * configured now, `coredns_plugin_enabled`, ends with the instance.
 */
import { definePlugin, type Env } from '../../core/plugin.ts';
import { queryInstruments, servedZones } from '../../core/query-metrics.ts';
import { EXPOSITION_CONTENT_TYPE, type Metrics } from '../../metrics/metrics.ts';
import type { HttpResponse } from '../../runtime/http.ts';
import { parsePrometheus } from './config.ts';
import { meteredHandler } from './handler.ts';

export const prometheusPlugin = definePlugin({
  name: 'prometheus',
  parse: parsePrometheus,
  create({ address }, env) {
    const { clock, http, metrics, scope } = env;
    const now = (): number => clock.now();
    const atStop: (() => unknown)[] = [];
    return {
      wrap: (next) => meteredHandler({ instruments: queryInstruments(metrics), zones: scope.zones, now }, next),
      async start() {
        const lease = await http.serve(address, '/metrics', () => exposition(metrics));
        atStop.push(() => lease.release());
        atStop.push(...showEnabledPlugins(env));
      },
      async stop() {
        await Promise.all(atStop.map((end) => end()));
      },
    };
  },
});

async function exposition(metrics: Metrics): Promise<HttpResponse> {
  return { status: 200, contentType: EXPOSITION_CONTENT_TYPE, body: await metrics.exposition() };
}

/** Directives that only set something up, so that no query passes through them. */
const WITHOUT_HANDLER: ReadonlySet<string> = new Set(
  'root proxyproto quic grpc_server https https3 timeouts multisocket reload bind debug ready health pprof tls sign on'.split(
    ' ',
  ),
);

/** Returns what takes each series away again: another instance may expose the same one meanwhile. */
function showEnabledPlugins({ metrics, scope }: Env): (() => void)[] {
  const enabled = metrics.gauge({
    name: 'coredns_plugin_enabled',
    help: 'A metric that indicates whether a plugin is enabled on per server and zone basis.',
    labels: ['server', 'zone', 'view', 'name'],
  });
  const names = [...scope.plugins].filter((name) => !WITHOUT_HANDLER.has(name));
  return servedZones
    .find(scope)
    .flatMap(({ server, zone }) => names.map((name) => enabled.collect({ server, zone, view: '', name }, () => 1)));
}
