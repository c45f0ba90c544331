import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where this server means to differ from the reference: which cases show it, and what a user has of it. */
export interface Difference {
  /** Ids of cases; `ID#N` is the Nth step of a sequence. */
  readonly cases: readonly string[];
  readonly gain: string;
}

const PAGE = join(import.meta.dirname, '../../docs/differences.md');

/** What the page of differences says of cases, a row each. */
export const differences: readonly Difference[] = rowsOf(readFileSync(PAGE, 'utf8'));

function rowsOf(page: string): Difference[] {
  const [, table = ''] = /^## Cases of the reference$([^]*)/m.exec(page) ?? [];
  const rows = table.matchAll(/^\| (`.*`) \| (.+) \|$/gm);
  return Array.from(rows, ([, cases = '', gain = '']) => ({
    cases: Array.from(cases.matchAll(/`([^`]+)`/g), ([, text = '']) => stepsOf(text)).flat(),
    gain,
  }));
}

/** `CASE#1#2` is `CASE#1` and `CASE#2`. */
function stepsOf(text: string): string[] {
  const [id = '', ...steps] = text.split('#');
  return steps.length === 0 ? [id] : steps.map((step) => `${id}#${step}`);
}

const byCase = new Map(differences.flatMap((difference) => difference.cases.map((id) => [id, difference] as const)));

/** The difference that a case or a step shows. */
export function intended(id: string): Difference | undefined {
  return byCase.get(id);
}
