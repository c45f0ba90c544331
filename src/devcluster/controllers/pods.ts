import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Cluster } from '../cluster.ts';
import { ended, type Pod } from '../objects/pod.ts';
import type { Observer, StoreEvent } from '../store.ts';

/**
 * Stands in for the kubelet where a pod ends: a deleted pod goes on serving for `stopMs`, marked as terminating; then
 * it is not ready, and gone. With 0 it goes at once, after its event of terminating.
 */
export class PodController implements Observer {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #stopMs: number;
  readonly #timers = new Map<string, Timer>();
  #due: Pod[] = [];

  constructor(cluster: Cluster, clock: Clock, stopMs: number) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#stopMs = stopMs;
  }

  observe({ object, previous }: StoreEvent): void {
    if (object.kind !== 'Pod' || object.metadata.deletionTimestamp === undefined) return;
    if (previous?.metadata.deletionTimestamp !== undefined) return;
    if (this.#stopMs === 0) this.#due.push(object);
    else
      this.#timers.set(
        object.metadata.uid,
        this.#clock.after(this.#stopMs, () => this.#end(object)),
      );
  }

  settle(): void {
    const due = this.#due;
    this.#due = [];
    for (const pod of due) this.#end(pod);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #end({ metadata }: Pod): void {
    this.#timers.delete(metadata.uid);
    const pod = this.#cluster.store.get('Pod', metadata.namespace, metadata.name);
    if (pod === undefined || pod.metadata.uid !== metadata.uid) return;
    this.#cluster.remove(this.#cluster.put(ended(pod)));
  }
}
