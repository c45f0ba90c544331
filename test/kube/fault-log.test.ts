import t from 'tap';
import { FaultLog } from '../../src/kube/fault-log.ts';
import { ManualClock } from '../support/clock.ts';
import { memoryLog } from '../support/log.ts';

t.test('a trouble is told when it begins, changes and ends, and once a minute while it lasts', async (t) => {
  const log = memoryLog();
  const clock = new ManualClock();
  const faults = new FaultLog(log, clock);
  const told = () => log.lines.splice(0);

  faults.note('*v1.Service', 'unreachable', 'connection refused');
  t.strictSame(told(), ['[ERROR] connection refused'], 'it begins');
  faults.note('*v1.Service', 'unreachable', 'connection refused');
  t.strictSame(told(), [], 'it lasts');
  faults.note('*v1.Pod', 'unreachable', 'connection refused');
  t.strictSame(told(), ['[ERROR] connection refused'], 'another subject has troubles of its own');
  await clock.advance(2_000);
  faults.note('*v1.Service', 'forbidden', 'no rights');
  t.strictSame(told(), ['[ERROR] no rights'], 'it changes');
  for (let seconds = 0; seconds < 60; seconds += 10) {
    faults.note('*v1.Service', 'forbidden', 'no rights');
    await clock.advance(10_000);
  }
  t.strictSame(told(), []);
  faults.note('*v1.Service', 'forbidden', 'still no rights');
  t.strictSame(told(), ['[ERROR] still no rights (7 times in 60 s)']);
  faults.recovered('*v1.Service');
  faults.recovered('*v1.Service');
  t.strictSame(told(), ['[INFO] Watching *v1.Service again after 62 s'], 'it ends, once');
  faults.note('*v1.Service', 'forbidden', 'no rights');
  t.strictSame(told(), ['[ERROR] no rights'], 'it begins again');
});
