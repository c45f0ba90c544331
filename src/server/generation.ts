import { CorefileError } from '../corefile/mistake.ts';
import { overlaps } from '../corefile/overlaps.ts';
import { fold, type Handler, type Outcome, QueryError } from '../core/handler.ts';
import type { BlockScope, Env, Host, Instance } from '../core/plugin.ts';
import { servedZones } from '../core/query-metrics.ts';
import type { Query } from '../core/query.ts';
import { RCODE } from '../dns/codes.ts';
import type { ListenAddress } from '../listen/address.ts';
import type { Log } from '../runtime/log.ts';
import type { BlockPlan, Plan } from './plan.ts';
import { serverName } from './listener.ts';
import { createRouter, type Route } from './router.ts';

/**
 * One configuration at work: the instances of all blocks, and for each address to listen on the handler that answers
 * there. A reload makes another generation beside it and lets this one finish what it has begun.
 */
export interface Generation {
  /** By the listener's name. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /**
   * Starts every instance, block after block in plugin order. On failure those started are stopped again.
   * `replacing`: another generation answers meanwhile.
   */
  start(replacing: boolean): Promise<void>;
  drain(): Promise<void>;
  /** Resolves when no query waits for its answer, at the latest after 5 s. */
  finish(): Promise<void>;
  /** Stops every instance. */
  stop(): Promise<void>;
}

export interface Endpoint {
  readonly at: ListenAddress;
  readonly zones: readonly string[];
  readonly handler: Handler;
}

export interface GenerationOptions {
  readonly host: Host;
  readonly log: Log;
  readonly onRefused: (query: Query) => void;
}

interface Block {
  readonly plan: BlockPlan;
  readonly instances: readonly Instance[];
  readonly handler: Handler | undefined;
  readonly addresses: readonly string[];
}

const FINISH_MS = 5000;
/** Two zones whose aliases point at each other would ask each other for ever. */
const MAX_HOPS = 16;

/** Creates every instance; nothing is opened. Throws CorefileError where two blocks want the same address. */
export function createGeneration(plan: Plan, options: GenerationOptions): Generation {
  const underway = new Underway();
  const endpoints = new Map<string, Endpoint>();
  const resolve = resolver(endpoints);
  const blocks = plan.blocks.map((block) => createBlock(block, resolve, options));
  refuseOverlaps(blocks);
  const anyClass = plan.blocks.some((block) => block.plugins.some(({ plugin }) => plugin.anyClass));
  for (const [name, { at, routes }] of routesByServer(blocks)) {
    const handler = underway.count(createRouter(routes, { anyClass, onRefused: options.onRefused }));
    endpoints.set(name, { at, zones: routes.map((route) => route.zone), handler });
  }
  const instances = blocks.flatMap((block) => block.instances);
  return {
    endpoints,
    start: (replacing) => startAll(instances, replacing),
    async drain() {
      await Promise.all(instances.map(async (instance) => instance.drain?.()));
    },
    finish: () => underway.finished(options.host, FINISH_MS),
    stop: () => stopAll(instances),
  };
}

function createBlock(plan: BlockPlan, resolve: Handler, { host, log }: GenerationOptions): Block {
  const instances = plan.plugins.map(({ plugin, create }) => {
    const env: Env = { ...host, host, scope: plan.scope, log: log.plugin(plugin.name), resolve };
    return create(env);
  });
  const wraps = instances.flatMap((instance) => (instance.wrap === undefined ? [] : [instance.wrap]));
  const wanted = instances.flatMap((instance) => instance.listen?.addresses ?? []);
  const addresses = wanted.length === 0 ? [''] : [...new Set(wanted)];
  for (const at of listenAddresses(plan, addresses)) {
    servedZones.provide(plan.scope, { server: serverName(at), zone: at.zone });
  }
  const handler = plan.plugins.length === 0 ? undefined : fold(wraps, endOfChain(plan.scope));
  return { plan, instances, handler, addresses };
}

function endOfChain({ zones }: BlockScope): Handler {
  return () => {
    throw new QueryError(
      RCODE.SERVFAIL,
      `no next plugin found: no plugin of the block ${zones.join(' ')} answers this`,
    );
  };
}

/** A question of the server's own goes where the query that it follows from came in. */
function resolver(endpoints: ReadonlyMap<string, Endpoint>): Handler {
  return (query) => {
    if (query.hops > MAX_HOPS) {
      throw new QueryError(
        RCODE.SERVFAIL,
        `aliases lead in a circle: ${MAX_HOPS} questions were asked on the way here`,
      );
    }
    const endpoint = endpoints.get(query.peer.server) ?? endpoints.values().next().value;
    if (endpoint === undefined) throw new QueryError(RCODE.SERVFAIL, 'nothing is served');
    return endpoint.handler(query);
  };
}

function refuseOverlaps(blocks: readonly Block[]): void {
  const listeners = blocks.flatMap((block) =>
    block.plan.text.addresses.flatMap((address) => block.addresses.map((host) => ({ address, host, filtered: false }))),
  );
  const mistakes = overlaps(listeners);
  if (mistakes.length > 0) throw new CorefileError(mistakes);
}

function routesByServer(blocks: readonly Block[]): Map<string, { at: ListenAddress; routes: Route[] }> {
  const servers = new Map<string, { at: ListenAddress; routes: Route[] }>();
  for (const block of blocks) {
    for (const at of listenAddresses(block.plan, block.addresses)) {
      const name = serverName(at);
      const server = servers.get(name) ?? { at, routes: [] };
      servers.set(name, server);
      server.routes.push({ zone: at.zone, handler: block.handler });
    }
  }
  return servers;
}

function listenAddresses(plan: BlockPlan, hosts: readonly string[]): (ListenAddress & { readonly zone: string })[] {
  return plan.text.addresses.flatMap(({ port, zone }) => hosts.map((host) => ({ address: host, port, zone })));
}

async function startAll(instances: readonly Instance[], replacing: boolean): Promise<void> {
  for (const [i, instance] of instances.entries()) {
    try {
      await instance.start?.(replacing);
    } catch (error) {
      await stopAll(instances.slice(0, i + 1));
      throw error;
    }
  }
}

async function stopAll(instances: readonly Instance[]): Promise<void> {
  for (const instance of instances.toReversed()) await instance.stop?.();
}

/** How many queries wait for their answer. */
class Underway {
  #count = 0;
  #onNone: (() => void) | undefined;

  count(handler: Handler): Handler {
    const done = (): void => {
      this.#count--;
      if (this.#count === 0) this.#onNone?.();
    };
    return (query): Outcome => {
      const outcome = handler(query);
      if (outcome instanceof Promise) {
        this.#count++;
        outcome.then(done, done);
      }
      return outcome;
    };
  }

  /** Resolves when none are left, at the latest after `limitMs`. */
  finished({ clock }: Host, limitMs: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.after(limitMs, resolve);
      this.#onNone = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
