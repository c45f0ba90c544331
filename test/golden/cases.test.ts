import t from 'tap';
import { type Case, readCases, readFixtures } from './cases/case-file.ts';
import type { Outcome } from './cases/outcome.ts';
import { runCases } from './cases/suite.ts';
import { Surroundings } from './cases/surroundings.ts';
import { differences } from './differences.ts';
import { SAMPLE } from './recordings.ts';

/** Cases that wait for an upstream to time out, or for a shutdown to be delayed: seconds each, left to `npm run cases`. */
const SLOW = /"(ext-)?slow\.|garbage\.example|qmismatch\.example|lameduck/;

t.test('what the reference does is done here', async (t) => {
  using surroundings = new Surroundings(readFixtures(SAMPLE));
  const cases = readCases(SAMPLE).filter((one) => !SLOW.test(JSON.stringify(one)));
  const groups = new Map<string, (readonly [Case, Outcome])[]>();
  for await (const result of runCases(cases, surroundings)) {
    const name = `${result[0].kind} ${result[0].group}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  for (const [name, results] of groups) {
    const differing = results.flatMap(([{ id }, outcome]) =>
      outcome.is === 'differs' ? [`${id}\n${outcome.detail}\n`] : [],
    );
    t.equal(differing.join('\n'), '', name);
  }
  const results = [...groups.values()].flat();
  t.equal(results.length, cases.length, 'every case was run');
  const shown = results.flatMap(([, outcome]) => (outcome.is === 'intended' ? outcome.ids : []));
  const run = new Set(cases.map(({ id }) => id));
  const listed = differences.flatMap((difference) => difference.cases).filter((id) => run.has(id.split('#')[0] ?? ''));
  t.same(shown.toSorted(), listed.toSorted(), 'what docs/differences.md lists differs, and no more');
});
