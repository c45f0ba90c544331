import { readAddresses } from '../../src/corefile/address.ts';
import { expand } from '../../src/corefile/expand.ts';
import type { Files } from '../../src/corefile/files.ts';
import { CorefileError, type Mistake, mistakeText } from '../../src/corefile/mistake.ts';
import { parse } from '../../src/corefile/parser.ts';
import { type Handler, QueryError } from '../../src/core/handler.ts';
import type { BlockScope, Control, Env, Host, Instance, Plugin } from '../../src/core/plugin.ts';
import { RCODE } from '../../src/dns/codes.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Http, HttpEndpoint, HttpHandler, HttpResponse } from '../../src/runtime/http.ts';
import type { LineOutput } from '../../src/runtime/line-writer.ts';
import type { Lease } from '../../src/runtime/shared.ts';
import { ManualClock } from './clock.ts';
import { memoryLog } from './log.ts';
import { seededRandom } from './random.ts';

/** The process as a test lends it to plugins: time stands still, and what is printed or served is at hand. */
export interface TestHost extends Host, LineOutput {
  readonly clock: ManualClock;
  readonly http: MemoryHttp;
  readonly log: ReturnType<typeof memoryLog>;
  /** Every line printed, of the log or of queries, in order and without its newline. */
  readonly output: string[];
}

/** `changes`: parts that the test brings itself. */
export function testHost(changes: Partial<TestHost> = {}): TestHost {
  const log = changes.log ?? memoryLog();
  return {
    version: '0.0.0',
    clock: new ManualClock(),
    random: seededRandom(1),
    metrics: new Metrics(),
    http: new MemoryHttp(),
    ownAddresses: () => [],
    environment: {},
    control: idleControl,
    log,
    output: log.lines,
    lines: { write: (line) => void log.lines.push(line.trimEnd()) },
    logFormat: 'text',
    ...changes,
  };
}

const idleControl: Control = {
  fingerprint: () => '0'.repeat(128),
  readFingerprint: () => '0'.repeat(128),
  reload: async () => undefined,
  setDebug: () => undefined,
};

/** The end of a chain: no plugin answers. */
export const noNext: Handler = () => {
  throw new QueryError(RCODE.SERVFAIL, 'no next plugin found');
};

export interface Built {
  readonly instance: Instance;
  readonly env: Env;
  /** The plugin's part of the chain before `next`; that itself for a plugin without one. */
  readonly handler: Handler;
  /** What looked like a mistake but was none, as `FILE:LINE - TEXT`. */
  readonly warnings: readonly string[];
}

export interface Surroundings {
  readonly host?: TestHost;
  /** What stands behind the plugin. */
  readonly next?: Handler;
  /** What `Env.resolve` is: the same for all blocks of one configuration. */
  readonly resolve?: Handler;
}

/**
 * Makes `plugin` as the first block of `corefile` configures it; the block's other directives are only names to it.
 * Throws CorefileError for the plugin's mistakes.
 */
export function build(plugin: Plugin, corefile: string, surroundings: Surroundings = {}): Built {
  const { host = testHost(), next = noNext, resolve = noNext } = surroundings;
  const { blocks, errors } = parse(expand({ path: 'Corefile', text: corefile }, {}, noFiles).tokens);
  const [block] = blocks;
  if (block === undefined || errors.length > 0) throw new CorefileError(errors);
  const { addresses } = readAddresses(block.keys, 53);
  const warnings: Mistake[] = [];
  const scope: BlockScope = {
    zones: [...new Set(addresses.map(({ zone }) => zone))],
    port: addresses[0]?.port ?? 53,
    directory: '/etc/coredns',
    plugins: new Set(block.directives.map(({ name }) => name)),
    warn: (warning) => void warnings.push(warning),
  };
  const directives = block.directives.filter(({ name }) => name === plugin.name);
  const env: Env = { ...host, host, scope, log: host.log.plugin(plugin.name), resolve };
  const instance = plugin.prepare(directives, scope)(env);
  const handler = instance.wrap?.(next) ?? next;
  return { instance, env, handler, warnings: warnings.map(mistakeText) };
}

/** The mistakes of `plugin` in the first block of `corefile`, each as `FILE:LINE - TEXT`. */
export function mistakesOf(plugin: Plugin, corefile: string): string[] {
  try {
    build(plugin, corefile);
    return [];
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    return error.mistakes.map(mistakeText);
  }
}

const noFiles: Files = {
  absolute: (path) => path,
  kind: () => 'missing',
  read: (path) => {
    throw new Error(`no file ${path}`);
  },
  list: () => [],
};

/** HTTP without sockets: `get` asks what `serve` was given. */
export class MemoryHttp implements Http {
  readonly #handlers = new Map<string, HttpHandler[]>();

  async serve(address: string, path: string, handler: HttpHandler): Promise<Lease<HttpEndpoint>> {
    const key = `${address}${path}`;
    const own: HttpHandler = (request) => handler(request);
    this.#handlers.set(key, [...(this.#handlers.get(key) ?? []), own]);
    return {
      value: { port: Number(address.slice(address.lastIndexOf(':') + 1)) },
      release: async () => {
        this.#handlers.set(key, this.#handlers.get(key)?.filter((other) => other !== own) ?? []);
      },
    };
  }

  /** The response, or undefined when nobody serves `path` at `address`. */
  async get(address: string, path: string): Promise<HttpResponse | undefined> {
    return this.#handlers.get(`${address}${path}`)?.at(-1)?.({ method: 'GET', path, query: new URLSearchParams() });
  }
}
