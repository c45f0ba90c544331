import type { IncomingMessage } from 'node:http';
import type { ReadLogin } from '../../src/kube/access.ts';
import { call, open } from '../devcluster/client.ts';

export type Kind = 'Namespace' | 'Node' | 'Service' | 'Pod' | 'EndpointSlice' | 'Deployment' | 'StatefulSet';

const collections: Readonly<Record<Kind, readonly [base: string, plural: string]>> = {
  Namespace: ['/api/v1', 'namespaces'],
  Node: ['/api/v1', 'nodes'],
  Service: ['/api/v1', 'services'],
  Pod: ['/api/v1', 'pods'],
  EndpointSlice: ['/apis/discovery.k8s.io/v1', 'endpointslices'],
  Deployment: ['/apis/apps/v1', 'deployments'],
  StatefulSet: ['/apis/apps/v1', 'statefulsets'],
};

/** What every object has; the rest is the reader's to check. */
export interface AnyObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** Changes a cluster through its API server, as kubectl does. Every call rejects with the Status's message where it is refused. */
export class Hand {
  readonly #readLogin: ReadLogin;

  constructor(readLogin: ReadLogin) {
    this.#readLogin = readLogin;
  }

  create(kind: Kind, namespace: string, object: object, subresource = ''): Promise<unknown> {
    return this.#json('POST', path(kind, namespace) + subresource, object);
  }

  /** Changes an object by a JSON merge patch (RFC 7386). */
  merge(kind: Kind, namespace: string, name: string, patch: object, subresource = ''): Promise<unknown> {
    return this.#json('PATCH', `${path(kind, namespace, name)}${subresource}`, patch, 'application/merge-patch+json');
  }

  /** `now`: without the time that pods have to end. */
  remove(kind: Kind, namespace: string, name: string, now = false): Promise<unknown> {
    const options = { propagationPolicy: 'Background', ...(now ? { gracePeriodSeconds: 0 } : {}) };
    return this.#json('DELETE', path(kind, namespace, name), options);
  }

  /** All of a kind, in all namespaces, or in one. */
  async list<T extends AnyObject>(kind: Kind, namespace = ''): Promise<readonly T[]> {
    return ((await this.#json('GET', path(kind, namespace))) as { readonly items: readonly T[] }).items;
  }

  /** The response of a watch from now on, its lines to be read. */
  async watch(kind: Kind): Promise<IncomingMessage> {
    const { server, ...login } = await this.#readLogin();
    return open(server, below(server, `${path(kind, '')}?watch=true`), { login });
  }

  async #json(method: string, path: string, body?: object, contentType?: string): Promise<unknown> {
    const { server, ...login } = await this.#readLogin();
    const sent = { method, login, ...(body && { body }), ...(contentType && { contentType }) };
    const { status, text } = await call({ url: server }, below(server, path), sent);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return JSON.parse(text);
  }
}

/** The API server may stand below a path. */
function below(server: string, path: string): string {
  return new URL(server).pathname.replace(/\/$/, '') + path;
}

function path(kind: Kind, namespace: string, name = ''): string {
  const [base, plural] = collections[kind];
  return [base, ...(namespace === '' ? [] : ['namespaces', namespace]), plural, ...(name === '' ? [] : [name])].join(
    '/',
  );
}
