/**
 * Runs the recorded cases of the reference, and tells of each group how many are alike:
 *
 *     node test/golden/cases.ts [DIRECTORY]
 *
 * Then comes what is missing here for some, and the first differences in full. The exit code is 1 where anything differs
 * that is not meant to, or is meant to and does not.
 */
import { type Case, readCases, readFixtures } from './cases/case-file.ts';
import type { Outcome } from './cases/outcome.ts';
import { runCases } from './cases/suite.ts';
import { Surroundings } from './cases/surroundings.ts';
import { differences, intended } from './differences.ts';
import { dataDirectory } from './recordings.ts';

type Outcomes = readonly (readonly [Case, Outcome])[];

const SHOWN = 20;
const COLUMNS = ['alike', 'intended', 'differs', 'needs', 'not applicable'] as const;

const outcomes = await runAll(process.argv[2] ?? dataDirectory());
const outdated = differences.flatMap(({ cases }) => cases).filter((id) => isAlike(id, outcomes));
process.stdout.write(`${table(outcomes)}\n\n${reasons(outcomes)}\n\n${details(outcomes)}\n`);
for (const id of outdated) process.stdout.write(`${id} is listed as a difference, and is none\n`);
process.exit(outdated.length > 0 || outcomes.some(([, outcome]) => outcome.is === 'differs') ? 1 : 0);

async function runAll(directory: string): Promise<Outcomes> {
  using surroundings = new Surroundings(readFixtures(directory));
  const all: (readonly [Case, Outcome])[] = [];
  for await (const outcome of runCases(readCases(directory), surroundings)) all.push(outcome);
  return all;
}

/** Whether a case that was run, or the step of one, came out alike. */
function isAlike(id: string, outcomes: Outcomes): boolean {
  const [, outcome] = outcomes.find(([one]) => one.id === id.replace(/#.*/, '')) ?? [];
  return outcome?.is === 'alike' || (outcome?.is === 'intended' && !outcome.ids.includes(id));
}

/** A row for each group, and the sums. */
function table(outcomes: Outcomes): string {
  const groups = Map.groupBy(outcomes, ([one]) => `${one.kind} ${one.group}`);
  const rows = [...groups].map(([group, members]) => row(group, counts(members)));
  return [row('', COLUMNS), ...rows.toSorted(), row('all', counts(outcomes))].join('\n');
}

function counts(outcomes: Outcomes): string[] {
  return COLUMNS.map((column) => String(outcomes.filter(([, { is }]) => is === column).length));
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(36) + cells.map((cell, i) => cell.padStart((COLUMNS[i]?.length ?? 0) + 2)).join('');
}

/** What is missing, what is meant, and why some can not be compared, each with the number of cases. */
function reasons(outcomes: Outcomes): string {
  const texts = outcomes.flatMap(([, outcome]) => [...new Set(reasonsOf(outcome))]);
  const groups = [...Map.groupBy(texts, (text) => text)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([text, { length }]) => `${String(length).padStart(5)}  ${text}`).join('\n');
}

function reasonsOf(outcome: Outcome): string[] {
  switch (outcome.is) {
    case 'needs':
      return [`needs ${outcome.what}`];
    case 'intended':
      return outcome.ids.map((id) => `intended: ${intended(id)?.gain ?? ''}`);
    case 'not applicable':
      return [`not applicable: ${outcome.why}`];
    case 'alike':
    case 'differs':
      return [];
    default:
      return outcome satisfies never;
  }
}

function details(outcomes: Outcomes): string {
  const texts = outcomes.flatMap(([{ id }, outcome]) =>
    outcome.is === 'differs' ? [`${id}\n${outcome.detail}\n`] : [],
  );
  return texts.slice(0, SHOWN).join('\n');
}
