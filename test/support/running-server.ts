import { resolve } from 'node:path';
import { startLines } from '../../src/cli/banner.ts';
import { systemFiles } from '../../src/corefile/system-files.ts';
import { ownAddresses as hostAddresses } from '../../src/listen/address.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Plugin } from '../../src/core/plugin.ts';
import { plugins as builtIn } from '../../src/plugins/index.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type Http, HttpEndpoints, parseAddress } from '../../src/runtime/http.ts';
import type { Log } from '../../src/runtime/log.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { Service } from '../../src/server/service.ts';
import { memoryLog } from './log.ts';

export interface RunningServerOptions {
  /** What `<NAME>` stands for in the Corefile. */
  readonly placeholders?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What relative file names count from; the working directory unless given. */
  readonly directory?: string;
  /** The machine's addresses besides loopback, as the server is to see them; its real ones unless given. */
  readonly ownAddresses?: readonly string[];
  /** Those built in, unless given. */
  readonly plugins?: readonly Plugin[];
}

export interface RunningServer {
  /** The port of the first listener, for UDP and TCP. */
  readonly port: number;
  /** What a start prints about zones and listeners. */
  readonly startLines: readonly string[];
  /** Every line of the log and of the query log, without newlines. */
  readonly log: readonly string[];
  readonly metrics: Metrics;
  /** The port that stands for an HTTP address of the Corefile, `:8181`. */
  httpPort(address: string): number | undefined;
  close(): Promise<void>;
}

/**
 * Runs a Corefile in this process, as the command would: real sockets, real time, the log kept. Its addresses should name
 * port 0; those of HTTP endpoints are moved to free ports. Rejects as `Service.start` does, with nothing left open.
 */
export async function startServer(corefile: string, options: RunningServerOptions = {}): Promise<RunningServer> {
  const { clock = systemClock, placeholders = {}, environment = {}, ownAddresses } = options;
  const { directory = process.cwd(), plugins = builtIn } = options;
  const log = memoryLog();
  const metrics = new Metrics();
  const http = new MovedHttp(clock, log);
  const lines = { write: (line: string) => void log.lines.push(line.trimEnd()) };
  const host = {
    version: '0.0.0',
    clock,
    random: systemRandom(),
    metrics,
    http,
    ownAddresses: () => ownAddresses ?? hostAddresses(),
    environment,
    lines,
    logFormat: 'text' as const,
  };
  const source = { path: 'Corefile', text: filled(corefile, placeholders) };
  const service = new Service({
    host,
    log,
    plugins,
    load: () => source,
    files: { ...systemFiles, absolute: (path) => resolve(directory, path) },
    dnsPort: 0,
    directory,
    onDropped: () => {},
  });
  try {
    await service.start();
  } catch (error) {
    await service.shutdown();
    throw error;
  }
  return {
    port: service.endpoints[0]?.port ?? 0,
    startLines: startLines(service),
    log: log.lines,
    metrics,
    httpPort: (address) => http.portOf(address),
    close: () => service.shutdown(),
  };
}

function filled(corefile: string, placeholders: Readonly<Record<string, string>>): string {
  return corefile.replace(/<([a-z-]+)>/g, (whole, name: string) => placeholders[name] ?? whole);
}

/** HTTP endpoints on free ports: what the Corefile names as one address is one address here too. */
class MovedHttp implements Http {
  readonly #endpoints: HttpEndpoints;
  readonly #moved = new Map<string, string>();

  constructor(clock: Clock, log: Log) {
    this.#endpoints = new HttpEndpoints(clock, log);
  }

  portOf(address: string): number | undefined {
    const moved = this.#moved.get(address);
    return moved === undefined ? undefined : parseAddress(moved).port;
  }

  async serve(...[address, path, handler]: Parameters<Http['serve']>): ReturnType<Http['serve']> {
    // The address is checked as it stands, so that a wrong one is refused in its own words.
    parseAddress(address);
    const lease = await this.#endpoints.serve(this.#moved.get(address) ?? '127.0.0.1:0', path, handler);
    this.#moved.set(address, `127.0.0.1:${lease.value.port}`);
    return lease;
  }
}
