/**
 * What a real API server once sent to a watcher is sent again, through the machine and the reflector that read it in
 * production, into a store from which an engine answers. After every event every question that any of the objects ever had to
 * do with is asked of the engine at work and of one that remembers nothing: they must agree. At the end the answers are those
 * that the last LIST of the recording gives.
 */
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { Query } from '../../src/core/query.ts';
import type { Kind } from '../../src/kube/objects.ts';
import type { ClusterStore } from '../../src/kube/store.ts';
import type { Random } from '../../src/runtime/random.ts';
import { replays } from '../kube/recorded.ts';
import { queryFor } from '../support/ask.ts';
import { seededRandom } from '../support/random.ts';
import { questionsOf } from './names-in-play.ts';
import { itemsOf, Playback, showList } from './playback.ts';
import { type Told, World } from './world.ts';

type Recording = ReturnType<typeof replays>;

const total = { events: 0, questions: 0, kept: 0 };

/** The questions of a recording, asked again and again. */
class Inquiry {
  readonly #t: Test;
  readonly #world: World;
  readonly #questions: readonly string[];
  readonly #queries: readonly Query[];
  #differences = 0;
  /** What each was answered last. */
  #last: readonly Told[] = [];
  /** All that each was answered, one after the other. */
  readonly histories = new Map<string, string[]>();

  constructor(t: Test, world: World, questions: ReadonlySet<string>) {
    this.#t = t;
    this.#world = world;
    this.#questions = [...questions];
    this.#queries = this.#questions.map((question) => queryFor(question));
  }

  /** Everything is asked after `what` happened. `wanted`: whether nothing may have changed by it. */
  async ask(what: string, wanted: 'anything' | 'as before' = 'anything'): Promise<void> {
    const [now, anew] = [await this.#world.ask(this.#queries), await this.#world.askAnew(this.#queries)];
    for (const [i, question] of this.#questions.entries()) {
      const told = now[i];
      if (told?.kept === true) total.kept++;
      else this.#note(question, told?.short ?? '');
      this.#same(told, anew[i], `${what}: ${question}`);
      if (wanted === 'as before') this.#same(told, this.#last[i], `${what}, which is not whole yet: ${question}`);
    }
    total.questions += this.#questions.length;
    this.#last = now;
  }

  /** The answers from a store that was shown nothing but the last lists. */
  async compareWith(final: ClusterStore): Promise<void> {
    const expected = await this.#world.askOf(final, this.#queries);
    for (const [i, question] of this.#questions.entries()) {
      this.#same(this.#last[i], expected[i], `at the end: ${question}`);
    }
  }

  #same(told: Told | undefined, expected: Told | undefined, name: string): void {
    if (told !== undefined && expected !== undefined && told.equals(expected)) return;
    // One mistake shows again and again.
    if (++this.#differences <= 10) this.#t.equal(told?.whole, expected?.whole ?? 'an answer', name);
  }

  #note(question: string, answer: string): void {
    const history = this.histories.get(question);
    if (history === undefined) this.histories.set(question, [answer]);
    else if (history.at(-1) !== answer) history.push(answer);
  }
}

/** Which of those that have a line left is next. */
type Order = (left: readonly Playback[]) => Playback | undefined;

const byVersion: Order = (left) => left.toSorted((a, b) => a.nextVersion - b.nextVersion)[0];

function kindByKind(kinds: readonly Kind[]): Order {
  return (left) => left.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))[0];
}

function anyOrder(random: Random): Order {
  return (left) => {
    let place = random.below(left.reduce((sum, { remaining }) => sum + remaining, 0));
    return left.find(({ remaining }) => (place -= remaining) < 0);
  };
}

/** As the events came when they were recorded. */
function asItWas(): Order {
  const letters = dataLines('life-arrival.txt').join('')[Symbol.iterator]();
  return (left) => {
    const letter = letters.next().value;
    return left.find(({ kind }) => kind.startsWith(letter ?? ''));
  };
}

function dataLines(name: string): string[] {
  const text = readFileSync(new URL(`./data/${name}`, import.meta.url), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

interface Replayed {
  readonly recording: Recording;
  /** Of the kubernetes block. */
  readonly options: readonly string[];
  readonly order: Order;
  /** Everything is asked again after so many events, 1 unless said: an answer that should be void by then is still there. */
  readonly every?: number;
  /** Decides when connections are lost; without it they hold. */
  readonly losses?: Random;
}

/** Plays a recording to its end. */
async function replay(t: Test, { recording, options, order, every = 1, losses }: Replayed): Promise<Inquiry> {
  const world = new World(options);
  const inquiry = new Inquiry(t, world, questionsOf(recording));
  const playbacks = await listAll(t, recording, world);
  await inquiry.ask('the first lists');
  const lost = new Map<Playback, number>();
  for (let events = 1; ; events++) {
    const next = order(playbacks.filter(({ remaining }) => remaining > 0));
    if (next === undefined) break;
    total.events++;
    await world.clock.advance(1000);
    const line = await next.play();
    if (events % every === 0) await inquiry.ask(line.slice(0, 160));
    const loser = losses?.below(10) === 0 ? playbacks[losses.below(playbacks.length)] : undefined;
    if (losses !== undefined && loser !== undefined && !loser.isLost) {
      await loser.lose();
      lost.set(loser, 1 + losses.below(20));
    }
    for (const [playback, left] of lost) {
      lost.set(playback, left - 1);
      if (left > 0) continue;
      lost.delete(playback);
      await recover(playback, inquiry);
    }
  }
  for (const playback of lost.keys()) await recover(playback, inquiry);
  await inquiry.ask('the end');
  t.strictSame(
    playbacks.filter(({ remaining }) => remaining > 0),
    [],
    'all of it was played',
  );
  await inquiry.compareWith(finalStore(recording, world));
  return inquiry;
}

/** Brings every kind to where its first list is whole. */
async function listAll(t: Test, recording: Recording, world: World): Promise<readonly Playback[]> {
  const playbacks: Playback[] = [];
  for (const { kind } of world.selections) {
    const recorded = recording.get(kind);
    if (recorded === undefined) {
      showList(kind, namespacesOf(recording), world.store);
      continue;
    }
    const playback = new Playback(kind, recorded, world.store);
    t.teardown(() => playback.end());
    await playback.list(recorded.first);
    playbacks.push(playback);
  }
  return playbacks;
}

async function recover(playback: Playback, inquiry: Inquiry): Promise<void> {
  total.events++;
  await inquiry.ask(`before a list of ${playback.kind}`);
  await playback.recover(() => inquiry.ask(`half a list of ${playback.kind}`, 'as before'));
  await inquiry.ask(`a list of ${playback.kind}`);
}

function finalStore(recording: Recording, world: World): ClusterStore {
  const store = world.anotherStore();
  for (const { kind } of world.selections) {
    const recorded = recording.get(kind);
    showList(kind, recorded === undefined ? namespacesOf(recording) : itemsOf(recorded.final), store);
  }
  return store;
}

/** The namespaces of all services, for a recording that has none itself. */
function namespacesOf(recording: Recording): readonly unknown[] {
  const names = itemsOf(recording.get('Service')?.final ?? '{"items":[]}').map(({ metadata }) => metadata.namespace);
  return [...new Set(names)].map((name) => ({ metadata: { name, resourceVersion: '1' } }));
}

const life = replays('life-streaming');

t.test('a life as it was recorded', async (t) => {
  const { histories } = await replay(t, { recording: life, options: ['pods verified'], order: asItWas() });
  for (const line of dataLines('life-histories.txt')) {
    const [, name = '', type = '', expected = ''] = /^(\S+) (\S+): (.*)$/.exec(line) ?? [];
    const question = `${name.endsWith('.') ? name : `${name}.svc.cluster.local.`} ${type}`;
    t.equal(histories.get(question)?.join(' > '), expected, line);
  }
});

t.test('the streams of the kinds in other orders', async (t) => {
  const orders = [
    kindByKind(['EndpointSlice', 'Pod', 'Service', 'Namespace']),
    kindByKind(['Namespace', 'Service', 'Pod', 'EndpointSlice']),
    anyOrder(seededRandom(1)),
  ];
  for (const order of orders) await replay(t, { recording: life, options: ['pods verified'], order, every: 20 });
});

t.test('lists instead of what was missed', async (t) => {
  const options = ['pods verified', 'endpoint_pod_names'];
  for (const losses of [seededRandom(3), seededRandom(4)]) {
    await replay(t, { recording: life, options, order: byVersion, every: 30, losses });
  }
});

t.test('a life that begins with lists in pages', async (t) => {
  await replay(t, {
    recording: replays('life-classic'),
    options: ['ignore empty_service'],
    order: byVersion,
    every: 5,
  });
});

t.test('hundreds of endpoints', async (t) => {
  await replay(t, { recording: replays('many-classic'), options: [], order: byVersion, every: 8 });
});

t.test('all told', (t) => {
  const { events, questions, kept } = total;
  t.comment(`${events} events, ${questions} questions, of which ${kept} found their answer ready made`);
  t.ok(kept > questions / 2, 'most changes leave most answers alone');
  t.end();
});
