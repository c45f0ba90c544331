/**
 * `loop`: finds out whether a server that questions are forwarded to sends them back here.
 *
 *     start -> watch.ts --HINFO <random>.<random>.<zone>--> each server
 *                                                             |
 *     query -> is it for such a name? -> the server is not used any more, as long as it leads back
 *                 `- no -> next
 *
 * The process never ends because of it: names of its own zones are answered on, and a loop that is mended heals.
 */
import { type DirectiveCursor, readOnce } from '../../corefile/cursor.ts';
import { emptyAnswer } from '../../core/answer.ts';
import type { Handler } from '../../core/handler.ts';
import { definePlugin, type BlockScope, type Env, type Instance } from '../../core/plugin.ts';
import { servedZones } from '../../core/query-metrics.ts';
import { RCODE, TYPE } from '../../dns/codes.ts';
import { endpointText } from '../../upstream/failure.ts';
import { systemSockets } from '../../upstream/sockets.ts';
import { UdpClient } from '../../upstream/udp.ts';
import { upstreams } from '../../upstream/upstreams.ts';
import { Probes } from './probes.ts';
import { LoopWatch } from './watch.ts';

export const loopPlugin = definePlugin<{ readonly zone: string }>({
  name: 'loop',
  parse(directives, scope) {
    readOnce(directives, scope, (directive: DirectiveCursor) => directive.args(0, 0));
    return { zone: scope.zones[0] ?? '.' };
  },
  create: ({ zone }, env) => new Loop(zone, env),
});

const seenAgain = emptyAnswer(RCODE.SERVFAIL, 'loop', 'a question of this server itself, which asks where it leads');

class Loop implements Instance {
  readonly #env: Env;
  readonly #zone: string;
  readonly #probes: Probes;
  #watch: LoopWatch | undefined;

  constructor(zone: string, env: Env) {
    this.#env = env;
    this.#zone = zone;
    this.#probes = new Probes(env.random);
  }

  readonly wrap = (next: Handler): Handler => {
    const probes = this.#probes;
    return (query) => (query.type === TYPE.HINFO && probes.see(query) ? seenAgain : next(query));
  };

  /** Does not wait: the block's sockets open when all plugins have started. */
  async start(): Promise<void> {
    const { clock, log, random, scope } = this.#env;
    const { address, port } = listenAddress(scope);
    const self = new UdpClient({
      clock,
      random,
      sockets: systemSockets,
      address,
      port,
      sourceAddress: '',
      expireMs: 0,
      maxAgeMs: 0,
      maxIdle: 0,
      onConnection: () => undefined,
    });
    this.#watch = new LoopWatch({
      clock,
      log,
      probes: this.#probes,
      zone: this.#zone,
      self,
      listening: endpointText(address, port),
      routes: () => upstreams.find(scope).flatMap(({ routes }) => routes),
    });
    void this.#watch.run();
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
  }
}

/** Where the block's first address listens; all addresses of the host include the loopback's. */
function listenAddress(scope: BlockScope): { readonly address: string; readonly port: number } {
  const [first] = servedZones.find(scope);
  const [, bracketed, plain, port] = /^\w+:\/\/(?:\[(.*)\]|(.*)):(\d+)$/.exec(first?.server ?? '') ?? [];
  const host = bracketed ?? plain ?? '';
  const address = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host;
  return { address: address === '::' ? '::1' : address, port: port === undefined ? scope.port : Number(port) };
}
