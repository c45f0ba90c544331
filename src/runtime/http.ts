/**
 * The HTTP endpoints of the process: liveness, readiness, metrics.
 *
 *     http.serve(':8080', '/health', () => ok)  ->  lease      one server for each address, one handler for each path
 *     lease.release()                                          the last owner of an address closes its server
 *
 * Owners of one address share its server: server blocks that name it, and the configurations before and after a reload.
 * When several serve the same path the newest answers; when it releases, the one before it answers again.
 *
 * These ports are open to the cluster, so no client may hold them up: a connection has EXCHANGE_MS for each request with
 * its response, and when CONNECTION_LIMIT is passed the connection whose exchange began first makes room. A probe thus
 * gets through however many slow clients there are.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Timer } from './clock.ts';
import type { Log } from './log.ts';
import { Shared, type Lease, type Resource } from './shared.ts';

/**
 * The time of one exchange: from the end of the one before it (or from connecting) until the response is sent. Longer
 * than the usual scrape interval of a minute, so that a scraper keeps its connection.
 */
export const EXCHANGE_MS = 75_000;
/** Connections of one address. */
export const CONNECTION_LIMIT = 256;
/** How long a closing server waits for responses under way. */
export const GRACE_MS = 1000;

/** The content type of all that is not the exposition. */
export const PLAIN_TEXT = 'text/plain; charset=utf-8';

/** What a handler learns of a request: no headers, no body. */
export interface HttpRequest {
  readonly method: string;
  /** As sent, without the query: `/health`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** A whole response; for HEAD the body is left out on the way. */
export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
}

/** Answers any method; a throw is logged and answered with 500. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** What a lease on a path holds. */
export interface HttpEndpoint {
  /** The port listened on; of interest when the address asked for port 0. */
  readonly port: number;
}

/** What plugins see of this module. */
export interface Http {
  /**
   * Answers requests for exactly `path` at `address` until the lease is released. Rejects with an Error as `parseAddress`
   * throws it, or with one that says why the address cannot be listened on (`listen tcp :8080: bind: ...`).
   */
  serve(address: string, path: string, handler: HttpHandler): Promise<Lease<HttpEndpoint>>;
}

/** A host and port as a configuration names them; `host` is empty for every address of the machine. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `:8080`, `localhost:9153`, `127.0.0.1:0` or `[::1]:8080`. Throws an Error in the reference's words,
 * `address foo: missing port in address`, for anything else.
 */
export function parseAddress(text: string): HostPort {
  const parts = /^(?:\[(?<bracketed>[^[\]]*)\]|(?<plain>[^:]*)):(?<port>[^:]*)$/.exec(text)?.groups;
  if (parts === undefined) throw new Error(`address ${text}: ${flaw(text)}`);
  const { bracketed, plain, port = '' } = parts;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new Error(`address ${text}: invalid port "${port}", expected a number from 0 to 65535`);
  }
  return { host: bracketed ?? plain ?? '', port: Number(port) };
}

function flaw(text: string): string {
  if (text.startsWith('[') && !text.includes(']')) return "missing ']' in address";
  if (!text.includes(':') || text.endsWith(']')) return 'missing port in address';
  return 'too many colons in address';
}

/** The real `Http`. */
export class HttpEndpoints implements Http {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #servers = new Shared<AddressServer>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  async serve(address: string, path: string, handler: HttpHandler): Promise<Lease<HttpEndpoint>> {
    const { host, port } = parseAddress(address);
    // As the reference resolves it: one socket for `localhost` and `127.0.0.1`, whatever order a resolver has.
    const at = { host: host.toLowerCase() === 'localhost' ? '127.0.0.1' : host, port };
    const lease = await this.#servers.acquire(textOf(at), () => this.#listen(at));
    const withdraw = lease.value.add(path, handler);
    return {
      value: { port: lease.value.port },
      release: () => {
        withdraw();
        return lease.release();
      },
    };
  }

  async #listen(at: HostPort): Promise<Resource<AddressServer>> {
    const server = new AddressServer(textOf(at), this.#clock, this.#log);
    await server.listen(at);
    return { value: server, close: () => server.close() };
  }
}

function textOf({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The server of one address. */
class AddressServer {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #server: Server;
  /** By path; the last handler answers. */
  readonly #handlers = new Map<string, HttpHandler[]>();
  /** Open connections with their deadlines, the nearest first. */
  readonly #connections = new Map<Socket, Timer>();
  #port = 0;
  #closing = false;

  constructor(name: string, clock: Clock, log: Log) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
    // Node's own three timeouts leave out a client that does not read; the deadline of an exchange covers all four.
    this.#server = createServer({ headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 });
    this.#server.on('connection', (socket: Socket) => this.#accept(socket));
    this.#server.on('request', (request, response) => void this.#exchange(request, response));
  }

  get port(): number {
    return this.#port;
  }

  async listen({ host, port }: HostPort): Promise<void> {
    try {
      // Without a host Node listens on `::`, both families, or on 0.0.0.0 where the machine has no IPv6.
      this.#server.listen(host === '' ? { port } : { host, port });
      await once(this.#server, 'listening');
    } catch (error) {
      throw new Error(`listen tcp ${this.#name}: ${bindFailure(error)}`, { cause: error });
    }
    this.#server.on('error', (error) => this.#log.warning(`http ${this.#name}: ${error.message}`));
    const bound = this.#server.address();
    this.#port = typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /** Returns what takes this handler away. */
  add(path: string, handler: HttpHandler): () => void {
    const own: HttpHandler = (request) => handler(request);
    this.#handlers.set(path, [...(this.#handlers.get(path) ?? []), own]);
    return () => {
      const others = this.#handlers.get(path)?.filter((other) => other !== own) ?? [];
      this.#handlers.set(path, others);
    };
  }

  /** Stops listening at once; resolves when the last connection is gone, which takes GRACE_MS at most. */
  async close(): Promise<void> {
    this.#closing = true;
    const grace = this.#clock.after(GRACE_MS, () => this.#server.closeAllConnections());
    await new Promise((resolve) => this.#server.close(resolve));
    grace.cancel();
  }

  #accept(socket: Socket): void {
    this.#renew(socket);
    socket.once('close', () => {
      this.#connections.get(socket)?.cancel();
      this.#connections.delete(socket);
    });
    const [slowest] = this.#connections.keys();
    if (this.#connections.size > CONNECTION_LIMIT) slowest?.destroy();
  }

  /** Starts the time of the connection's next exchange. */
  #renew(socket: Socket): void {
    this.#connections.get(socket)?.cancel();
    this.#connections.delete(socket);
    this.#connections.set(
      socket,
      this.#clock.after(EXCHANGE_MS, () => socket.destroy()),
    );
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('finish', () => {
      if (!request.socket.destroyed) this.#renew(request.socket);
    });
    const url = request.url ?? '';
    const [path = ''] = url.split('?', 1);
    const query = new URLSearchParams(url.slice(path.length));
    const handler = this.#handlers.get(path)?.at(-1) ?? notFound;
    try {
      this.#send(response, await handler({ method: request.method ?? 'GET', path, query }));
    } catch (error) {
      this.#log.error(`http ${this.#name}${path}: ${error instanceof Error ? error.message : String(error)}`);
      this.#send(response, { status: 500, contentType: PLAIN_TEXT, body: '500 internal server error\n' });
    }
  }

  #send(response: ServerResponse, { status, contentType, body }: HttpResponse): void {
    if (this.#closing) response.shouldKeepAlive = false;
    response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  }
}

function notFound(): HttpResponse {
  return { status: 404, contentType: PLAIN_TEXT, body: '404 page not found\n' };
}

const BIND_FAILURES: ReadonlyMap<unknown, string> = new Map([
  ['EADDRINUSE', 'bind: address already in use; stop the process that listens there or choose another port'],
  ['EADDRNOTAVAIL', 'bind: cannot assign requested address; choose an address of this machine'],
  ['EACCES', 'bind: permission denied; choose a port from 1024 on or grant CAP_NET_BIND_SERVICE'],
]);

function bindFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return ('code' in error ? BIND_FAILURES.get(error.code) : undefined) ?? error.message;
}
