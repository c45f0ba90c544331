import { recordsOf } from '../../src/core/encode.ts';
import type { Answer } from '../../src/core/answer.ts';
import type { Query } from '../../src/core/query.ts';
import { RCODE, rcodeName } from '../../src/dns/codes.ts';
import { rdataText } from '../../src/dns/text.ts';
import type { Selection } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { type ClusterZones, openClusterZones } from '../../src/plugins/kubernetes/cluster-zones.ts';
import type { KubernetesConfig } from '../../src/plugins/kubernetes/config.ts';
import { Serial } from '../../src/plugins/kubernetes/serial.ts';
import { Startup } from '../../src/plugins/kubernetes/startup.ts';
import { answerText } from '../support/ask.ts';
import { ManualClock } from '../support/clock.ts';
import { kubernetesConfig, outside } from '../support/cluster-zones.ts';
import { memoryLog } from '../support/log.ts';

/** An answer as it is compared. */
export class Told {
  /** Whether it was found ready made. */
  readonly kept: boolean;
  readonly #query: Query;
  readonly #answer: Answer | undefined;

  /** `answer`: undefined while it waits for the first lists. */
  constructor(query: Query, answer: Answer | undefined, kept: boolean) {
    this.#query = query;
    this.#answer = answer;
    this.kept = kept;
  }

  /** The data of the answer section, in order; `NODATA`; the rcode; or `WAITS`. */
  get short(): string {
    if (this.#answer === undefined) return 'WAITS';
    if (this.#answer.rcode !== RCODE.NOERROR) return rcodeName(this.#answer.rcode);
    const data = recordsOf(this.#query, this.#answer).answer.map((record) => rdataText(record.data));
    return data.length === 0 ? 'NODATA' : data.sort().join('; ');
  }

  /** Rcode, flags and every record of every section, in order. */
  get whole(): string {
    if (this.#answer === undefined) return 'WAITS';
    return answerText(this.#query, this.#answer).split('\n').sort().join('\n');
  }

  /** Whether both say the same, in whatever order of records. */
  equals(other: Told): boolean {
    const [a, b] = [this.#answer, other.#answer];
    const sameBytes = a !== undefined && b !== undefined && a.rcode === b.rcode && a.body.equals(b.body);
    return (sameBytes && a.flags === b.flags && a.answerCount === b.answerCount) || this.whole === other.whole;
  }
}

/**
 * One cluster as one kubernetes block serves it: the store that batches go into, the engine at work, which remembers what it
 * was asked before, and another beside it, which does not.
 */
export class World {
  readonly clock = new ManualClock();
  readonly store: ClusterStore;
  /** What is watched. */
  readonly selections: readonly Selection[];
  readonly #serial = new Serial();
  readonly #startup: Startup;
  #config: KubernetesConfig;
  #engine: ClusterZones;
  #forgetful: ClusterZones;

  /** `options`: lines of the kubernetes block. */
  constructor(options: readonly string[]) {
    this.#config = configOf(options);
    this.selections = selectionsOf(this.#config);
    this.store = this.anotherStore();
    this.store.subscribe({ onChange: (change) => this.#serial.note(change, this.clock.wall()) });
    this.#startup = new Startup(this.store, { clock: this.clock, log: memoryLog(), limitMs: 5000 });
    this.#engine = this.#open(this.store);
    this.#forgetful = this.#open(this.store);
  }

  /** Another engine takes over, as after a reload, and remembers nothing. */
  reload(options: readonly string[]): void {
    this.#config = configOf(options);
    const wanted = JSON.stringify(selectionsOf(this.#config));
    if (wanted !== JSON.stringify(this.selections)) throw new Error('these options want another watch');
    this.#engine.end();
    this.#forgetful.end();
    this.#engine = this.#open(this.store);
    this.#forgetful = this.#open(this.store);
  }

  /** A store of the same kinds, of which nothing is known yet. */
  anotherStore(): ClusterStore {
    return new ClusterStore(
      this.selections.map(({ kind }) => kind),
      this.clock,
    );
  }

  ask(queries: readonly Query[]): Promise<readonly Told[]> {
    return tell(this.#engine, queries);
  }

  /** What an engine says that remembers nothing. */
  askAnew(queries: readonly Query[]): Promise<readonly Told[]> {
    this.#forgetful.memo.clear();
    return tell(this.#forgetful, queries);
  }

  /** What an engine says that has never seen another store. */
  async askOf(store: ClusterStore, queries: readonly Query[]): Promise<readonly Told[]> {
    const engine = this.#open(store);
    const told = await tell(engine, queries);
    engine.end();
    return told;
  }

  #open(store: ClusterStore): ClusterZones {
    const engine: ClusterZones = openClusterZones(this.#config, {
      cluster: store,
      serial: this.#serial,
      startup: this.#startup,
      ownAddresses: ['10.244.9.9'],
      resolve: (query) => engine.handler(query),
      next: outside,
      clock: this.clock,
    });
    return engine;
  }
}

function configOf(options: readonly string[]): KubernetesConfig {
  return kubernetesConfig('cluster.local clusterset.local in-addr.arpa ip6.arpa', ['ttl 30', ...options]);
}

/** As the plugin chooses them; selectors are the API server's matter. */
function selectionsOf({ endpoints, pods, zonal, multicluster }: KubernetesConfig): readonly Selection[] {
  const selections: Selection[] = [{ kind: 'Namespace' }, { kind: 'Service' }];
  if (endpoints) selections.push({ kind: 'EndpointSlice', withZones: zonal });
  if (pods === 'verified') selections.push({ kind: 'Pod' });
  if (multicluster.length > 0) selections.push({ kind: 'ServiceImport' }, { kind: 'MulticlusterSlice' });
  return selections;
}

async function tell(engine: ClusterZones, queries: readonly Query[]): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (const query of queries) {
    const { hits } = engine.memo;
    const outcome = engine.handler(query);
    const kept = engine.memo.hits > hits && !(outcome instanceof Promise);
    const answer = outcome instanceof Promise ? await Promise.race([outcome, nextTurn()]) : outcome;
    told.push(new Told(query, answer, kept));
  }
  return told;
}

/** By then a promise that waits for nothing outside has settled. */
function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)));
}
