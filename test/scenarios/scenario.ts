import { openClusterZones, type ClusterZones } from '../../src/plugins/kubernetes/cluster-zones.ts';
import { Serial } from '../../src/plugins/kubernetes/serial.ts';
import { Startup } from '../../src/plugins/kubernetes/startup.ts';
import type { Handler } from '../../src/core/handler.ts';
import { recordsOf } from '../../src/core/encode.ts';
import { RCODE, rcodeName } from '../../src/dns/codes.ts';
import { rdataText } from '../../src/dns/text.ts';
import type { Change } from '../../src/kube/batch.ts';
import type { Kind } from '../../src/kube/objects.ts';
import { slim } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import { queryFor } from '../support/ask.ts';
import { ManualClock } from '../support/clock.ts';
import { kubernetesConfig, outside } from '../support/cluster-zones.ts';
import { memoryLog } from '../support/log.ts';
import { readObject } from './objects.ts';

/**
 * A piece of a service's life, as text: what is configured, what happens, and what is asked and answered in between.
 *
 *     # Comments, and sentences for the reader.
 *     config pods verified              an option of the kubernetes block; before everything else
 *     + service default/web 10.96.1.1   an object comes or changes (objects.ts)
 *     - service default/web             an object goes
 *     relist service                    a new list of a kind: the `+` lines below it, indented, are all there is
 *     wait 40s                          time passes
 *     ? web.default A = 10.96.1.1       a question; below svc.cluster.local unless its name ends in a dot
 *
 * An answer is the data of the answer section in any order, `NODATA`, or the rcode. After every step each question asked so
 * far is asked again of the engine at work and of one made anew from the same objects: they must agree.
 */
export interface Step {
  readonly line: number;
  readonly text: string;
}

export interface Failure extends Step {
  readonly expected: string;
  readonly got: string;
}

const kinds: readonly Kind[] = ['Service', 'EndpointSlice', 'Pod', 'Namespace'];

/** Runs a scenario; resolves with what went other than it says. Throws for a line that cannot be read. */
export async function runScenario(text: string): Promise<{ failures: Failure[]; questions: number; events: number }> {
  const steps = text
    .split('\n')
    .map((line, i): Step => ({ line: i + 1, text: line.replace(/(^|\s)#.*$/, '').trimEnd() }))
    .filter((step) => step.text.trim() !== '');
  const options = steps.filter((step) => step.text.startsWith('config ')).map((step) => step.text.slice(7));
  const world = new World(options);
  const failures: Failure[] = [];
  const asked = new Map<string, Step>();
  let events = 0;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    const verb = step.text.trim().split(/\s+/)[0];
    if (verb === 'config') continue;
    if (verb === '?') {
      const [, question = '', expected = ''] = /^\s*\?\s*(.*?)\s*=\s*(.*)$/.exec(step.text) ?? [];
      asked.set(absoluteQuestion(question), step);
      const got = await world.ask(absoluteQuestion(question));
      if (got !== inOrder(expected)) failures.push({ ...step, expected: inOrder(expected), got });
      continue;
    }
    events++;
    if (verb === 'relist') {
      const listed = steps.slice(
        i + 1,
        steps.findIndex((next, at) => at > i && !/^\s/.test(next.text)),
      );
      world.relist(
        step.text.split(/\s+/)[1] ?? '',
        listed.map((entry) => entry.text.trim().slice(2)),
      );
      i += listed.length;
    } else if (verb === 'wait') {
      await world.clock.advance(Number.parseInt(step.text.slice(5), 10) * 1000);
    } else if (verb === '+') world.put(step.text.slice(2));
    else if (verb === '-') world.remove(step.text.slice(2));
    else throw new Error(`line ${step.line}: cannot read ${step.text}`);
    for (const [question, origin] of asked) {
      const [kept, fresh] = [await world.ask(question), await world.askAnew(question)];
      if (kept !== fresh)
        failures.push({ line: step.line, text: `${step.text}: ${origin.text}`, expected: fresh, got: kept });
    }
  }
  return { failures, questions: asked.size, events };
}

function absoluteQuestion(question: string): string {
  const [name = '', type = 'A'] = question.split(/\s+/);
  return `${name.endsWith('.') ? name : `${name}.svc.cluster.local.`} ${type}`;
}

function inOrder(answer: string): string {
  return answer
    .split(/\s*;\s*/)
    .sort()
    .join('; ');
}

class World {
  readonly clock = new ManualClock();
  readonly #config;
  readonly #store: ClusterStore;
  readonly #serial = new Serial();
  readonly #startup: Startup;
  readonly #zones: ClusterZones;
  #version = 0;

  constructor(options: readonly string[]) {
    this.#config = kubernetesConfig('cluster.local in-addr.arpa ip6.arpa', ['ttl 30', ...options]);
    this.#store = new ClusterStore(kinds, this.clock);
    this.#store.subscribe({ onChange: (change) => this.#serial.note(change, this.clock.wall()) });
    this.#startup = new Startup(this.#store, { clock: this.clock, log: memoryLog(), limitMs: 5000 });
    for (const kind of kinds) this.#list(kind, []);
    this.#zones = this.#open();
  }

  put(line: string): void {
    const [change] = this.#changes([line]);
    if (change !== undefined) this.#store.apply({ type: 'changes', ...change });
  }

  remove(line: string): void {
    const [word = '', path = ''] = line.trim().split(/\s+/);
    const [namespace = '', name = ''] = path.includes('/') ? path.split('/') : ['', path];
    const kind = kindOf(word);
    this.#store.apply({ type: 'changes', kind, changes: [{ gone: { namespace, name } }] });
  }

  /** A list of all there is of a kind: what is not in it is gone, as the reflector finds it. */
  relist(word: string, lines: readonly string[]): void {
    this.#list(kindOf(word), lines);
  }

  ask(question: string): Promise<string> {
    return answerTo(this.#zones.handler, question);
  }

  async askAnew(question: string): Promise<string> {
    const zones = this.#open();
    try {
      return await answerTo(zones.handler, question);
    } finally {
      zones.end();
    }
  }

  #open(): ClusterZones {
    return openClusterZones(this.#config, {
      cluster: this.#store,
      serial: this.#serial,
      startup: this.#startup,
      ownAddresses: ['10.244.9.9'],
      resolve: (query) => this.#zones.handler(query),
      next: outside,
      clock: this.clock,
    });
  }

  #list(kind: Kind, lines: readonly string[]): void {
    const changes = this.#changes(lines).flatMap((batch) => batch.changes);
    const listed = new Set(
      changes.flatMap((change) => ('put' in change ? [`${change.put.namespace}/${change.put.name}`] : [])),
    );
    const gone = [...this.#store.versions(kind).keys()].filter((key) => !listed.has(key));
    const goneChanges = gone.map((key): Change => {
      const [namespace = '', name = ''] = key.split('/');
      return { gone: { namespace, name } };
    });
    this.#store.apply({ type: 'listing', kind, reason: 'start' });
    this.#store.apply({ type: 'changes', kind, changes: [...changes, ...goneChanges] });
    this.#store.apply({ type: 'listed', kind });
  }

  #changes(lines: readonly string[]): { kind: Kind; changes: Change[] }[] {
    return lines.map((line) => {
      const raw = readObject(line, ++this.#version);
      const slimmed = slim({ kind: raw.kind }, raw);
      if (slimmed.is === 'malformed') throw new Error(`${line}: ${slimmed.problem}`);
      return { kind: raw.kind, changes: slimmed.is === 'object' ? [{ put: slimmed.object }] : [] };
    });
  }
}

function kindOf(word: string): Kind {
  const kind = { service: 'Service', slice: 'EndpointSlice', pod: 'Pod', namespace: 'Namespace' }[word];
  const found = kinds.find((candidate) => candidate === kind);
  if (found === undefined) throw new Error(`no kind ${word}`);
  return found;
}

async function answerTo(handler: Handler, question: string): Promise<string> {
  const query = queryFor(question);
  const answer = await handler(query);
  if (answer.rcode !== RCODE.NOERROR) return rcodeName(answer.rcode);
  const data = recordsOf(query, answer).answer.map((record) => rdataText(record.data));
  return data.length === 0 ? 'NODATA' : inOrder(data.join('; '));
}
