import t from 'tap';
import { readRecordings, SAMPLE } from './recordings.ts';
import { replay } from './replay.ts';

// Every fifth question of the recordings; `npm run golden` asks all of them.
for (const recording of readRecordings(SAMPLE)) {
  t.test(`answers as recorded: ${recording.name}`, async (t) => {
    const { of, differences } = await replay(recording);
    t.same(differences, []);
    t.ok(of > 1000, 'there is something to compare');
  });
}
