import type { Cluster } from '../../kube/store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';

interface Waiting {
  readonly isKnown: () => boolean;
  readonly resume: () => void;
}

/** More questions than this do not wait: they are told at once that nothing is known yet. */
const MAX_WAITING = 1000;
const TELL_AFTER_MS = 500;

/**
 * The time between the start and the first complete lists. Questions about what is not known yet wait for the lists, so that
 * a server that comes up beside a healthy API server never says that a name fails; once `limitMs` is over none waits.
 * A question waits only for the lists that it needs: one that never comes does not hold up the others.
 */
export class Startup {
  readonly #over: Promise<void>;
  #isOver = false;
  readonly #waiting = new Set<Waiting>();
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
        this.#resume(() => true);
      };
    });
    const told = clock.after(Math.min(TELL_AFTER_MS, limitMs), () =>
      log.info('waiting for Kubernetes API before starting server'),
    );
    const limit = clock.after(limitMs, () => {
      log.warning('starting server with unsynced Kubernetes API');
      this.#end();
    });
    const unsubscribe = cluster.subscribe({
      onApplied: () => {
        this.#endIf(cluster.synced);
        this.#resume(({ isKnown }) => isKnown());
      },
    });
    this.#endIf(cluster.synced);
  }

  /** Resolves when the lists are complete, or the time is over. */
  get over(): Promise<void> {
    return this.#over;
  }

  /**
   * What a question may wait for; undefined when it is not to wait. `isKnown`: whether the lists that it needs are complete.
   */
  wait(isKnown: () => boolean): Promise<void> | undefined {
    if (this.#isOver || this.#waiting.size === MAX_WAITING || isKnown()) return undefined;
    return new Promise((resume) => this.#waiting.add({ isKnown, resume }));
  }

  /** Lets those who wait go, as they are. */
  end(): void {
    this.#endIf(true);
  }

  #resume(chosen: (one: Waiting) => boolean): void {
    for (const one of [...this.#waiting].filter(chosen)) {
      this.#waiting.delete(one);
      one.resume();
    }
  }

  #endIf(condition: boolean): void {
    if (condition && !this.#isOver) this.#end();
  }
}
