import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ReadLogin } from '../../src/kube/access.ts';

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
  watch(kind: Kind): Promise<IncomingMessage> {
    return this.#send('GET', `${path(kind, '')}?watch=true`);
  }

  async #json(method: string, target: string, body?: object, contentType = 'application/json'): Promise<unknown> {
    const response = await this.#send(method, target, body, contentType);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if ((response.statusCode ?? 0) >= 300) throw new Error(`${method} ${target}: ${response.statusCode} ${text}`);
    return JSON.parse(text);
  }

  async #send(method: string, target: string, body?: object, contentType = ''): Promise<IncomingMessage> {
    const { server, headers, tls } = await this.#readLogin();
    const url = new URL(server.replace(/\/$/, '') + target);
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const length = payload === undefined ? 0 : Buffer.byteLength(payload);
    const type = payload === undefined ? {} : { 'content-type': contentType, 'content-length': length };
    const options = { method, headers: { accept: 'application/json', ...headers, ...type }, agent: false as const };
    return new Promise((resolve, reject) => {
      const request =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, ...tls }, resolve)
          : httpRequest(url, options, resolve);
      request.on('error', reject);
      request.end(payload);
    });
  }
}

function path(kind: Kind, namespace: string, name = ''): string {
  const [base, plural] = collections[kind];
  return [base, ...(namespace === '' ? [] : ['namespaces', namespace]), plural, ...(name === '' ? [] : [name])].join(
    '/',
  );
}
