/**
 * `k8s_external`: services by the addresses that they have outside the cluster, `SERVICE.NAMESPACE.ZONE`.
 *
 *     kubernetes --lends--> Cluster --change--> ExternalDirectory, AnswerMemo.drop     external-directory.ts
 *                              |
 *     query -> AnswerMemo -----+--> answer                                             handler.ts
 *                  `- miss -> ExternalZone -> AnswerMemo.keep                           zone.ts, backend.ts
 *                                  `- a load balancer with a host name -> the server    hosts.ts
 *
 * - Nothing is watched here: the objects are those of the block's `kubernetes`, and so is the time that questions may wait
 *   for them. Without that plugin the Corefile is refused.
 * - Answers from objects alone are kept until one of them changes. Those with a load balancer's host name are made each time.
 */
import { isReverseZone } from '../../dns/name.ts';
import { clusterTenants, type LentCluster } from '../../cluster/lent-cluster.ts';
import type { Handler } from '../../core/handler.ts';
import { definePlugin, type Env, type Instance } from '../../core/plugin.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import { type Transferable, transferables } from '../../zone/transferable.ts';
import { type ExternalConfig, parseExternal } from './config.ts';
import { ExternalDirectory } from './external-directory.ts';
import { externalHandler } from './handler.ts';
import { serialOf } from './serial.ts';
import { zoneStateOf } from './transfer.ts';
import { ExternalZone } from './zone.ts';

export const k8sExternalPlugin = definePlugin<ExternalConfig>({
  name: 'k8s_external',
  parse: parseExternal,
  create: createExternal,
});

/** What is open while the cluster is lent. */
interface Opened {
  readonly handler: Handler;
  readonly zoneState: Transferable['zoneState'];
  end(): void;
}

function createExternal(config: ExternalConfig, env: Env): Instance {
  let chainNext: Handler | undefined;
  let opened: Opened | undefined;

  function open(lent: LentCluster): () => void {
    if (chainNext === undefined) throw new Error('started before its chain was folded');
    const external = openExternal(config, lent, env, chainNext);
    opened = external;
    return () => {
      opened = undefined;
      external.end();
    };
  }

  clusterTenants.provide(env.scope, { open });
  transferables.provide(env.scope, { zoneState: (query) => opened?.zoneState(query) });
  return {
    wrap(next) {
      chainNext = next;
      return (query) => (opened?.handler ?? next)(query);
    },
  };
}

/** The zones of one block, answered from a lent cluster until `end`. */
function openExternal(config: ExternalConfig, lent: LentCluster, env: Env, next: Handler): Opened {
  const { cluster, ttl: srvTtl, ownAddresses } = lent;
  const { apex, ttl, headless } = config;
  const { clock, resolve } = env;
  const primaryZone = config.zones.find((zone) => !isReverseZone(zone)) ?? config.zones[0] ?? '.';
  const zones = new ZoneSet(config.zones);
  const serial = serialOf(cluster, () => clock.wall());
  const directory = new ExternalDirectory(lent.reader(), cluster);
  const memo = lent.memo(primaryZone, serial);
  const endpointName = lent.endpointName.bind(lent);
  const options = { apex, ttl, srvTtl, headless, primaryZone, ownAddresses, endpointName };
  const reader = new ExternalZone(directory, options, () => serial.value);
  const parts = {
    zones,
    fallthrough: new ZoneSet(config.fallthrough),
    directory,
    reader,
    memo,
    wait: () => lent.wait(() => directory.synced),
    resolve,
    now: () => clock.now(),
  };
  return {
    handler: externalHandler(parts, next),
    zoneState: (query) => zoneStateOf(query, { zones, cluster, directory, reader, serial, options }),
    end: cluster.subscribe({ onChange: (change) => memo.drop(directory.note(change)) }),
  };
}
