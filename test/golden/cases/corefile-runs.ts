import { CorefileError } from '../../../src/corefile/mistake.ts';
import type { RunningServer } from '../../support/running-server.ts';
import type { CorefileRunCase } from './case-file.ts';
import { alike, differs, lacking, messageOf, needs, notApplicable, type Outcome, refused } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** The port that these Corefiles name. */
const PORT = '35353';
const environment = { TESTPORT: PORT, X: 'a b' };

/** Whole Corefiles: does the server start, what does it print, what does it refuse and where. */
export async function* runCorefileRuns(
  cases: readonly CorefileRunCase[],
  surroundings: Surroundings,
): AsyncGenerator<[CorefileRunCase, Outcome]> {
  for (const one of cases) yield [one, await (one.starts ? start(one, surroundings) : refuse(one, surroundings))];
}

async function start(one: CorefileRunCase, surroundings: Surroundings): Promise<Outcome> {
  try {
    const corefile = one.corefile.replaceAll(PORT, '0');
    await using served = await surroundings.serve({ corefile, environment: { ...environment, TESTPORT: '0' } });
    const expected = printed(one.output);
    const missing = expected.filter((line) => !tells(served.server, line));
    const surplus = isWhole(one)
      ? served.server.startLines.map(withoutPort).filter((line) => !expected.includes(line))
      : [];
    const changes = [...missing.map((line) => `- ${line}`), ...surplus.map((line) => `+ ${line}`)];
    return changes.length === 0 ? alike : differs([`  ${one.label}`, ...changes].join('\n'));
  } catch (error) {
    return refused(error);
  }
}

/** Some were only watched until they began to wait for an API server, and of long outputs the end was cut. */
function isWhole({ output }: CorefileRunCase): boolean {
  return /^CoreDNS-/m.test(output) && !output.endsWith('...');
}

/** The lines that tell of zones, and warnings; not what a start reports of its progress and its version. */
function printed(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('...') && !/^(\[INFO\]|CoreDNS-|<os)/.test(line))
    .map(withoutPort);
}

function withoutPort(line: string): string {
  return line.replace(/:\d+$/, '');
}

function tells({ startLines, log }: RunningServer, line: string): boolean {
  if (line.startsWith('[WARNING]')) return log.some((text) => text.includes(line.replace('[WARNING] ', '')));
  return startLines.map(withoutPort).includes(line);
}

async function refuse(one: CorefileRunCase, surroundings: Surroundings): Promise<Outcome> {
  if (one.output.startsWith('no action found')) return notApplicable('the server that was watched lacked the plugin');
  try {
    const served = await surroundings.serve({ corefile: one.corefile, environment });
    await served[Symbol.asyncDispose]();
  } catch (error) {
    const what = lacking(error);
    if (what !== undefined) return needs(what);
    return tellsWhy(error, one, surroundings) ? alike : differs(detailOf(one, `refused: ${messageOf(error)}`));
  }
  return differs(detailOf(one, 'it starts'));
}

function detailOf({ label, output }: CorefileRunCase, actual: string): string {
  return `  ${label}\n- refused: ${output}\n+ ${actual}`;
}

/** Whether one of the mistakes has the core of the reference's text, and its line if that has one. */
function tellsWhy(error: unknown, { output }: CorefileRunCase, { directory }: Surroundings): boolean {
  const line = /<corefile>:(\d+) - /.exec(output)?.[1];
  const core = coreOf(output).replace('<dir>', directory);
  if (!(error instanceof CorefileError)) return messageOf(error).includes(core);
  return error.mistakes.some(
    (mistake) => mistake.message.includes(core) && (line === undefined || mistake.line === Number(line)),
  );
}

/** A message of the reference without the plugin, place and kind of mistake, which stand elsewhere here, and without its libraries' words. */
function coreOf(output: string): string {
  return output
    .replace(/^(plugin\/\w+: )+/, '')
    .replace(/^<corefile>:\d+ - /, '')
    .replace(/^(Error during parsing|Syntax error): /, '')
    .replace(/: (lookup|couldn't parse the selector string) .*$/, '')
    .replaceAll('\n', String.raw`\n`);
}
