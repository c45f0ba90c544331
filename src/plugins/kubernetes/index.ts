/**
 * `kubernetes`: the zones of a cluster, answered from the objects of its API server.
 *
 *     watch thread -> ClusterStore --change--> Memo.drop(traces)      feed.ts, src/kube/
 *                          |
 *     query -> Memo -------+--> answer                                handler.ts
 *               `- miss -> ZoneReader(Directory) -> Memo.keep         zone.ts, backend.ts
 *
 * - An answer is made once and kept until an object changes that the lookup looked at, or missed (directory.ts). There is no
 *   other way for an answer to become old, and none to stay when it is.
 * - Before the first lists are complete, questions for names not known yet wait, at most `startup_timeout` from the start;
 *   from then on they are SERVFAIL. Everything else is answered from the first moment.
 * - When the API server goes away later, the last known objects stay.
 */
import { networkInterfaces } from 'node:os';
import { readiness } from '../../core/capability.ts';
import type { Handler } from '../../core/handler.ts';
import { definePlugin, type Env, type Instance } from '../../core/plugin.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import type { Lease } from '../../runtime/shared.ts';
import { type KubernetesConfig, parseKubernetes } from './config.ts';
import { Directory, tracesOf } from './directory.ts';
import { type Feed, leaseFeed } from './feed.ts';
import { clusterHandler } from './handler.ts';
import { Memo } from './memo.ts';
import { memoMetrics } from './memo-metrics.ts';
import { Startup } from './startup.ts';
import { ZoneReader } from './zone.ts';

export const kubernetesPlugin = definePlugin<KubernetesConfig>({
  name: 'kubernetes',
  parse: parseKubernetes,
  create: (config, env) => new Kubernetes(config, env),
});

const MEMO_CAPACITY = 20_000;

class Kubernetes implements Instance {
  readonly #config: KubernetesConfig;
  readonly #env: Env;
  #next: Handler | undefined;
  #handler: Handler | undefined;
  #lease: Lease<Feed> | undefined;
  #startup: Startup | undefined;
  readonly #ends: (() => void)[] = [];

  constructor(config: KubernetesConfig, env: Env) {
    this.#config = config;
    this.#env = env;
    readiness.provide(env.scope, { name: 'kubernetes', ready: () => this.#lease?.value.store.synced ?? false });
  }

  readonly wrap = (next: Handler): Handler => {
    this.#next = next;
    return (query) => (this.#handler ?? next)(query);
  };

  async start(replacing: boolean): Promise<void> {
    const { clock, log, host, metrics, resolve } = this.#env;
    const config = this.#config;
    const lease = await leaseFeed(config, host, log);
    this.#lease = lease;
    const { store, serial } = lease.value;
    const served = servedNamespaces(config.namespaces);
    const directory = new Directory(store, served);
    const memo = new Memo(MEMO_CAPACITY, serial);
    const startup = new Startup(store, { clock, log, limitMs: config.startupTimeoutMs });
    this.#startup = startup;
    const options = { ...config, served, ownAddresses: ownAddresses() };
    const parts = {
      zones: new ZoneSet(config.zones),
      fallthrough: new ZoneSet(config.fallthrough),
      directory,
      reader: new ZoneReader(directory, options, () => serial.value),
      memo,
      startup,
      resolve,
      now: () => clock.now(),
    };
    this.#ends.push(
      store.subscribe({ onChange: (change) => memo.drop(tracesOf(change)) }),
      memoMetrics(metrics, config.primaryZone, memo),
    );
    if (this.#next !== undefined) this.#handler = clusterHandler(parts, this.#next);
    if (replacing) await startup.over;
  }

  async stop(): Promise<void> {
    this.#startup?.end();
    for (const end of this.#ends.splice(0)) end();
    await this.#lease?.release();
  }
}

function servedNamespaces(namespaces: readonly string[]): (namespace: string) => boolean {
  if (namespaces.length === 0) return () => true;
  const listed = new Set(namespaces);
  return (namespace) => listed.has(namespace);
}

/** The addresses by which others know this host. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter((address) => !address.internal).map((address) => address.address),
  );
}
