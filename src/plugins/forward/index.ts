/**
 * `forward`: questions passed on to other servers.
 *
 *     query -> handler.ts: which `forward` of the block -> forwarder.ts: which server, until one answers -> src/upstream/
 *
 *     start: target.ts, servers.ts: words of the Corefile -> addresses
 *
 * - What is passed on is the client's question as it came, and the answer comes back as the server gave it.
 * - A query ends within five seconds, and so does each attempt within its own time, whatever servers do.
 * - Equal questions under way are asked once.
 */
import { resolve } from 'node:path';
import type { SecureContext } from 'node:tls';
import type { Files } from '../../corefile/files.ts';
import { CorefileError } from '../../corefile/mistake.ts';
import { systemFiles } from '../../corefile/system-files.ts';
import type { Handler } from '../../core/handler.ts';
import { metadataSources } from '../../core/metadata.ts';
import { definePlugin, type Env, type Instance, type Plugin } from '../../core/plugin.ts';
import { type Sockets, systemSockets } from '../../upstream/sockets.ts';
import { createTlsContext } from '../../upstream/tls.ts';
import { type ServerAddress, Upstream } from '../../upstream/upstream.ts';
import { type UpstreamRoute, upstreams } from '../../upstream/upstreams.ts';
import { type ForwardConfig, parseForward, type TlsFiles } from './config.ts';
import { Forwarder } from './forwarder.ts';
import { forwardHandler, type Link } from './handler.ts';
import { UpstreamLabel } from './metadata.ts';
import { findServers, type Lookup, systemLookup } from './servers.ts';

/** The machine around: what a test replaces. */
export interface ForwardWorld {
  readonly sockets: Sockets;
  readonly files: Pick<Files, 'kind' | 'read'>;
  readonly lookup: Lookup;
}

export const forwardPlugin = forwardIn({ sockets: systemSockets, files: systemFiles, lookup: systemLookup });

/** The plugin in a world of its own. */
export function forwardIn(world: ForwardWorld): Plugin {
  return definePlugin<readonly ForwardConfig[]>({
    name: 'forward',
    anyClass: true,
    parse: parseForward,
    create: (configs, env) => new Forward(configs, env, world),
  });
}

class Forward implements Instance {
  readonly #env: Env;
  readonly #world: ForwardWorld;
  readonly #links: readonly Link[];

  constructor(configs: readonly ForwardConfig[], env: Env, world: ForwardWorld) {
    const { clock, random, metrics, scope } = env;
    const healthcheckBroken = metrics.counter({
      name: 'coredns_forward_healthcheck_broken_total',
      help: 'Counter of the number of complete failures of the healthchecks.',
    });
    const rejects = metrics.counter({
      name: 'coredns_forward_max_concurrent_rejects_total',
      help: 'Counter of the number of queries rejected because the concurrent queries were at maximum.',
    });
    const upstreamLabel = scope.plugins.has('metadata') ? new UpstreamLabel() : undefined;
    if (upstreamLabel !== undefined) metadataSources.provide(scope, upstreamLabel);
    const cells = { healthcheckBroken: healthcheckBroken.with({}), rejects: rejects.with({}) };
    this.#env = env;
    this.#world = world;
    this.#links = configs.map((config) => ({
      config,
      forwarder: new Forwarder({ config, clock, random, ...cells, upstreamLabel }),
    }));
    upstreams.provide(scope, this);
  }

  readonly wrap = (next: Handler): Handler => forwardHandler(this.#links, next);

  /** Every server of the block, once it has started. */
  get routes(): readonly UpstreamRoute[] {
    return this.#links.flatMap(({ config, forwarder }) =>
      forwarder.servers.map((server) => ({ server, zone: config.from, transport: config.forceTcp ? 'tcp' : 'udp' })),
    );
  }

  async start(): Promise<void> {
    for (const { config, forwarder } of this.#links) {
      try {
        forwarder.servers = await this.#connect(config);
      } catch (error) {
        const message = `plugin/forward: ${messageOf(error)}`;
        throw new CorefileError([{ file: config.file, line: config.line, message }]);
      }
    }
  }

  async stop(): Promise<void> {
    for (const { server } of this.routes) server.close();
  }

  async #connect(config: ForwardConfig): Promise<readonly Upstream[]> {
    const { clock, random, metrics, log } = this.#env;
    const { sockets, files, lookup } = this.#world;
    const addresses = await findServers(config.to, { clock, files, lookup, resolvers: config.resolvers });
    const tlsContext = this.#tlsContext(config.tls, addresses);
    const options = {
      clock,
      random,
      sockets,
      metrics,
      proxyName: 'forward',
      tlsContext,
      sourceAddress: config.sourceAddress,
      expireMs: config.expireMs,
      maxAgeMs: config.maxAgeMs,
      maxIdle: config.maxIdle,
      dohMethod: config.dohMethod,
      health: {
        ...config.health,
        maxFails: config.maxFails,
        transport: config.forceTcp ? ('tcp' as const) : ('udp' as const),
        onChange({ endpoint, origin }: Upstream, problem: string | undefined): void {
          if (problem !== undefined) log.warning(`upstream ${endpoint} (${origin}) does not answer: ${problem}`);
          else log.info(`upstream ${endpoint} (${origin}) answers again`);
        },
      },
    };
    return addresses.map((address) => {
      const servername = config.tlsServername === '' ? address.servername : config.tlsServername;
      return new Upstream({ ...address, servername }, options);
    });
  }

  /** Files that are named must be good, even where no server needs them. */
  #tlsContext({ ca, cert, key }: TlsFiles, addresses: readonly ServerAddress[]): SecureContext | undefined {
    if (ca === '' && cert === '' && addresses.every(({ protocol }) => protocol === 'dns')) return undefined;
    const material = {
      ...(ca === '' ? {} : { ca: this.#read(ca) }),
      ...(cert === '' ? {} : { cert: this.#read(cert), key: this.#read(key) }),
    };
    try {
      return createTlsContext(material);
    } catch (error) {
      throw new Error(`could not load TLS cert: ${messageOf(error)}`, { cause: error });
    }
  }

  #read(path: string): string {
    try {
      return this.#world.files.read(resolve(this.#env.scope.directory, path));
    } catch (error) {
      throw new Error(`error reading ${path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
