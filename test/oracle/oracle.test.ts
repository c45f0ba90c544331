import t from 'tap';
import { liveThrough } from './worlds.ts';

t.test('the engine says what the book says, whatever happens', async (t) => {
  for (let seed = 1; seed <= 60; seed++) t.equal(await liveThrough(seed), undefined, `world ${seed}`);
});
