import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { Outbox } from './outbox.ts';
import { runWatch } from './run-watch.ts';
import type { Known, WatchSpec } from './run-watch.ts';

/** What a watch thread is started with, as its `workerData`. */
export interface ThreadData {
  readonly spec: WatchSpec;
  readonly known: Known;
}

/** The watch thread. It is ended from outside; should it fail, it dies of it and another is started. */
const { spec, known } = workerData as ThreadData;
const outbox = new Outbox((text) => parentPort?.postMessage(text, []));
// Each message from the serving thread confirms one of ours. To listen also keeps this thread alive while it backs off.
parentPort?.on('message', () => outbox.confirmed());
const outlet = { say: outbox.send.bind(outbox), room: outbox.room.bind(outbox) };
void runWatch(spec, known, { clock: systemClock, random: systemRandom() }, outlet, new AbortController().signal);
