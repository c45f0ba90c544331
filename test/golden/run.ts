/**
 * Asks every question of the recordings again, over sockets, and tells what is not answered as the reference answered:
 *
 *     node test/golden/run.ts [DIRECTORY]
 *
 * One line for each recording, then its first differences in full. The exit code is 1 where anything differs.
 */
import { CorefileError } from '../../src/corefile/mistake.ts';
import { type Replay, replay } from './replay.ts';
import { dataDirectory, readRecordings } from './recordings.ts';

const SHOWN = 5;

const directory = process.argv[2] ?? dataDirectory();
let complete = true;
for (const recording of readRecordings(directory)) {
  try {
    const result = await replay(recording);
    complete &&= result.alike === result.of;
    process.stdout.write(summary(recording.name, result));
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    complete = false;
    process.stdout.write(`${recording.name.padEnd(14)} can not be served:\n${error.message}\n`);
  }
}
process.exit(complete ? 0 : 1);

function summary(name: string, { alike, of, differences }: Replay): string {
  // Rounded down, so that only all of them are 100 %.
  const percent = (Math.floor((10_000 * alike) / of) / 100).toFixed(2);
  const line = `${name.padEnd(14)} ${alike} of ${of} alike, ${percent} %\n`;
  const shown = differences.slice(0, SHOWN).map(({ asked, actual }) => {
    return `\n${asked.name} ${asked.type}\n  the reference:\n${indented(asked.answer)}\n  here:\n${indented(actual)}\n`;
  });
  return line + shown.join('') + (shown.length > 0 ? '\n' : '');
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}
