import t from 'tap';
import type { Test } from 'tap';
import type { Batch } from '../../src/kube/batch.ts';
import type { WatchEvent } from '../../src/kube/events.ts';
import type { Kind, KubeObject } from '../../src/kube/objects.ts';
import { Outbox } from '../../src/kube/outbox.ts';
import { reflect, Reflector } from '../../src/kube/reflector.ts';
import type { Report } from '../../src/kube/reflector.ts';
import { slim } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';
import { linesOf, recorded, replays } from './recorded.ts';
import type { Replay } from './recorded.ts';
import { ScriptedTransport } from './scripted-transport.ts';
import type { ScriptedRequest } from './scripted-transport.ts';

function put(name: string, resourceVersion: string): WatchEvent {
  return { type: 'put', object: { kind: 'Namespace', namespace: '', name, resourceVersion } };
}

function named(type: 'gone' | 'seen', name: string): WatchEvent {
  return { type, name: { namespace: '', name } };
}

const listing: WatchEvent = { type: 'listing', reason: 'start' };

function inWords(report: Report): string {
  if (report.type !== 'changes') return report.type;
  return report.changes
    .map((c) => ('put' in c ? `+${c.put.name}@${c.put.resourceVersion}` : `-${c.gone.name}`))
    .join(' ');
}

interface Scenario {
  readonly name: string;
  readonly known?: Readonly<Record<string, string>>;
  /** One entry for each read of the network. */
  readonly reads: readonly (readonly WatchEvent[])[];
  readonly reports: readonly string[];
}

const scenarios: readonly Scenario[] = [
  {
    name: 'a first list',
    reads: [[listing, put('a', '1'), put('b', '2')], [put('c', '3')], [{ type: 'listed' }, { type: 'alive' }]],
    reports: ['listing', '+a@1 +b@2 +c@3', 'listed', 'alive'],
  },
  {
    name: 'a relist hands over what changed, came and vanished',
    known: { a: '1', b: '2', c: '3' },
    reads: [[listing, put('a', '1'), put('b', '5'), put('d', '4')], [{ type: 'listed' }]],
    reports: ['listing', '+b@5 +d@4 -c', 'listed'],
  },
  {
    name: 'a relist of the same is nothing but a confirmation',
    known: { a: '1', b: '2' },
    reads: [[listing, put('a', '1'), put('b', '2'), { type: 'listed' }]],
    reports: ['listing', 'listed'],
  },
  {
    name: 'a list that fails changes nothing of what is known',
    known: { a: '1', b: '2' },
    reads: [
      [listing, put('a', '9')],
      [listing, put('a', '9'), { type: 'listed' }],
    ],
    reports: ['listing', 'listing', '+a@9 -b', 'listed'],
  },
  {
    name: 'what is only seen stays',
    known: { a: '1', b: '2' },
    reads: [
      [listing, named('seen', 'a'), named('seen', 'x'), { type: 'listed' }],
      [named('gone', 'x')],
      [named('gone', 'a')],
    ],
    reports: ['listing', '-b', 'listed', '-a'],
  },
  {
    name: 'what comes and goes within a list is not there',
    known: { a: '1' },
    reads: [[listing, put('a', '1'), put('b', '2'), named('gone', 'b'), named('gone', 'a'), { type: 'listed' }]],
    reports: ['listing', '+b@2 -b -a -a', 'listed'],
  },
  {
    name: 'the changes of one read are one batch',
    known: { a: '1' },
    reads: [[put('a', '2'), put('b', '3'), named('gone', 'a'), { type: 'alive' }], [put('c', '4')]],
    reports: ['+a@2 +b@3 -a', 'alive', '+c@4'],
  },
  {
    name: 'what is known already, or unknown, is no change',
    known: { a: '1' },
    reads: [[put('a', '1'), named('gone', 'x'), named('seen', 'a'), { type: 'alive' }]],
    reports: ['alive'],
  },
  {
    name: 'an object without a resourceVersion always counts as changed',
    known: { a: '' },
    reads: [[put('a', '')]],
    reports: ['+a@'],
  },
];

t.test('what becomes of events', (t) => {
  for (const { name, known = {}, reads, reports } of scenarios) {
    const said: string[] = [];
    const versions = new Map(Object.entries(known).map(([object, version]) => [`/${object}`, version]));
    const reflector = new Reflector('Namespace', versions, (report) => said.push(inWords(report)));
    for (const events of reads) reflector.accept(events);
    t.strictSame(said, reports, name);
  }
  t.end();
});

t.test('a long list goes over in pieces', (t) => {
  const sizes: number[] = [];
  const reflector = new Reflector('Namespace', new Map([['/old', '1']]), (report) => {
    if (report.type === 'changes') sizes.push(report.changes.length);
  });
  reflector.accept([listing]);
  for (let page = 0; page < 12; page++) {
    reflector.accept(Array.from({ length: 100 }, (_, i) => put(`n-${page}-${i}`, '1')));
  }
  t.strictSame(sizes, [500, 500], 'while it comes');
  reflector.accept([{ type: 'listed' }]);
  t.strictSame(sizes, [500, 500, 201], 'with what vanished at the end');
  t.end();
});

t.test('nothing more is read while there is no room for what was', async (t) => {
  const transport = new ScriptedTransport();
  const abort = new AbortController();
  const said: string[] = [];
  let room = Promise.withResolvers<void>();
  const outlet = { say: (report: Report) => void said.push(inWords(report)), room: () => room.promise };
  const deps = { transport, clock: new ManualClock(), random: seededRandom(1) };
  const done = reflect({ kind: 'Service' }, new Map(), deps, outlet, abort.signal);
  const request = transport.take().answer();
  const lines = linesOf('streaming list');
  for (const line of lines) request.lines([line]);
  await settled();
  t.strictSame(said.splice(0), ['listing']);
  room.resolve();
  room = Promise.withResolvers();
  await settled();
  t.strictSame(said.splice(0), [], 'one object, which waits for its list');
  room.resolve();
  await settled();
  t.strictSame(said.splice(0), ['+db@1231 +ext@1234 +web@1300', 'listed', 'alive', 'alive']);
  abort.abort();
  await done;
});

t.test('messages to another thread: only so many are on their way', async (t) => {
  const posted: string[] = [];
  const outbox = new Outbox((text) => posted.push(text));
  t.equal(outbox.room(), undefined);
  outbox.send({ n: 1 });
  t.equal(outbox.room(), undefined);
  outbox.send({ n: 2 });
  outbox.send({ n: 3 });
  t.strictSame(posted, ['{"n":1}', '{"n":2}', '{"n":3}'], 'what is said is sent');
  let rooms = 0;
  for (let kind = 0; kind < 4; kind++) void outbox.room()?.then(() => rooms++);
  outbox.confirmed();
  await settled();
  t.equal(rooms, 0, 'two are on their way');
  outbox.confirmed();
  await settled();
  t.equal(rooms, 4);
  t.equal(outbox.room(), undefined);
});

/** A store that is fed from a scripted API server, and a copy of it made from nothing but what its subscribers hear. */
function follow(t: Test, kind: Kind) {
  const transport = new ScriptedTransport();
  const clock = new ManualClock();
  const abort = new AbortController();
  const store = new ClusterStore([kind], clock);
  const copy = new Map<string, KubeObject>();
  store.subscribe({
    onChange({ before, after }) {
      const object = after ?? before;
      if (object === undefined) throw new Error('a change of nothing');
      const key = `${object.namespace}/${object.name}`;
      if (copy.get(key) !== before) throw new Error(`${key} was not what the change says`);
      if (after === undefined) copy.delete(key);
      else copy.set(key, after);
    },
  });
  const faults: string[] = [];
  const outlet = {
    say: (report: Report) => {
      if (report.type === 'fault') faults.push(report.fault.message);
      else store.apply(JSON.parse(JSON.stringify(report)) as Batch);
    },
    room: () => undefined,
  };
  const deps = { transport, clock, random: seededRandom(7) };
  const done = reflect({ kind }, store.versions(kind), deps, outlet, abort.signal);
  t.teardown(async () => {
    abort.abort();
    await done;
  });
  const request = async (): Promise<ScriptedRequest> => {
    await settled();
    return transport.take();
  };
  return { store, copy, clock, faults, request };
}

function inList(list: string, kind: Kind): Readonly<Record<string, KubeObject>> {
  const { items } = JSON.parse(list) as { items: unknown[] };
  const objects = items.flatMap((item) => {
    const slimmed = slim({ kind }, item);
    return slimmed.is === 'object' ? [slimmed.object] : [];
  });
  return Object.fromEntries(objects.map((object) => [`${object.namespace}/${object.name}`, object]));
}

/** Begins as the recording did: with a LIST, or with a streaming list. */
async function begin(request: () => Promise<ScriptedRequest>, { first }: Replay): Promise<ScriptedRequest> {
  const stream = await request();
  if (first === undefined) return stream.answer();
  stream.play(recorded('streaming list without match'));
  (await request()).answer().send(first).end();
  return (await request()).answer();
}

const endMark = '"k8s.io/initial-events-end":"true"';

for (const scenario of ['life-streaming', 'life-classic', 'many-classic']) {
  t.test(`${scenario}: replayed, it ends as the last LIST says`, async (t) => {
    for (const [kind, replay] of replays(scenario)) {
      const { store, copy, faults, request } = follow(t, kind);
      const watch = await begin(request, replay);
      for (const line of replay.lines) watch.lines([line]);
      await settled();
      t.ok(store.synced, kind);
      t.strictSame(Object.fromEntries(copy), inList(replay.final, kind), kind);
      t.equal(store.count(kind), copy.size, kind);
      t.strictSame(faults, [], kind);
    }
  });

  t.test(`${scenario}: a watch that is cut again and again loses nothing`, async (t) => {
    for (const [kind, replay] of replays(scenario)) {
      const { copy, clock, faults, request } = follow(t, kind);
      const random = seededRandom(scenario.length);
      let watch = await begin(request, replay);
      let listing = replay.first === undefined;
      for (const line of replay.lines) {
        watch.lines([line]);
        if (line.includes(endMark)) listing = false;
        if (listing || random.below(4) > 0) continue;
        await clock.advance(1_000);
        if (random.below(2) === 0) watch.end();
        else watch.send(line.slice(0, 100)).break('read ECONNRESET');
        watch = await request();
        const { object } = JSON.parse(line) as { object: { metadata: { resourceVersion: string } } };
        if (watch.query['resourceVersion'] !== object.metadata.resourceVersion) t.fail(`${kind}: taken up elsewhere`);
        watch.answer();
      }
      await settled();
      t.strictSame(Object.fromEntries(copy), inList(replay.final, kind), kind);
      t.strictSame(faults, [], kind);
    }
  });
}

t.test('half a list is never seen', async (t) => {
  const { store, copy, clock, request } = follow(t, 'Service');
  const lines = replays('life-streaming').get('Service')?.lines ?? [];
  const list = lines.slice(0, lines.findIndex((line) => line.includes(endMark)) + 1);
  const first = await request();
  first.answer().lines(list.slice(0, -1));
  await settled();
  t.equal(store.count('Service'), 0);
  t.notOk(store.synced);
  first.break('read ECONNRESET');
  await clock.advance(1_000);
  const second = await request();
  second.answer().lines(list.slice(0, -1));
  await settled();
  t.equal(store.count('Service'), 0);
  second.lines(list.slice(-1));
  await settled();
  t.equal(store.count('Service'), 1);
  t.ok(store.synced);
  t.equal(copy.size, 1);
});

t.test('254 services in pages, then in a stream: the second list changes nothing', async (t) => {
  const { store, copy, clock, request } = follow(t, 'Service');
  (await request()).play(recorded('streaming list without match'));
  for (const page of ['page 1', 'page 2', 'page 3']) (await request()).play(recorded(page));
  const watch = await request();
  t.equal(store.count('Service'), 254);
  const before = new Map(copy);
  watch.play(recorded('expired by restart'));
  await clock.advance(1_000);
  for (const page of ['page 1', 'page 2', 'page 3']) (await request()).play(recorded(page));
  await request();
  t.equal(copy.size, 254);
  t.ok(
    [...copy].every(([key, object]) => before.get(key) === object),
    'they are the very same objects',
  );
});
