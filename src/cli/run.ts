import { writeFileSync } from 'node:fs';
import { systemFiles } from '../corefile/system-files.ts';
import type { Source } from '../corefile/expand.ts';
import { CorefileError, mistakeText } from '../corefile/mistake.ts';
import { Metrics } from '../metrics/metrics.ts';
import { plugins } from '../plugins/index.ts';
import { systemClock } from '../runtime/clock.ts';
import { HttpEndpoints } from '../runtime/http.ts';
import { createLog, type LogFormat } from '../runtime/log.ts';
import { systemRandom } from '../runtime/random.ts';
import { Service } from '../server/service.ts';
import { onSignals } from './signals.ts';
import { startLines } from './banner.ts';
import { versionBanner } from './version.ts';

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
  const log = createLog(process.stdout, options.logFormat);
  const metrics = new Metrics();
  metrics.addProcess();
  const service = new Service({
    host: {
      clock: systemClock,
      random: systemRandom(),
      metrics,
      http: new HttpEndpoints(systemClock, log),
      environment: process.env,
    },
    log,
    plugins,
    load: options.load,
    files: systemFiles,
    dnsPort: options.dnsPort,
    directory: process.cwd(),
    onDropped: () => {},
  });
  const ended = onSignals({ log, service });
  try {
    await service.start();
    if (options.pidFile !== undefined) writePidFile(options.pidFile);
  } catch (error) {
    process.stderr.write(`${startupFailure(error)}\n`);
    await service.shutdown();
    await options.onStopped?.();
    return 1;
  }
  if (!options.quiet) process.stdout.write(`${startLines(service).join('\n')}\n${versionBanner()}\n`);
  const [first] = service.endpoints;
  if (options.greeting !== undefined && first !== undefined) process.stdout.write(options.greeting(first.port));
  const code = await ended;
  await options.onStopped?.();
  return code;
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
