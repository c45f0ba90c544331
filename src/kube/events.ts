import { refusalOfStatus } from './fault.ts';
import type { Fault, Refusal } from './fault.ts';
import type { KubeObject, ObjectName } from './objects.ts';
import { slim, typeName } from './resources.ts';
import type { Selection } from './resources.ts';
import { fields, metadataOf, requiredText, text } from './slim.ts';

/** Why a list is made. */
export type ListReason =
  | 'start'
  /** The API server does not remember what happened since the watch ended. */
  | 'expired'
  /** A watch was opened and never spoke. */
  | 'silent'
  /** A watch was refused for good. */
  | 'refused'
  /** A watch sent what cannot be read. */
  | 'garbled'
  /** A streaming list never came to its end mark. */
  | 'unmarked'
  /** A page was too large. */
  | 'oversize';

/**
 * What the list+watch machine yields for one kind. A list is `listing`, then an event for each object, then `listed`; one
 * that fails is followed by another `listing`, and what came of it is void. Then changes follow, in the API server's order.
 */
export type WatchEvent =
  | { readonly type: 'listing'; readonly reason: ListReason }
  | { readonly type: 'put'; readonly object: KubeObject }
  /** The object exists, but there is nothing new to keep of it: what was known of it before, if anything, stays. */
  | { readonly type: 'seen'; readonly name: ObjectName }
  | { readonly type: 'gone'; readonly name: ObjectName }
  | { readonly type: 'listed' }
  /** The API server confirmed that we are current, by a bookmark or by a change. */
  | { readonly type: 'alive' }
  | { readonly type: 'fault'; readonly fault: Fault };

/** What a list or a watch says about one object that exists. */
export function eventsOf(selection: Selection, raw: unknown): readonly WatchEvent[] {
  const slimmed = slim(selection, raw);
  switch (slimmed.is) {
    case 'object':
      return [{ type: 'put', object: slimmed.object }];
    case 'ignored':
      return [{ type: 'seen', name: slimmed.name }];
    case 'malformed': {
      const { name, problem } = slimmed;
      if (name === undefined) return [leftOut(selection, 'an object', problem)];
      return [leftOut(selection, `${name.namespace}/${name.name}`, problem), { type: 'seen', name }];
    }
    default:
      return slimmed satisfies never;
  }
}

function leftOut({ kind }: Selection, what: string, problem: string): WatchEvent {
  const message = `Failed to read ${typeName(kind)}: ${what} is left out: ${problem}`;
  return { type: 'fault', fault: { code: 'malformed', message } };
}

/** Why a stream is not read on: an ERROR event, or a line that is not the protocol. */
export type StreamEnd =
  | { readonly is: 'refused'; readonly refusal: Refusal }
  | { readonly is: 'garbled'; readonly problem: string };

/**
 * Reads the lines of one watch. While `listing`, they are the initial events of a streaming list: their resourceVersions go up
 * and down and must not be resumed from, so `resourceVersion` moves only from the end mark on.
 */
export class EventReader {
  readonly #selection: Selection;
  #listing: boolean;
  #resourceVersion: string;
  #heard = false;
  #confirmed = false;
  #end: StreamEnd | undefined;

  constructor(selection: Selection, start: 'listing' | { readonly resourceVersion: string }) {
    this.#selection = selection;
    this.#listing = start === 'listing';
    this.#resourceVersion = start === 'listing' ? '' : start.resourceVersion;
  }

  get listing(): boolean {
    return this.#listing;
  }

  /** Where another watch can take this one up; meaningless while `listing`. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Whether anything was read at all. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Set once nothing can be read any more. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  /** The events in `lines`, up to the line that ends it all, if there is one. */
  read(lines: readonly string[]): WatchEvent[] {
    const events: WatchEvent[] = [];
    this.#confirmed = false;
    for (const line of lines) {
      this.#heard = true;
      try {
        this.#line(JSON.parse(line), events);
      } catch (error) {
        this.#end = { is: 'garbled', problem: `an event cannot be read: ${String(error)}` };
      }
      if (this.#end !== undefined) break;
    }
    if (this.#confirmed) events.push({ type: 'alive' });
    return events;
  }

  #line(raw: unknown, events: WatchEvent[]): void {
    const { type, object } = fields(raw, 'event');
    const { resourceVersion, annotations } = fields(fields(object, 'object')['metadata'], 'metadata');
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        events.push(...eventsOf(this.#selection, object));
        break;
      case 'DELETED': {
        const { namespace, name } = metadataOf(object);
        events.push({ type: 'gone', name: { namespace, name } });
        break;
      }
      case 'BOOKMARK':
        // Its object is an empty one of the kind, which has no name and is never stored.
        if (!this.#listing || !isEndMark(annotations)) break;
        requiredText(resourceVersion, 'metadata.resourceVersion');
        this.#listing = false;
        events.push({ type: 'listed' });
        break;
      case 'ERROR':
        this.#end = { is: 'refused', refusal: refusalOfStatus(object) };
        return;
      default:
        events.push(leftOut(this.#selection, 'an event', `its type is ${String(type)}`));
        return;
    }
    if (this.#listing) return;
    this.#resourceVersion = text(resourceVersion, 'metadata.resourceVersion') || this.#resourceVersion;
    this.#confirmed = true;
  }
}

function isEndMark(annotations: unknown): boolean {
  return fields(annotations, 'metadata.annotations')['k8s.io/initial-events-end'] === 'true';
}
