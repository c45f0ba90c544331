import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { pause, type Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { checkAccess, forbidden, TOKEN_USER, unauthorized } from './api/access.ts';
import type { ApiRequest } from './api/body.ts';
import { answer, type Answer } from './api/handler.ts';
import { errorReply, statusReply, throttled, type Reply } from './api/reply.ts';
import { FUTURE_WAIT_MS, Watch } from './api/watch.ts';
import type { Cluster } from './cluster.ts';
import { ApiError } from './objects/status.ts';

export interface ApiServerOptions {
  /** What it serves. It outlives the server: another may be started on it. */
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** 127.0.0.1 when absent. */
  readonly host?: string;
  /** 0, any free one, when absent. */
  readonly port?: number;
  /** PEM; HTTPS when given. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The bearer token to ask for; none when absent. */
  readonly token?: string;
}

/** The API server, with the faults a watcher must live with. */
export interface ApiServer {
  readonly url: string;
  readonly port: number;
  /** Refuses connections and ends the watches; what is stored stays. */
  stop(): Promise<void>;
  /** Serves again, on the same port, after `stop`. */
  start(): Promise<void>;
  /** Stops for good. */
  close(): Promise<void>;
  /** Every watch and continue token from before now is too old: 410. */
  expireHistory(): void;
  /** Breaks the connections of the open watches in the middle. */
  cutWatches(): void;
  /** The open watches get nothing more, no event, bookmark or end, as if the network had lost them; new ones work. */
  silence(): void;
  /** Answers every request with this status, 401, 403, 429 or 500 and above; with undefined answers as usual again. */
  refuse(status: number | undefined): void;
  /** The token to ask for from now on. */
  changeToken(token: string): void;
}

/** The most a request may carry, as in the API server. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** A watch whose client leaves so much unread is cut. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** How long a watch lasts when the client names no end: this long, up to twice. */
const MIN_WATCH_S = 1800;

/** Starts the API server; rejects when it cannot listen. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const server = new HttpApi(options);
  await server.start();
  return server;
}

class HttpApi implements ApiServer {
  readonly #options: ApiServerOptions;
  readonly #watches = new Map<ServerResponse, Watch>();
  readonly #stopping = new AbortController();
  #server: Server | undefined;
  #port: number;
  #token: string | undefined;
  #refusal: number | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#token = options.token;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.#address}`;
  }

  get #address(): string {
    const { host = '127.0.0.1' } = this.#options;
    return `${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  start(): Promise<void> {
    if (this.#server !== undefined) return Promise.resolve();
    const { tls, host = '127.0.0.1' } = this.#options;
    const onRequest: RequestListener = (request, response) => void this.#handle(request, response);
    const server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest);
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, host, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#options.log.error(`devcluster: the API server failed: ${error.message}`));
        const bound = server.address();
        if (bound !== null && typeof bound === 'object') this.#port = bound.port;
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    for (const watch of this.#watches.values()) watch.end();
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      // The ends of the watches leave on the next tick; after that nothing is worth waiting for.
      setImmediate(() => server.closeAllConnections());
    });
  }

  close(): Promise<void> {
    this.#stopping.abort();
    return this.stop();
  }

  expireHistory(): void {
    this.#options.cluster.store.expireHistory();
  }

  cutWatches(): void {
    for (const response of this.#watches.keys()) response.destroy();
  }

  silence(): void {
    for (const watch of this.#watches.values()) watch.abandon();
  }

  refuse(status: number | undefined): void {
    this.#refusal = status;
  }

  changeToken(token: string): void {
    this.#token = token;
  }

  /** Answers one request; whatever goes wrong is answered, or ends with the connection. */
  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    try {
      const request = await readRequest(incoming);
      const found = await this.#answer(request, incoming.headers.authorization);
      if (found.type === 'watch') this.#openWatch(found, response);
      else send(response, found.reply);
    } catch (error) {
      send(response, errorReply(error));
    }
  }

  async #answer(request: ApiRequest, authorization: string | undefined): Promise<Answer> {
    if (this.#refusal !== undefined) return { type: 'reply', reply: refusalReply(this.#refusal, request) };
    if (this.#token !== undefined) checkAccess(request, authorization, this.#token);
    const { cluster, clock } = this.#options;
    try {
      return answer(cluster, this.#address, request);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status.code !== 504) throw error;
      // A resource version from the future may be reached yet.
      await pause(clock, FUTURE_WAIT_MS, this.#stopping.signal);
      return answer(cluster, this.#address, request);
    }
  }

  #openWatch({ scope, options }: Extract<Answer, { readonly type: 'watch' }>, response: ServerResponse): void {
    const { cluster, clock, random } = this.#options;
    const timeoutMs = (options.timeoutSeconds ?? MIN_WATCH_S + random.below(MIN_WATCH_S)) * 1000;
    const watch = new Watch(cluster.store, clock, scope, options, timeoutMs, {
      send: (line) => {
        response.write(line);
        if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
      },
      end: () => response.end(),
    });
    this.#watches.set(response, watch);
    response.on('close', () => {
      this.#watches.delete(response);
      watch.abandon();
    });
    response.writeHead(200, { 'Cache-Control': 'no-cache, private', 'Content-Type': 'application/json' });
    response.flushHeaders();
    watch.start();
  }
}

function send(response: ServerResponse, { status, contentType, body, headers = {} }: Reply): void {
  if (response.destroyed || response.headersSent) return void response.destroy();
  response.writeHead(status, { 'Cache-Control': 'no-cache, private', 'Content-Type': contentType, ...headers });
  response.end(body);
}

async function readRequest(incoming: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`);
    }
    chunks.push(chunk);
  }
  const [path = '/', ...query] = (incoming.url ?? '/').split('?');
  return {
    method: incoming.method ?? 'GET',
    path,
    query: new URLSearchParams(query.join('?')),
    accept: incoming.headers.accept,
    contentType: incoming.headers['content-type'],
    body: Buffer.concat(chunks),
  };
}

function refusalReply(status: number, request: ApiRequest): Reply {
  switch (status) {
    case 401:
      return statusReply(unauthorized().status);
    case 403:
      return statusReply(forbidden(request, TOKEN_USER).status);
    case 429:
      return throttled;
    default: {
      const [reason, message] =
        status === 503
          ? ['ServiceUnavailable', 'the server is currently unable to handle the request']
          : ['InternalError', 'Internal error occurred: the server was told to fail'];
      return statusReply(new ApiError(status, reason, message).status);
    }
  }
}
