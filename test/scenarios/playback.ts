import { eventsOf } from '../../src/kube/events.ts';
import type { Kind } from '../../src/kube/objects.ts';
import { reflect, Reflector, type Report } from '../../src/kube/reflector.ts';
import type { ClusterStore } from '../../src/kube/store.ts';
import { recorded, type Replay } from '../kube/recorded.ts';
import { type ScriptedRequest, ScriptedTransport } from '../kube/scripted-transport.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';

/** What is read here of an object as the API server sent it. */
export interface RawObject {
  readonly metadata: {
    readonly namespace?: string;
    readonly name?: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly clusterIPs?: readonly string[];
    readonly ports?: readonly { readonly name?: string; readonly protocol: string }[];
  };
  readonly endpoints?: readonly { readonly addresses: readonly string[]; readonly hostname?: string }[] | null;
  readonly status?: { readonly podIPs?: readonly { readonly ip: string }[] };
}

export interface RawEvent {
  readonly type: string;
  readonly object: RawObject;
}

export function eventOf(line: string): RawEvent {
  return JSON.parse(line) as RawEvent;
}

export function itemsOf(list: string): readonly RawObject[] {
  return (JSON.parse(list) as { readonly items: readonly RawObject[] }).items;
}

const endMark = '"k8s.io/initial-events-end":"true"';

/**
 * A recorded watch of one kind, played line by line to the machine and the reflector that work in production, which feed
 * `store`. Its connection can be lost: what is recorded meanwhile is missed, and a list of what there is makes up for it.
 */
export class Playback {
  readonly kind: Kind;
  readonly #transport = new ScriptedTransport();
  // Its own: a pause of one watch is no silence of another.
  readonly #clock = new ManualClock();
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  /** What the API server has, by key. */
  readonly #objects = new Map<string, RawObject>();
  /** The lines to come. */
  readonly #lines: string[];
  #watch: ScriptedRequest | undefined;
  #isLost = false;

  constructor(kind: Kind, { first, lines }: Replay, store: ClusterStore) {
    this.kind = kind;
    this.#lines = [...lines];
    for (const object of first === undefined ? [] : itemsOf(first)) this.#objects.set(keyOf(object), object);
    const outlet = { say: (report: Report) => passOn(report, store), room: () => undefined };
    const deps = { transport: this.#transport, clock: this.#clock, random: seededRandom(7) };
    this.#done = reflect({ kind }, store.versions(kind), deps, outlet, this.#abort.signal);
  }

  /** The first list, as it was recorded: a LIST, or the initial events of a streaming one. */
  async list(first: string | undefined): Promise<void> {
    const stream = await this.#request();
    if (first === undefined) {
      this.#watch = stream.answer();
      for (let line = ''; !line.includes(endMark);) line = await this.play();
      return;
    }
    stream.play(recorded('streaming list without match'));
    (await this.#request()).answer().send(first).end();
    this.#watch = (await this.#request()).answer();
  }

  /** How many lines are still to come. */
  get remaining(): number {
    return this.#lines.length;
  }

  get nextVersion(): number {
    const [line] = this.#lines;
    return line === undefined ? Infinity : Number(eventOf(line).object.metadata.resourceVersion);
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Sends the next line, or misses it. */
  async play(): Promise<string> {
    const line = this.#lines.shift();
    if (line === undefined) throw new Error(`nothing more is recorded of ${this.kind}`);
    const { type, object } = eventOf(line);
    if (type === 'DELETED') this.#objects.delete(keyOf(object));
    else if (type !== 'BOOKMARK') this.#objects.set(keyOf(object), object);
    if (!this.#isLost) this.#watch?.lines([line]);
    await settled();
    return line;
  }

  /** The connection is lost, and the API server does not remember what happens from now on. */
  async lose(): Promise<void> {
    await this.#clock.advance(10_000);
    this.#watch?.end();
    (await this.#request()).play(recorded('expired watch')).end();
    await this.#clock.advance(1_000);
    this.#watch = (await this.#request()).answer();
    this.#isLost = true;
  }

  /** A streaming list makes up for it; `halfway` is called when half of it has come. */
  async recover(halfway: () => Promise<void>): Promise<void> {
    const lines = [...this.#objects.values()].map((object) => JSON.stringify({ type: 'ADDED', object }));
    const half = lines.length >> 1;
    this.#watch?.lines(lines.slice(0, half));
    await settled();
    await halfway();
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    const mark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '1', annotations } } };
    this.#watch?.lines([...lines.slice(half), JSON.stringify(mark)]);
    this.#isLost = false;
    await settled();
  }

  async end(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #request(): Promise<ScriptedRequest> {
    await settled();
    return this.#transport.take();
  }
}

/** Shows `store` a whole list in one go. */
export function showList(kind: Kind, items: readonly unknown[], store: ClusterStore): void {
  const reflector = new Reflector(kind, new Map(), (report) => passOn(report, store));
  const puts = items.flatMap((item) => eventsOf({ kind }, item));
  reflector.accept([{ type: 'listing', reason: 'start' }, ...puts, { type: 'listed' }]);
}

function passOn(report: Report, store: ClusterStore): void {
  if (report.type === 'fault') throw new Error(report.fault.message);
  store.apply(report);
}

function keyOf({ metadata: { namespace = '', name = '' } }: RawObject): string {
  return `${namespace}/${name}`;
}
