import { writeFileSync } from 'node:fs';
import { systemFiles } from '../corefile/system-files.ts';
import type { Source } from '../corefile/expand.ts';
import { CorefileError, mistakeText } from '../corefile/mistake.ts';
import { dropCounter } from '../core/query-metrics.ts';
import { exposeBuild } from '../metrics/build-info.ts';
import { ownAddresses } from '../listen/address.ts';
import { Metrics } from '../metrics/metrics.ts';
import { plugins } from '../plugins/index.ts';
import { systemClock } from '../runtime/clock.ts';
import { HttpEndpoints } from '../runtime/http.ts';
import { LineWriter } from '../runtime/line-writer.ts';
import { createLog, type Log, type LogFormat } from '../runtime/log.ts';
import { systemRandom } from '../runtime/random.ts';
import { Service } from '../server/service.ts';
import { onSignals } from './signals.ts';
import { startLines } from './banner.ts';
import { commit, version, versionBanner } from './version.ts';

/** How long the end waits for a reader of the log. */
const FLUSH_MS = 1000;

export interface RunOptions {
  readonly load: () => Source;
  readonly dnsPort: number;
  readonly logFormat: LogFormat;
  readonly quiet: boolean;
  readonly pidFile: string | undefined;
  /** What else to tell when all is up; gets the port of the first listener. */
  readonly greeting?: (port: number) => string;
  /** Closed when the server has stopped. */
  readonly onStopped?: () => Promise<void>;
}

/**
 * Runs a server until a signal ends it; resolves with the exit code. What keeps it from starting goes to standard error, one
 * line for each mistake, and the code is 1.
 */
export async function run(options: RunOptions): Promise<number> {
  const lines = new LineWriter(process.stdout, { onLost: (count) => log.warning(`${count} log lines were lost`) });
  const log = createLog(lines, options.logFormat);
  const metrics = new Metrics();
  metrics.addProcess();
  exposeBuild(metrics, { version, revision: commit, nodeVersion: process.version });
  const service = new Service({
    host: {
      version,
      clock: systemClock,
      random: systemRandom(),
      metrics,
      http: new HttpEndpoints(systemClock, log),
      ownAddresses,
      environment: process.env,
      lines,
      logFormat: options.logFormat,
    },
    log,
    plugins,
    load: options.load,
    files: systemFiles,
    dnsPort: options.dnsPort,
    directory: process.cwd(),
    onDropped: dropCounter(metrics),
  });
  const code = await serve(service, options, { log, lines });
  await options.onStopped?.();
  await lines.flush(systemClock, FLUSH_MS);
  return code;
}

async function serve(service: Service, options: RunOptions, output: { log: Log; lines: LineWriter }): Promise<number> {
  const { log, lines } = output;
  const ended = onSignals({ log, service });
  try {
    await service.start();
    if (options.pidFile !== undefined) writePidFile(options.pidFile);
  } catch (error) {
    process.stderr.write(`${startupFailure(error)}\n`);
    await service.shutdown();
    return 1;
  }
  if (!options.quiet) lines.write(`${startLines(service).join('\n')}\n${versionBanner()}\n`);
  const [first] = service.endpoints;
  if (options.greeting !== undefined && first !== undefined) lines.write(options.greeting(first.port));
  return ended;
}

function startupFailure(error: unknown): string {
  if (error instanceof CorefileError) return error.mistakes.map(mistakeText).join('\n');
  return error instanceof Error ? error.message : String(error);
}

function writePidFile(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`could not write the process id: ${cause}; name a writable file with -pidfile, or leave it out`, {
      cause: error,
    });
  }
}
