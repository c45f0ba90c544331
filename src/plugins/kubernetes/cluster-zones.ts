import type { Handler } from '../../core/handler.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import type { Cluster } from '../../kube/store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Transferable } from '../../zone/transferable.ts';
import type { KubernetesConfig } from './config.ts';
import { tracesOf } from './directory.ts';
import { clusterHandler } from './handler.ts';
import { Memo } from './memo.ts';
import type { Serial } from './serial.ts';
import type { Startup } from './startup.ts';
import { zoneStateOf } from './transfer.ts';
import { zoneViews } from './zone-view.ts';

export interface ClusterZones {
  readonly memo: Memo;
  readonly handler: Handler;
  readonly zoneState: Transferable['zoneState'];
  /** From now on the memo hears of no change: the handler must not be asked again. */
  end(): void;
}

export interface ClusterZonesOptions {
  readonly cluster: Cluster;
  readonly serial: Serial;
  readonly startup: Startup;
  /** The server's own addresses, without loopback. */
  readonly ownAddresses: readonly string[];
  readonly resolve: Handler;
  readonly next: Handler;
  readonly clock: Clock;
}

const MEMO_CAPACITY = 20_000;

/** The zones of one block, answered from a cluster's objects as they change. */
export function openClusterZones(config: KubernetesConfig, options: ClusterZonesOptions): ClusterZones {
  const { cluster, serial, startup, ownAddresses, resolve, next, clock } = options;
  const served = servedNamespaces(config.namespaces);
  const memo = new Memo(MEMO_CAPACITY, serial);
  const unsubscribe = cluster.subscribe({
    // The first list brings every object there is, when nobody has asked for anything yet.
    onChange(change) {
      if (memo.size > 0) memo.drop(tracesOf(change));
    },
  });
  const parts = {
    zones: new ZoneSet(config.zones),
    fallthrough: new ZoneSet(config.fallthrough),
    viewOf: zoneViews(cluster, serial, { ...config, served, ownAddresses }),
    memo,
    startup,
    resolve,
    now: () => clock.now(),
  };
  const { zones, viewOf } = parts;
  const transferred = { ...config, zones, viewOf, cluster, served, ownAddresses };
  return {
    memo,
    handler: clusterHandler(parts, next),
    zoneState: (query) => zoneStateOf(query, transferred),
    end: unsubscribe,
  };
}

/** Whether a namespace that exists is served: all are, unless some are listed. */
export function servedNamespaces(namespaces: readonly string[]): (namespace: string) => boolean {
  if (namespaces.length === 0) return () => true;
  const listed = new Set(namespaces);
  return (namespace) => listed.has(namespace);
}
