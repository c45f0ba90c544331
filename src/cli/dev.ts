import { readFileSync } from 'node:fs';
import { type DevCluster, ManifestError, startDevCluster } from '../devcluster/index.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { systemRandom } from '../runtime/random.ts';
import type { DevCommand } from './flags.ts';
import { run } from './run.ts';

const DNS_PORT = 1053;
const RESOLV_CONF = '/etc/resolv.conf';

/** `portolan dev`: a small cluster in this process and a server that answers for it; resolves with the exit code. */
export async function dev(command: DevCommand): Promise<number> {
  let cluster: DevCluster;
  try {
    cluster = await startDevCluster({
      manifests: command.files,
      clock: systemClock,
      random: systemRandom(),
      log: createLog(process.stdout),
    });
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const port = command.port ?? DNS_PORT;
  const text = devCorefile(cluster, port);
  return run({
    load: () => ({ path: 'Corefile (built in)', text }),
    dnsPort: port,
    logFormat: 'text',
    quiet: false,
    pidFile: undefined,
    greeting: (realPort) => greeting(cluster, realPort),
    onStopped: () => cluster.close(),
  });
}

/**
 * The default of kubeadm with the cluster's own API server, and an upstream for the names of its examples. With port 0 the
 * system chooses the other ports too.
 */
function devCorefile(cluster: DevCluster, port: number): string {
  const upstream = `127.0.0.1:${cluster.upstreamPort}`;
  const at = (usual: number): string => `127.0.0.1:${port === 0 ? 0 : usual}`;
  return `.:${port} {
    bind 127.0.0.1
    errors
    health ${at(8080)}
    ready ${at(8181)}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint ${cluster.url}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus ${at(9153)}
    forward example.test ${upstream}
    forward baidu.com ${upstream}
    forward shifen.com ${upstream}
${hasUpstream() ? `    forward . ${RESOLV_CONF}\n` : ''}    cache 30
    loadbalance
}
`;
}

/** Without a resolver of the machine, names outside the cluster and its examples have nowhere to go. */
function hasUpstream(): boolean {
  try {
    return /^\s*nameserver\s/m.test(readFileSync(RESOLV_CONF, 'utf8'));
  } catch {
    return false;
  }
}

function greeting(cluster: DevCluster, port: number): string {
  const outside = hasUpstream()
    ? `names outside go to ${RESOLV_CONF}`
    : `${RESOLV_CONF} names no resolver: names outside fail`;
  const dig = `dig @127.0.0.1 -p ${port}`;
  return `
A small cluster runs in this process, API server ${cluster.url}; ${outside}.
Ask it from another terminal:

  ${dig} web.default.svc.cluster.local             # a service
  ${dig} db.default.svc.cluster.local              # headless: its ready pods
  ${dig} -x 10.244.1.10                            # which services a pod is behind
  ${dig} _http._tcp.web.default.svc.cluster.local SRV
  ${dig} search.default.svc.cluster.local          # followed to a name outside

`;
}
