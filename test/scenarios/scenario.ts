import type { Batch } from '../../src/kube/batch.ts';
import type { Query } from '../../src/core/query.ts';
import { queryFor } from '../support/ask.ts';
import { everyText, kindOf, LineApi } from './line-api.ts';
import { type Told, World } from './world.ts';

/**
 * A piece of a service's life, as text: what is configured, what happens, and what is asked and answered in between.
 *
 *     # Comments, and sentences for the reader.
 *     config pods verified              an option of the kubernetes block
 *     unlisted                          nothing is known yet; else every kind has been listed, and is empty
 *     + service default/web 10.96.1.1   an object comes or changes (line-api.ts, objects.ts)
 *     - service default/web             an object goes
 *     batch                             the `+` and `-` lines below it, indented, come in one read
 *     again                             what happened last is told once more
 *     bookmark service                  the API server says that nothing happened
 *     relist service                    a new list of a kind: the `+` lines below it, indented, are all there is
 *     listing service                   as that, but the list breaks off before its end
 *     reload                            a new engine, with the `config` lines below it, indented
 *     wait 40s                          time passes
 *     ? web.default A = 10.96.1.1       a question; below svc.cluster.local unless its name ends in a dot
 *     ? serial = now                    the serial of the zone, as the time since: `now`, `5s ago`, `0` for none
 *     kept web.default A                a question asked before: what happened last left its answer ready made
 *     dropped web.default A             what happened last made its answer void; `all` for all questions
 *
 * An answer is the data of the answer section in any order, `NODATA`, the rcode, or `WAITS`; `10.0.0.{1..9}` stands for nine.
 *
 * What is true of every scenario: after each batch every question asked so far is asked again, of the engine at work and of
 * one that remembers nothing, and they agree in every record. Between the parts of a list both say what they said before it.
 */
export interface Outcome {
  readonly failures: readonly Failure[];
  /** How often a question was asked. */
  readonly questions: number;
  /** How many things happened. */
  readonly events: number;
}

export interface Failure {
  readonly line: number;
  readonly text: string;
  readonly expected: string;
  readonly got: string;
}

interface Step {
  readonly line: number;
  readonly text: string;
  /** The indented lines below it. */
  readonly below: readonly string[];
}

/** Runs a scenario. Throws for a line that cannot be read. */
export async function runScenario(text: string): Promise<Outcome> {
  const steps = stepsOf(text);
  const options = steps.filter(({ text }) => text.startsWith('config ')).map(({ text }) => optionOf(text));
  const run = new Run(new World(options));
  if (!steps.some(({ text }) => text === 'unlisted')) await run.listNothing();
  for (const step of steps) {
    try {
      await run.step(step);
    } catch (cause) {
      throw new Error(`line ${step.line}: ${step.text}: ${String(cause)}`, { cause });
    }
  }
  return run;
}

function stepsOf(text: string): Step[] {
  const steps: (Step & { readonly below: string[] })[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/(^|\s)#.*$/, '').trimEnd();
    if (line === '') continue;
    if (/^\s/.test(line)) steps.at(-1)?.below.push(line.trim());
    else steps.push({ line: i + 1, text: line, below: [] });
  }
  return steps;
}

function optionOf(line: string): string {
  return line.slice('config '.length);
}

/** A question that was asked, and what was said to it last. */
interface Asked {
  readonly query: Query;
  told: Told;
  /** Whether its answer was still there ready made after all of the last event. */
  kept: boolean;
}

class Run implements Outcome {
  readonly failures: Failure[] = [];
  questions = 0;
  events = 0;
  readonly #world: World;
  readonly #api: LineApi;
  readonly #asked = new Map<string, Asked>();

  constructor(world: World) {
    this.#world = world;
    this.#api = new LineApi(world.selections);
  }

  async listNothing(): Promise<void> {
    for (const { kind } of this.#world.selections) {
      for (const batch of this.#api.list(kind, [], 'whole')) this.#world.store.apply(batch);
    }
  }

  async step(step: Step): Promise<void> {
    const [verb = '', ...words] = step.text.split(/\s+/);
    switch (verb) {
      case 'config':
      case 'unlisted':
        return;
      case '?':
        return this.#question(step);
      case 'kept':
      case 'dropped':
        return this.#memory(step, words.join(' '), verb === 'kept');
      default:
        this.events++;
        return this.#event(step, verb, words.join(' '));
    }
  }

  async #event(step: Step, verb: string, rest: string): Promise<void> {
    for (const asked of this.#asked.values()) asked.kept = true;
    switch (verb) {
      case '+':
      case '-':
        return this.#apply(step, this.#api.changes([step.text]));
      case 'batch':
        return this.#apply(step, this.#api.changes(step.below));
      case 'again':
        return this.#apply(step, this.#api.again());
      case 'bookmark':
        return this.#apply(step, this.#api.bookmark(kindOf(rest)));
      case 'relist':
        return this.#apply(step, this.#api.list(kindOf(rest), step.below, 'whole'));
      case 'listing':
        return this.#apply(step, this.#api.list(kindOf(rest), step.below, 'broken off'));
      case 'reload':
        this.#world.reload(step.below.map(optionOf));
        return this.#askAll(step);
      case 'wait':
        await this.#world.clock.advance(Number.parseInt(rest, 10) * 1000);
        return this.#askAll(step);
      default:
        throw new Error('no such verb');
    }
  }

  async #apply(step: Step, batches: readonly Batch[]): Promise<void> {
    let isListing = false;
    for (const batch of batches.flatMap(inParts)) {
      this.#world.store.apply(batch);
      isListing = batch.type === 'listing' || (isListing && batch.type !== 'listed');
      await this.#askAll(step, isListing ? 'as before' : 'anything');
    }
    if (batches.length === 0) await this.#askAll(step);
  }

  /** Every question again. */
  async #askAll(step: Step, wanted: 'anything' | 'as before' = 'anything'): Promise<void> {
    const all = [...this.#asked.values()];
    const queries = all.map(({ query }) => query);
    const [now, anew] = [await this.#world.ask(queries), await this.#world.askAnew(queries)];
    this.questions += all.length;
    for (const [i, asked] of all.entries()) {
      const before = asked.told;
      asked.told = now[i] ?? before;
      asked.kept &&= asked.told.kept;
      this.#expectSame(step, anew[i] ?? before, asked);
      if (wanted === 'as before') this.#expectSame(step, before, asked);
    }
  }

  async #question(step: Step): Promise<void> {
    const [, question = '', expected = ''] = /^\?\s*(.*?)\s*=\s*(.*)$/.exec(step.text) ?? [];
    this.questions++;
    if (question === 'serial') return this.#serial(step, expected);
    const query = queryFor(absolute(question));
    for (const told of await this.#world.ask([query])) {
      this.#asked.set(absolute(question), { kept: false, ...this.#asked.get(absolute(question)), query, told });
      this.#expect(step, inOrder(expected), told.short);
    }
  }

  async #serial(step: Step, expected: string): Promise<void> {
    for (const told of await this.#world.ask([queryFor('cluster.local. SOA')])) {
      const serial = Number(told.short.split(' ')[2]);
      const age = Math.floor(this.#world.clock.wall() / 1000) - serial;
      this.#expect(step, expected, serial === 0 ? '0' : age === 0 ? 'now' : `${age}s ago`);
    }
  }

  #memory(step: Step, which: string, kept: boolean): void {
    const one = this.#asked.get(absolute(which));
    const meant = which === 'all' ? [...this.#asked.values()] : one === undefined ? [] : [one];
    if (meant.length === 0) throw new Error('this was not asked before');
    const inWords = (flag: boolean): string => (flag ? 'kept' : 'dropped');
    for (const asked of meant) this.#expect(step, inWords(kept), inWords(asked.kept), asked);
  }

  #expectSame(step: Step, expected: Told, asked: Asked): void {
    if (!asked.told.equals(expected)) this.#expect(step, expected.whole, asked.told.whole, asked);
  }

  #expect({ line, text }: Step, expected: string, got: string, asked?: Asked): void {
    if (got === expected) return;
    this.failures.push({ line, text: asked === undefined ? text : `${text}: ${asked.query.text}`, expected, got });
  }
}

/** Changes in two halves: within a list that must not make a difference. */
function inParts(batch: Batch, at: number, batches: readonly Batch[]): readonly Batch[] {
  const isListing = batches.slice(0, at).some(({ type }) => type === 'listing');
  if (batch.type !== 'changes' || !isListing) return [batch];
  const half = Math.ceil(batch.changes.length / 2);
  return [
    { ...batch, changes: batch.changes.slice(0, half) },
    { ...batch, changes: batch.changes.slice(half) },
  ];
}

/** `web.default A` below svc.cluster.local. */
function absolute(question: string): string {
  const [name = '', type = 'A'] = question.split(/\s+/);
  return `${name.endsWith('.') ? name : `${name}.svc.cluster.local.`} ${type}`;
}

function inOrder(answer: string): string {
  return answer
    .split(/\s*;\s*/)
    .flatMap(everyText)
    .sort()
    .join('; ');
}
