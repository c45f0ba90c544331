import { mistakeText } from '../corefile/mistake.ts';
import { systemFiles } from '../corefile/system-files.ts';
import { plugins } from '../plugins/index.ts';
import { makePlan } from '../server/plan.ts';
import { loader } from './serve.ts';

const DNS_PORT = 53;

/**
 * `portolan check`: every mistake of every file to standard error, a line each; warnings too. The exit code is 1 when there
 * is a mistake. Nothing is started, no address is opened, no API server is asked.
 */
export function check(paths: readonly string[]): number {
  const counts = paths.map(checkFile);
  return counts.some((count) => count > 0) ? 1 : 0;
}

function checkFile(path: string): number {
  const load = loader({ from: 'file', path }, DNS_PORT);
  try {
    const { errors, warnings } = makePlan(load(), {
      plugins,
      environment: process.env,
      files: systemFiles,
      dnsPort: DNS_PORT,
      directory: process.cwd(),
    });
    for (const { file, line, message } of warnings) process.stderr.write(`${file}:${line} - warning: ${message}\n`);
    for (const mistake of errors) process.stderr.write(`${mistakeText(mistake)}\n`);
    process.stdout.write(`${path}: ${verdict(errors.length)}\n`);
    return errors.length;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function verdict(mistakes: number): string {
  if (mistakes === 0) return 'no mistakes';
  return mistakes === 1 ? '1 mistake' : `${mistakes} mistakes`;
}
