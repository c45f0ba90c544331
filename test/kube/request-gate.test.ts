import t from 'tap';
import { RequestGate } from '../../src/kube/request-gate.ts';
import { ManualClock, settled } from '../support/clock.ts';

/** Who has entered so far, and since when in milliseconds: `a@0 b@100`. */
class Queue {
  readonly clock = new ManualClock();
  readonly abort = new AbortController();
  readonly gate: RequestGate;
  readonly #startMs = this.clock.now();
  readonly #entered: string[] = [];

  constructor(qps: number, burst: number, maxInflight: number) {
    this.gate = new RequestGate({ qps, burst, maxInflight }, this.clock);
  }

  arrive(...names: readonly string[]): void {
    for (const name of names) {
      void this.gate.enter(this.abort.signal).then(() => {
        this.#entered.push(`${name}@${Math.round(this.clock.now() - this.#startMs)}`);
      });
    }
  }

  async entered(): Promise<string> {
    await settled();
    return this.#entered.join(' ');
  }
}

t.test('so many a second, and so many at once after a time without', async (t) => {
  const cases = [
    // qps, burst: four at 0 ms, two more at 10,000 ms
    [10, 1, 'a@0 b@100 c@200 d@300 e@10000 f@10100'],
    [10, 3, 'a@0 b@0 c@0 d@100 e@10000 f@10000'],
    [0.5, 2, 'a@0 b@0 c@2000 d@4000 e@10000 f@10000'],
    // Only one of them is said: the other is as in other Kubernetes clients, 5 a second and 10 at once.
    [0, 1, 'a@0 b@200 c@400 d@600 e@10000 f@10200'],
    [1, 0, 'a@0 b@0 c@0 d@0 e@10000 f@10000'],
    [0, 0, 'a@0 b@0 c@0 d@0 e@10000 f@10000'],
  ] as const;
  for (const [qps, burst, expected] of cases) {
    const queue = new Queue(qps, burst, 0);
    queue.arrive('a', 'b', 'c', 'd');
    await queue.clock.advance(10_000);
    queue.arrive('e', 'f');
    await queue.clock.advance(10_000);
    t.equal(await queue.entered(), expected, `qps ${qps}, burst ${burst}`);
  }
});

t.test('so many at the same time', async (t) => {
  const queue = new Queue(0, 0, 2);
  queue.arrive('a', 'b', 'c', 'd');
  t.equal(await queue.entered(), 'a@0 b@0');
  await queue.clock.advance(50);
  queue.gate.leave();
  queue.arrive('e');
  t.equal(await queue.entered(), 'a@0 b@0 c@50', 'a place goes to who has waited longest');
  queue.gate.leave();
  queue.gate.leave();
  t.equal(await queue.entered(), 'a@0 b@0 c@50 d@50 e@50');
});

t.test('who is told to stop waits no longer', async (t) => {
  const queue = new Queue(1, 1, 1);
  queue.arrive('a', 'b');
  t.equal(await queue.entered(), 'a@0');
  queue.abort.abort();
  t.equal(await queue.entered(), 'a@0 b@0');
  t.equal(queue.clock.pending, 0);
  queue.gate.leave();
  queue.gate.leave();
});
