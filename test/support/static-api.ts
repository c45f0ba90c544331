import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fieldSelector, labelSelector, type Matcher } from '../../src/devcluster/api/selectors.ts';
import type { KubeObject } from '../../src/devcluster/objects/kinds.ts';

/** An object as the API server sends it; kind, API version and resource version are added where they are missing. */
export interface RawObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** The collections that can be served, by the last word of their path. */
export const COLLECTIONS = {
  namespaces: { kind: 'Namespace', apiVersion: 'v1' },
  services: { kind: 'Service', apiVersion: 'v1' },
  pods: { kind: 'Pod', apiVersion: 'v1' },
  endpointslices: { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' },
  serviceimports: { kind: 'ServiceImport', apiVersion: 'multicluster.x-k8s.io/v1alpha1' },
} as const;

export type Collection = keyof typeof COLLECTIONS;
export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';
export type StaticObjects = { readonly [C in Collection]?: readonly RawObject[] };

interface Stored {
  readonly json: string;
  /** What selectors look at; whatever else an admitted object has may be missing. */
  readonly object: KubeObject;
}

/** A change of one object; a missing side means that it was not there. */
interface Change {
  readonly revision: number;
  readonly before: Stored | undefined;
  readonly after: Stored | undefined;
}

interface Watch {
  readonly collection: Collection;
  readonly matches: Matcher;
  readonly response: ServerResponse;
}

/**
 * The reading half of an API server, over plain HTTP on a free port of 127.0.0.1: it serves the objects it is given, as they
 * are, whether an API server would have admitted them or not. LIST in one page; WATCH from a resource version or with initial
 * events; label and field selectors.
 */
export class StaticApi {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #objects = new Map<Collection, Map<string, Stored>>();
  readonly #history = new Map<Collection, Change[]>();
  readonly #watches = new Set<Watch>();
  #revision = 0;

  private constructor() {}

  static async start(objects: StaticObjects): Promise<StaticApi> {
    const api = new StaticApi();
    for (const collection of collections()) {
      for (const object of objects[collection] ?? []) api.push(collection, 'ADDED', object);
    }
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Changes one object, and tells those who watch. */
  push(collection: Collection, type: EventType, object: RawObject): void {
    const objects = this.#objects.get(collection) ?? new Map<string, Stored>();
    this.#objects.set(collection, objects);
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const before = objects.get(key);
    const revision = ++this.#revision;
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    const json = JSON.stringify({ ...COLLECTIONS[collection], ...object, metadata });
    const stored: Stored = { json, object: JSON.parse(json) as KubeObject };
    if (type === 'DELETED') objects.delete(key);
    else objects.set(key, stored);
    const change = {
      revision,
      before: type === 'DELETED' ? stored : before,
      after: type === 'DELETED' ? undefined : stored,
    };
    this.#history.set(collection, [...(this.#history.get(collection) ?? []), change]);
    for (const watch of this.#watches) if (watch.collection === collection) tell(watch, change);
  }

  /** Tells those who watch that they are current. */
  bookmark(collection: Collection): void {
    for (const watch of this.#watches) if (watch.collection === collection) this.#sendBookmark(watch, {});
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
    const collection = collections().find((name) => pathname.endsWith(`/${name}`));
    if (collection === undefined) {
      const message = 'the server could not find the requested resource';
      response.writeHead(404).end(JSON.stringify({ kind: 'Status', status: 'Failure', message, code: 404 }));
      return;
    }
    const matches = selector(searchParams);
    response.setHeader('content-type', 'application/json');
    if (searchParams.get('watch') === 'true') this.#watch({ collection, matches, response }, searchParams);
    else response.end(this.#list(collection, matches));
  }

  #list(collection: Collection, matches: Matcher): string {
    const { kind, apiVersion } = COLLECTIONS[collection];
    const head = JSON.stringify({
      kind: `${kind}List`,
      apiVersion,
      metadata: { resourceVersion: `${this.#revision}` },
    });
    const items = this.#matching(collection, matches).map(({ json }) => json);
    return `${head.slice(0, -1)},"items":[${items.join(',')}]}`;
  }

  #watch(watch: Watch, query: URLSearchParams): void {
    const { collection, matches, response } = watch;
    response.flushHeaders();
    if (query.get('sendInitialEvents') === 'true') {
      for (const { json } of this.#matching(collection, matches)) send(watch, 'ADDED', json);
      this.#sendBookmark(watch, { 'k8s.io/initial-events-end': 'true' });
    } else {
      const from = Number(query.get('resourceVersion'));
      for (const change of this.#history.get(collection) ?? []) if (change.revision > from) tell(watch, change);
    }
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }

  #matching(collection: Collection, matches: Matcher): Stored[] {
    return [...(this.#objects.get(collection)?.values() ?? [])].filter(({ object }) => matches(object));
  }

  #sendBookmark(watch: Watch, annotations: Readonly<Record<string, string>>): void {
    const metadata = { resourceVersion: String(this.#revision), annotations };
    send(watch, 'BOOKMARK', JSON.stringify({ ...COLLECTIONS[watch.collection], metadata }));
  }
}

function collections(): Collection[] {
  return Object.keys(COLLECTIONS) as Collection[];
}

function selector(query: URLSearchParams): Matcher {
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(query.get('fieldSelector') ?? '');
  return (object) => labels(object) && fields(object);
}

/** What a change is to those who see only objects that match. */
function tell(watch: Watch, { before, after }: Change): void {
  const was = before !== undefined && watch.matches(before.object);
  const is = after !== undefined && watch.matches(after.object);
  if (is) send(watch, was ? 'MODIFIED' : 'ADDED', after.json);
  else if (was) send(watch, 'DELETED', (after ?? before).json);
}

function send(watch: Watch, type: EventType | 'BOOKMARK', json: string): void {
  watch.response.write(`{"type":"${type}","object":${json}}\n`);
}
