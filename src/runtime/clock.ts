/**
 * Time as the server sees it. Everything that waits, ages or expires takes a `Clock`, so that tests
 * move time by hand and never sleep.
 */
export interface Clock {
  /** Milliseconds on a monotonic scale whose origin means nothing. */
  now(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  wall(): number;
  /** Calls `task` once after `delayMs`; a pending timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

export interface Timer {
  /** Forgets the task; harmless when it has run already. */
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, task) {
    // A longer delay would fire at once.
    if (delayMs > LONGEST_TIMEOUT_MS) return inStages(delayMs, task);
    const handle = setTimeout(task, delayMs).unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

function inStages(delayMs: number, task: () => void): Timer {
  let timer = systemClock.after(LONGEST_TIMEOUT_MS, () => {
    timer = systemClock.after(delayMs - LONGEST_TIMEOUT_MS, task);
  });
  return { cancel: () => timer.cancel() };
}

/** Calls `task` every `intervalMs`, first after one interval, until cancelled. */
export function every(clock: Clock, intervalMs: number, task: () => void): Timer {
  let timer = clock.after(intervalMs, tick);
  function tick(): void {
    timer = clock.after(intervalMs, tick);
    task();
  }
  return { cancel: () => timer.cancel() };
}

/** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = clock.after(delayMs, done);
    function done(): void {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}
