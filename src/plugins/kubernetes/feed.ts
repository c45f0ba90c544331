import { existsSync } from 'node:fs';
import type { Host } from '../../core/plugin.ts';
import { ProcessWide } from '../../core/process-wide.ts';
import { type Access, inClusterAccess } from '../../kube/access.ts';
import type { Kind } from '../../kube/objects.ts';
import type { Selection } from '../../kube/resources.ts';
import { ClusterStore } from '../../kube/store.ts';
import { startWatch, type WatchSpec } from '../../kube/watch.ts';
import type { Log } from '../../runtime/log.ts';
import type { Lease, Resource } from '../../runtime/shared.ts';
import type { KubernetesConfig } from './config.ts';
import { recordProgramming } from './programming.ts';
import { Serial } from './serial.ts';
import { watchStats } from './watch-metrics.ts';

/** A cluster's objects as they are, and the serial that moves with them. */
export interface Feed {
  readonly store: ClusterStore;
  readonly serial: Serial;
}

/** Pods whose addresses are free to be another's, and are no longer watched. */
const LIVING_PODS = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown';

/** Slices that have this label, whatever its value. */
const IMPORTED = 'multicluster.kubernetes.io/service-name';

const feeds = new ProcessWide<Feed>();

/**
 * The feed of a cluster, watched from now on until the lease is released. Blocks that want the same objects of the same API
 * server share one, and so does the next configuration: a reload finds its cluster known. Rejects where the access is not
 * that of a pod and none is configured.
 */
export async function leaseFeed(config: KubernetesConfig, host: Host, log: Log): Promise<Lease<Feed>> {
  const access = accessOf(config, host);
  const selections = selectionsOf(config);
  const { limits } = config;
  const wanted = { access, selections, ...(limits === undefined ? {} : { limits }) };
  return feeds.of(host).acquire(JSON.stringify(wanted), () => openFeed(wanted, host, log));
}

function openFeed(wanted: Omit<WatchSpec, 'userAgent'>, host: Host, log: Log): Resource<Feed> {
  const { selections } = wanted;
  const kinds = selections.map((selection) => selection.kind);
  const store = new ClusterStore(kinds, host.clock);
  const serial = new Serial();
  store.subscribe({ onChange: (change) => serial.note(change, host.clock.wall()) });
  recordProgramming(host.metrics, store, host.clock);
  const stats = watchStats(host.metrics, store, kinds, host.clock);
  const spec = { ...wanted, userAgent: `Portolan/${host.version} (${process.platform}/${process.arch})` };
  const watch = startWatch(spec, store, { log, clock: host.clock, random: host.random, stats });
  return {
    value: { store, serial },
    async close() {
      stats.end();
      await watch.stop();
    },
  };
}

function accessOf({ access }: KubernetesConfig, host: Host): Access {
  switch (access.by) {
    case 'pod':
      return podAccess(host);
    case 'kubeconfig':
      if (!existsSync(access.file))
        throw new Error(`plugin/kubernetes: stat ${access.file}: no such file or directory`);
      return { from: 'kubeconfig', file: access.file, ...(access.context === '' ? {} : { context: access.context }) };
    case 'endpoint': {
      const { url, tls } = access;
      if (tls === undefined) return { from: 'endpoint', url };
      return { from: 'endpoint', url, tls: { cert: tls.certFile, key: tls.keyFile, ca: tls.caFile } };
    }
    default:
      return access satisfies never;
  }
}

function podAccess(host: Host): Access {
  try {
    return inClusterAccess(host.environment, host.environment['PORTOLAN_SERVICE_ACCOUNT'] || undefined);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const advice = `outside a cluster, name the API server with 'endpoint' or 'kubeconfig' in the kubernetes block`;
    throw new Error(`plugin/kubernetes: ${problem}; ${advice}`, { cause });
  }
}

/** What is watched: always cluster-wide, since `namespaces` only says which answers are given. */
function selectionsOf(config: KubernetesConfig): Selection[] {
  const { labels, namespaceLabels, endpoints, pods, podLabels, zonal, multicluster } = config;
  const select = (kind: Kind, labelSelector: string): Selection =>
    labelSelector === '' ? { kind } : { kind, labelSelector };
  const selections = [select('Service', labels), select('Namespace', namespaceLabels)];
  if (endpoints) selections.push({ ...select('EndpointSlice', labels), ...(zonal ? { withZones: true } : {}) });
  if (pods === 'verified')
    selections.push({
      ...select('Pod', labels),
      fieldSelector: LIVING_PODS,
      ...(podLabels ? { withLabels: true } : {}),
    });
  if (multicluster.length > 0) {
    // As the reference has it: what selects namespaces selects ServiceImports too.
    selections.push(select('ServiceImport', namespaceLabels));
    selections.push(select('MulticlusterSlice', labels === '' ? IMPORTED : `${labels},${IMPORTED}`));
  }
  return selections;
}
