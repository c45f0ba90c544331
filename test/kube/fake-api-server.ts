import { once } from 'node:events';
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Stored {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
}

/** Just enough of an API server to be watched over HTTP: streaming lists of what a test puts into it, and nothing to resume. */
export class FakeApiServer {
  readonly userAgents = new Set<string | undefined>();
  /** The label selectors that were asked with, by path; '' without one. */
  readonly selectors = new Map<string, Set<string>>();
  /** Paths of what this server does not serve. */
  readonly missing = new Set<string>();
  /** What every request is answered with instead; undefined: as an API server should. */
  refusal: { readonly status: number; readonly message: string } | undefined;
  readonly #server = http.createServer((request, response) => this.#answer(request, response));
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly #watches = new Map<ServerResponse, string>();
  #version = 100;

  /** Listens on a free port; resolves to the URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Resolves once nobody watches any more. */
  async unwatched(): Promise<void> {
    await Promise.all([...this.#watches.keys()].map((response) => once(response, 'close')));
  }

  /** `path` as in requests; `fields` stand beside the metadata. */
  put(path: string, namespace: string, name: string, fields: object = {}): void {
    const objects = this.#objects.get(path) ?? new Map<string, Stored>();
    this.#objects.set(path, objects);
    const object = { metadata: { namespace, name, resourceVersion: String(++this.#version) }, ...fields };
    objects.set(`${namespace}/${name}`, object);
    this.#tell(path, { type: 'ADDED', object });
  }

  remove(path: string, namespace: string, name: string): void {
    const object = this.#objects.get(path)?.get(`${namespace}/${name}`);
    this.#objects.get(path)?.delete(`${namespace}/${name}`);
    const metadata = { namespace, name, resourceVersion: String(++this.#version) };
    this.#tell(path, { type: 'DELETED', object: { ...object, metadata } });
  }

  #tell(path: string, event: object): void {
    for (const [response, watched] of this.#watches) {
      if (watched === path) response.write(`${JSON.stringify(event)}\n`);
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
    this.userAgents.add(request.headers['user-agent']);
    const asked = this.selectors.get(pathname) ?? new Set();
    this.selectors.set(pathname, asked.add(searchParams.get('labelSelector') ?? ''));
    if (this.missing.has(pathname)) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
      return;
    }
    if (this.refusal !== undefined) {
      const { status, message } = this.refusal;
      response.writeHead(status).end(JSON.stringify({ kind: 'Status', message, code: status }));
      return;
    }
    this.#watches.set(response, pathname);
    response.on('close', () => this.#watches.delete(response));
    for (const object of this.#objects.get(pathname)?.values() ?? []) {
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    }
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    const mark = { metadata: { resourceVersion: String(this.#version), annotations } };
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object: mark })}\n`);
  }
}
