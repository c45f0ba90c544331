/**
 * The server: a Corefile made to run, kept running, and put in place of another one.
 *
 *     Corefile text -> plan (all mistakes) -> generation (instances, handlers) -> start -> listeners use its handlers
 *                                                  `-- reload: the next generation starts beside the one at work,
 *                                                      takes over the listeners, and the old one finishes and stops
 *
 * Sockets outlive generations: a listener that both need is never closed, so no packet is lost. A reload that fails, at
 * whatever point, leaves the old generation as it was.
 */
import type { Host } from '../core/plugin.ts';
import type { Query } from '../core/query.ts';
import { RCODE, typeName } from '../dns/codes.ts';
import type { ListenAddress } from '../listen/address.ts';
import type { Log } from '../runtime/log.ts';
import { type Lease, Shared } from '../runtime/shared.ts';
import { createGeneration, type Generation } from './generation.ts';
import { type Listener, openListener } from './listener.ts';
import type { Plan } from './plan.ts';

export interface ServerOptions {
  readonly host: Host;
  readonly log: Log;
  /** A reply that no block has seen: bad packets, names that no block serves. */
  readonly onDropped: (query: Query, rcode: number) => void;
}

interface Running {
  readonly generation: Generation;
  readonly leases: readonly Lease<Listener>[];
}

export class Server {
  readonly #options: ServerOptions;
  readonly #listeners = new Shared<Listener>();
  #running: Running | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Runs `plan` from now on. Rejects, with everything as before, when something of it can not be started. */
  run(plan: Plan): Promise<void> {
    const turn = this.#turn.then(() => this.#replace(plan));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** What is listened on, with real ports, and the zones served there. */
  get endpoints(): (ListenAddress & { readonly zones: readonly string[] })[] {
    const { generation, leases } = this.#running ?? {};
    return [...(generation?.endpoints.values() ?? [])].map(({ at, zones }, i) => ({
      address: at.address,
      port: leases?.[i]?.value.port ?? at.port,
      zones,
    }));
  }

  /** Lets instances prepare for the end while queries are answered, then closes everything. */
  async shutdown(): Promise<void> {
    await this.#turn;
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    await running.generation.drain();
    await running.generation.finish();
    await Promise.all(running.leases.map((lease) => lease.release()));
    await running.generation.stop();
  }

  async #replace(plan: Plan): Promise<void> {
    const { host, log } = this.#options;
    const onRefused = (query: Query): void => this.#options.onDropped(query, RCODE.REFUSED);
    const generation = createGeneration(plan, { host, log, onRefused });
    await generation.start(this.#running !== undefined);
    const leases = await this.#listen(generation).catch(async (error: unknown) => {
      await generation.stop();
      throw error;
    });
    const before = this.#running;
    this.#running = { generation, leases };
    for (const [i, endpoint] of [...generation.endpoints.values()].entries()) leases[i]?.value.use(endpoint.handler);
    await Promise.all((before?.leases ?? []).map((lease) => lease.release()));
    await before?.generation.finish();
    await before?.generation.stop();
  }

  async #listen(generation: Generation): Promise<Lease<Listener>[]> {
    const leases: Lease<Listener>[] = [];
    try {
      for (const [server, { at }] of generation.endpoints) {
        leases.push(await this.#listeners.acquire(server, () => openListener(at, this.#listenerOptions(server))));
      }
      return leases;
    } catch (error) {
      await Promise.all(leases.map((lease) => lease.release()));
      throw error;
    }
  }

  #listenerOptions(server: string): Parameters<typeof openListener>[1] {
    const { host, log, onDropped } = this.#options;
    const panics = host.metrics.counter({ name: 'coredns_panics_total', help: PANICS_HELP }).with({});
    return {
      clock: host.clock,
      random: host.random,
      server,
      onRejected: onDropped,
      onFault(error, query) {
        panics.inc();
        const what = error instanceof Error ? error.message : String(error);
        log.error(`Recovered from panic in server: "${server}" ${query.key} ${typeName(query.type)}: ${what}`);
      },
    };
  }
}

const PANICS_HELP = 'A metrics that counts the number of panics.';
