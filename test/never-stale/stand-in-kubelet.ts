import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { AnyObject, Hand } from './hand.ts';

interface Pod extends AnyObject {
  readonly metadata: AnyObject['metadata'] & { readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase?: string; readonly podIP?: string };
}

const NODE = 'stand-in';
const START_MS = 100;
const STOP_MS = 300;
const RECONNECT_MS = 100;

/**
 * Runs the pods of a control plane that has no nodes, as far as an API server sees: binds a pod to a node, gives it an
 * address, the first that is free, and ends it when it is deleted. The annotation `example.com/ready: "false"` makes it fail
 * its readiness probe. Returns what stops it.
 */
export async function startStandInKubelet(hand: Hand): Promise<() => void> {
  const kubelet = new StandInKubelet(hand);
  await hand.create('Node', '', { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } }).catch(() => {});
  void kubelet.run();
  return () => kubelet.stop();
}

class StandInKubelet {
  readonly #hand: Hand;
  readonly #addresses = new Map<string, string>();
  /** By uid, what was last made of the pod. */
  readonly #told = new Map<string, string>();
  readonly #abort = new AbortController();

  constructor(hand: Hand) {
    this.#hand = hand;
  }

  stop(): void {
    this.#abort.abort();
  }

  /** Looks at every pod whenever any of them changes; a lost watch is begun anew. */
  async run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        const response = await this.#hand.watch('Pod');
        this.#abort.signal.addEventListener('abort', () => response.destroy(), { once: true });
        for (const pod of await this.#hand.list<Pod>('Pod')) void this.#tend(pod);
        for await (const line of createInterface({ input: response })) {
          const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: Pod };
          if (type === 'DELETED') this.#forget(object);
          else if (type !== 'ERROR') void this.#tend(object);
        }
      } catch {
        // The API server is away: the steps do that to it.
      }
      await delay(RECONNECT_MS);
    }
  }

  async #tend(pod: Pod): Promise<void> {
    const { uid, namespace = '', name, deletionTimestamp, annotations } = pod.metadata;
    const isReady = annotations?.['example.com/ready'] !== 'false';
    const wanted = deletionTimestamp !== undefined ? 'ending' : `running ${isReady}`;
    if (this.#told.get(uid) === wanted || this.#told.get(uid) === 'ending') return;
    this.#told.set(uid, wanted);
    try {
      if (wanted === 'ending') await this.#end(namespace, name);
      else await this.#run(pod, isReady);
    } catch {
      this.#told.delete(uid);
    }
  }

  async #run({ metadata: { uid, namespace = '', name }, spec, status }: Pod, isReady: boolean): Promise<void> {
    if (spec.nodeName === undefined) {
      const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
      await this.#hand.create(
        'Pod',
        namespace,
        { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target },
        `/${name}/binding`,
      );
    }
    if (status.podIP === undefined) await delay(START_MS);
    const podIP = status.podIP ?? this.#addressFor(uid);
    const conditions = conditionsOf(isReady);
    const running = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions };
    await this.#hand.merge('Pod', namespace, name, { status: running }, '/status');
  }

  async #end(namespace: string, name: string): Promise<void> {
    await delay(STOP_MS);
    const status = { phase: 'Succeeded', conditions: conditionsOf(false) };
    await this.#hand.merge('Pod', namespace, name, { status }, '/status');
    await this.#hand.remove('Pod', namespace, name, true);
  }

  /** The smallest that is free, so that addresses come back soon under other pods. */
  #addressFor(uid: string): string {
    const taken = new Set(this.#addresses.values());
    for (let number = 1; ; number++) {
      const address = `10.244.${number >> 8}.${number & 0xff}`;
      if (taken.has(address)) continue;
      this.#addresses.set(uid, address);
      return address;
    }
  }

  #forget({ metadata: { uid } }: Pod): void {
    this.#addresses.delete(uid);
    this.#told.delete(uid);
  }
}

/** The slice controller takes the time of a transition for the time of the change. */
function conditionsOf(isReady: boolean): readonly object[] {
  const lastTransitionTime = `${new Date().toISOString().slice(0, 19)}Z`;
  return ['Ready', 'ContainersReady'].map((type) => ({ type, status: isReady ? 'True' : 'False', lastTransitionTime }));
}
