import type { Batch } from '../../src/kube/batch.ts';
import { eventsOf, type WatchEvent } from '../../src/kube/events.ts';
import type { Kind } from '../../src/kube/objects.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import type { Selection } from '../../src/kube/resources.ts';
import { readObject } from './objects.ts';

/**
 * An API server whose events are written as lines, and the reflectors that watch it: what comes out are the batches that a
 * store gets.
 *
 *     + service default/web 10.96.1.1     an object comes or changes (objects.ts)
 *     - service default/web               an object goes
 *
 * A range makes many: of a path many objects, of another word many words. `+ slice a/big-{1..3} of big 10.0.0.{1..100}`
 * stands for three slices of one hundred addresses each. Of a kind that is not watched nothing is heard.
 */
export class LineApi {
  readonly #selections: readonly Selection[];
  readonly #reflectors: ReadonlyMap<Kind, Reflector>;
  readonly #batches: Batch[] = [];
  #last: { readonly kind: Kind; readonly events: readonly WatchEvent[] } | undefined;
  /** Which version an object had when it was last written so: a list shows what did not change under the same. */
  readonly #versions = new Map<string, number>();
  #version = 0;

  constructor(selections: readonly Selection[]) {
    this.#selections = selections;
    const report = (said: Parameters<ConstructorParameters<typeof Reflector>[2]>[0]): void => {
      if (said.type === 'fault') throw new Error(said.fault.message);
      this.#batches.push(said);
    };
    this.#reflectors = new Map(selections.map(({ kind }) => [kind, new Reflector(kind, new Map(), report)]));
  }

  /** What happens in one read of the network, to objects of one kind. */
  changes(lines: readonly string[]): readonly Batch[] {
    const [kind = 'Service', ...others] = new Set(lines.map((line) => kindOf(line.slice(2))));
    if (others.length > 0) throw new Error('one read brings one kind');
    return this.#hear(
      kind,
      lines.flatMap((line) => (line.startsWith('-') ? gone(line.slice(2)) : this.#put(kind, line.slice(2)))),
    );
  }

  /** A list of all there is of a kind, or one that breaks off before its end. */
  list(kind: Kind, lines: readonly string[], end: 'whole' | 'broken off'): readonly Batch[] {
    const puts = lines.flatMap((line) => this.#put(kind, line.slice(2), this.#versions));
    return this.#hear(kind, [
      { type: 'listing', reason: 'expired' },
      ...puts,
      ...(end === 'whole' ? [{ type: 'listed' } as const] : []),
    ]);
  }

  bookmark(kind: Kind): readonly Batch[] {
    return this.#hear(kind, [{ type: 'alive' }]);
  }

  /** The last events once more, word for word. */
  again(): readonly Batch[] {
    if (this.#last === undefined) throw new Error('nothing has happened yet');
    return this.#hear(this.#last.kind, this.#last.events);
  }

  #hear(kind: Kind, events: readonly WatchEvent[]): readonly Batch[] {
    this.#last = { kind, events };
    this.#reflectors.get(kind)?.accept(events);
    return this.#batches.splice(0);
  }

  #put(kind: Kind, line: string, known?: ReadonlyMap<string, number>): readonly WatchEvent[] {
    const selection = this.#selections.find((candidate) => candidate.kind === kind) ?? { kind };
    return everyObject(line).flatMap((object) => {
      const version = known?.get(object) ?? ++this.#version;
      this.#versions.set(object, version);
      return eventsOf(selection, readObject(object, version));
    });
  }
}

/** The kind that an object's line, or a single word, begins with. */
export function kindOf(line: string): Kind {
  const word = line.trim().split(/\s/)[0] ?? '';
  switch (word) {
    case 'service':
      return 'Service';
    case 'slice':
      return 'EndpointSlice';
    case 'pod':
      return 'Pod';
    case 'namespace':
      return 'Namespace';
    case 'import':
      return 'ServiceImport';
    case 'imported':
      return 'MulticlusterSlice';
    default:
      throw new Error(`no kind ${word}`);
  }
}

function gone(line: string): WatchEvent[] {
  return everyObject(line).map((object) => {
    const [, path = ''] = object.split(' ');
    const [namespace = '', name = ''] = path.includes('/') ? path.split('/') : ['', path];
    return { type: 'gone', name: { namespace, name } };
  });
}

function everyObject(line: string): string[] {
  const [kind = '', path = '', ...words] = line.trim().split(/\s+/);
  return everyText(path).map((one) => [kind, one, ...words.flatMap(everyText)].join(' '));
}

/** `10.0.0.{1..3}` is three texts, any other is itself. */
export function everyText(text: string): string[] {
  const [, before = '', first, last, after = ''] = /^(.*)\{(\d+)\.\.(\d+)\}(.*)$/.exec(text) ?? [];
  if (first === undefined) return [text];
  const [from, to] = [Number(first), Number(last)];
  return Array.from({ length: to - from + 1 }, (_, i) => `${before}${from + i}${after}`);
}
