import type { Cluster } from '../../kube/store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';

/** More questions than this do not wait: they are told at once that nothing is known yet. */
const MAX_WAITING = 1000;
const TELL_AFTER_MS = 500;

/**
 * The time between the start and the first complete lists. Questions about what is not known yet wait for the lists, so that
 * a server that comes up beside a healthy API server never says that a name fails; once `limitMs` is over none waits.
 */
export class Startup {
  readonly #over: Promise<void>;
  #isOver = false;
  #waiting = 0;
  #end: () => void = () => {};

  constructor(cluster: Cluster, options: { readonly clock: Clock; readonly log: Log; readonly limitMs: number }) {
    const { clock, log, limitMs } = options;
    this.#over = new Promise((resolve) => {
      this.#end = () => {
        this.#isOver = true;
        told.cancel();
        limit.cancel();
        unsubscribe();
        resolve();
      };
    });
    const told = clock.after(Math.min(TELL_AFTER_MS, limitMs), () =>
      log.info('waiting for Kubernetes API before starting server'),
    );
    const limit = clock.after(limitMs, () => {
      log.warning('starting server with unsynced Kubernetes API');
      this.#end();
    });
    const unsubscribe = cluster.subscribe({ onApplied: () => this.#endIf(cluster.synced) });
    this.#endIf(cluster.synced);
  }

  /** Resolves when the lists are complete, or the time is over. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** What a question may wait for; undefined when it is not to wait. */
  wait(): Promise<void> | undefined {
    if (this.#isOver || this.#waiting === MAX_WAITING) return undefined;
    this.#waiting++;
    return this.#over;
  }

  /** Lets those who wait go, as they are. */
  end(): void {
    this.#endIf(true);
  }

  #endIf(condition: boolean): void {
    if (condition && !this.#isOver) this.#end();
  }
}
