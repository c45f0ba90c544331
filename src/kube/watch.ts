/**
 * The cluster's objects, from the API server to those who answer from them. Nothing here knows DNS.
 *
 *     watch thread                                                   serving thread
 *     HttpTransport -> Machine ----> Reflector ----- batches ------> ClusterStore -> readers, subscribers
 *                      (per kind:    (per kind:      (JSON text)     (whole states only)
 *                      list, watch)  diffs lists)    faults -------> FaultLog
 *                                                    requests -----> WatchStats
 *
 * What holds:
 *
 * - The API server's JSON, megabytes at a start and at a relist, is read in the watch thread. The serving thread gets slim
 *   objects, at most 500 at a time, and only those that changed.
 * - A reader never sees half a list, and what vanished while nobody could watch is told as gone.
 * - Whatever fails is reported and tried again, for ever; the store keeps its last state meanwhile. That includes the thread
 *   itself: the next one starts its comparison from what the store shows.
 * - The kinds are not ordered among each other: a slice may come before its Service.
 */
import { Worker } from 'node:worker_threads';
import type { WorkerOptions } from 'node:worker_threads';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import type { Batch } from './batch.ts';
import type { ListReason } from './events.ts';
import { FaultLog } from './fault-log.ts';
import type { RequestOutcome } from './http-transport.ts';
import type { Kind } from './objects.ts';
import { typeName } from './resources.ts';
import { runWatch } from './run-watch.ts';
import type { Known, WatchMessage, WatchSpec } from './run-watch.ts';
import type { ThreadData } from './watch-thread.ts';

export type { WatchSpec } from './run-watch.ts';

/** Where batches go: a `ClusterStore`, or whoever passes them on to several. */
export interface WatchSink {
  apply(batch: Batch): void;
  /** What the sink shows of a kind, key to resourceVersion. */
  versions(kind: Kind): Map<string, string>;
}

/** What there is to count. */
export interface WatchStats {
  onRequest(outcome: RequestOutcome): void;
  /** A list begins; that of a fresh start has the reason 'start'. */
  onList(kind: Kind, reason: ListReason): void;
}

export interface WatchDeps {
  /** The log of whoever watches: lines come as `[ERROR] plugin/kubernetes: Failed to watch: ...`. */
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly stats?: WatchStats;
  /** Starts the watch thread; for tests. */
  readonly spawn?: (entry: URL, options: WorkerOptions) => Worker;
}

export interface Watch {
  /** Ends all requests; afterwards the sink hears no more. */
  stop(): Promise<void>;
}

const restart = { firstMs: 800, ceilingMs: 30_000 };
const steadyMs = 60_000;
/** Room for the versions of half a million objects and one page; a thread that wants more is broken. */
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 };

/** Watches in a thread of its own, and starts another when that dies. */
export function startWatch(spec: WatchSpec, sink: WatchSink, deps: WatchDeps): Watch {
  const watch = new ThreadWatch(spec, sink, deps);
  watch.start();
  return watch;
}

/** Watches in this very thread: the plain twin. */
export function startInlineWatch(spec: WatchSpec, sink: WatchSink, deps: WatchDeps): Watch {
  const abort = new AbortController();
  const outlet = { say: listener(sink, deps, new FaultLog(deps.log, deps.clock)), room: () => undefined };
  runWatch(spec, knownOf(spec, sink), deps, outlet, abort.signal).catch((error: unknown) => {
    deps.log.error(`Failed to watch: ${String(error)}`);
  });
  return {
    stop: () => {
      abort.abort();
      return Promise.resolve();
    },
  };
}

class ThreadWatch implements Watch {
  readonly #spec: WatchSpec;
  readonly #sink: WatchSink;
  readonly #deps: WatchDeps;
  readonly #faults: FaultLog;
  readonly #backoff: Backoff;
  #worker: Worker | undefined;
  #restart: Timer | undefined;

  constructor(spec: WatchSpec, sink: WatchSink, deps: WatchDeps) {
    this.#spec = spec;
    this.#sink = sink;
    this.#deps = deps;
    this.#faults = new FaultLog(deps.log, deps.clock);
    this.#backoff = new Backoff(restart, deps.random);
  }

  start(): void {
    const { clock, spawn = (entry, options) => new Worker(entry, options) } = this.#deps;
    const startedMs = clock.now();
    const workerData: ThreadData = { spec: this.#spec, known: knownOf(this.#spec, this.#sink) };
    const hear = listener(this.#sink, this.#deps, this.#faults);
    const worker = spawn(threadEntry(), { name: 'watch', workerData, resourceLimits });
    let reason = 'it ended';
    worker.on('message', (text: string) => {
      if (this.#worker !== worker) return;
      hear(JSON.parse(text) as WatchMessage);
      // Only once queries had their turn: messages that wait are all taken before anything else is.
      setImmediate(() => worker.postMessage('read', []));
    });
    worker.on('error', (error) => (reason = String(error)));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      if (clock.now() - startedMs >= steadyMs) this.#backoff.reset();
      this.#faults.note(theThread, 'dead', `Failed to watch: the watch thread is started anew: ${reason}`);
      this.#restart = clock.after(this.#backoff.next(), () => this.start());
    });
    this.#worker = worker;
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#restart?.cancel();
    await worker?.terminate();
  }
}

const theThread = 'the API server';

/** As it stands in the source, run by type stripping, or beside the bundle. */
function threadEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './watch-thread.ts' : './watch-thread.js', import.meta.url);
}

function knownOf(spec: WatchSpec, sink: WatchSink): Known {
  return new Map(spec.selections.map(({ kind }) => [kind, sink.versions(kind)]));
}

/** What the serving side does about each message. */
function listener(sink: WatchSink, { stats }: WatchDeps, faults: FaultLog): (message: WatchMessage) => void {
  return (message) => {
    switch (message.type) {
      case 'request':
        stats?.onRequest(message.outcome);
        return;
      case 'fault': {
        const { kind, fault } = message;
        const subject = fault.code === 'malformed' ? `objects of ${typeName(kind)}` : typeName(kind);
        faults.note(subject, fault.code, fault.message);
        return;
      }
      case 'listing':
        stats?.onList(message.kind, message.reason);
        sink.apply(message);
        return;
      case 'changes':
        sink.apply(message);
        return;
      case 'listed':
      case 'alive':
        sink.apply(message);
        faults.recovered(theThread);
        faults.recovered(typeName(message.kind));
        return;
      default:
        message satisfies never;
    }
  };
}
