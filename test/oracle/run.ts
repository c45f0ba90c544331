/**
 * `npm run oracle -- [WORLDS] [FIRST-SEED]`: holds the engine against the oracle in that many random worlds, 2000 unless
 * said. Ends with code 1 at the first disagreement, whose seed repeats it.
 */
import { liveThrough } from './worlds.ts';

const [worlds = 2000, first = 1] = process.argv.slice(2).map(Number);
const started = performance.now();
for (let seed = first; seed < first + worlds; seed++) {
  const disagreement = await liveThrough(seed);
  if (disagreement === undefined) continue;
  console.log(disagreement);
  process.exit(1);
}
console.log(
  `${worlds} worlds x 40 events x 25 questions: no difference (${Math.round((performance.now() - started) / 1000)} s)`,
);
