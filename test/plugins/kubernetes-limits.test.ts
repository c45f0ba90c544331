import t from 'tap';
import { untilSynced } from '../golden/synced.ts';
import { kubernetesConfig } from '../support/cluster-zones.ts';
import { startServer } from '../support/running-server.ts';
import { StaticApi } from '../support/static-api.ts';

t.test('limits as the Corefile says', async (t) => {
  const limits = (...options: readonly string[]): unknown => kubernetesConfig('cluster.local', options).limits;
  t.equal(limits(), undefined);
  t.same(limits('apiserver_qps 0.5', 'apiserver_burst 3'), { qps: 0.5, burst: 3, maxInflight: 0 });
  t.same(limits('apiserver_max_inflight 2'), { qps: 0, burst: 0, maxInflight: 2 });
});

/** How many requests were made, and how many seconds they waited in all. */
async function waits(option: string): Promise<{ count: number; seconds: number }> {
  const api = await StaticApi.start({ namespaces: [{ metadata: { name: 'default' } }] });
  const server = await startServer(`.:0 {
    kubernetes cluster.local {
      endpoint ${api.url}
      ${option}
    }
  }
`);
  await untilSynced(server);
  const exposition = await server.metrics.exposition();
  await server.close();
  await api.close();
  const value = (what: string): number => {
    const series = `coredns_kubernetes_rest_client_rate_limiter_duration_seconds_${what}{`;
    return Number(exposition.split(series)[1]?.split('\n')[0]?.split(' ')[1]);
  };
  return { count: value('count'), seconds: value('sum') };
}

t.test('requests wait as long as they must, and are counted', async (t) => {
  const free = await waits('');
  t.equal(free.count, 3, 'one list for each kind');
  t.equal(free.seconds, 0);
  const limited = await waits('apiserver_qps 20\n apiserver_burst 1');
  t.equal(limited.count, 3);
  // The second waits 50 ms, the third 100 ms.
  t.ok(limited.seconds > 0.13 && limited.seconds < 2, `${limited.seconds} s`);
});
