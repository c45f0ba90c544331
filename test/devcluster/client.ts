import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ApiServer } from '../../src/devcluster/api-server.ts';
import type { Login } from '../../src/kube/access.ts';

export interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly token?: string;
  /** PEM of the certificate to trust, for HTTPS. */
  readonly ca?: string;
  /** In place of the two before. */
  readonly login?: Pick<Login, 'headers' | 'tls'>;
}

export interface Received {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** What the tests read of an object or list; `t.match` looks at the rest. */
export interface ApiBody {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels?: { readonly [key: string]: string };
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly spec: { readonly ports?: readonly object[] };
  readonly items: readonly ApiBody[];
}

/** A line of a watch. */
export interface WatchEvent {
  readonly type: string;
  readonly object: ApiBody;
}

/** One request on a connection of its own. A body that is no text is sent as JSON. */
export async function call({ url: base }: Pick<ApiServer, 'url'>, path: string, sent: Sent = {}): Promise<Received> {
  const response = await open(base, path, sent);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, type: headers['content-type'], headers, text: Buffer.concat(chunks).toString() };
}

/** The parsed body of a request that is expected to succeed. */
export async function json(server: Pick<ApiServer, 'url'>, path: string, sent?: Sent): Promise<ApiBody> {
  const { status, text } = await call(server, path, sent);
  if (status >= 300) throw new Error(`${path} answered ${status}: ${text}`);
  return JSON.parse(text);
}

/** An open watch: its lines as they come. */
export class WatchClient {
  readonly lines: string[] = [];
  /** How it ended: `clean` after the last chunk, `broken` in the middle. */
  ended: 'clean' | 'broken' | undefined;
  readonly #response: IncomingMessage;
  #unread = '';

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const [last = '', ...lines] = (this.#unread + chunk).split('\n').reverse();
      this.#unread = last;
      this.lines.push(...lines.reverse());
    });
    response.on('end', () => (this.ended ??= 'clean'));
    response.on('error', () => (this.ended ??= 'broken'));
  }

  static async open(server: Pick<ApiServer, 'url'>, path: string, sent: Sent = {}): Promise<WatchClient> {
    return new WatchClient(await open(server.url, path, sent));
  }

  /** The first `count` lines, parsed, once they are there; fewer when it ends before. */
  async events(count: number): Promise<readonly WatchEvent[]> {
    await until(() => this.lines.length >= count || this.ended !== undefined);
    return this.lines.slice(0, count).map((line) => JSON.parse(line));
  }

  close(): void {
    this.#response.destroy();
  }
}

/** Lets what is due run until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The response of a request as soon as its head is there. */
export function open(
  base: string,
  path: string,
  { method = 'GET', body, ca, login, ...sent }: Sent,
): Promise<IncomingMessage> {
  const payload = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const options: RequestOptions = {
    method,
    agent: false,
    headers: {
      accept: sent.accept ?? 'application/json',
      ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
      ...(payload === undefined ? {} : { 'content-type': sent.contentType ?? 'application/json' }),
      ...(sent.token === undefined ? {} : { authorization: `Bearer ${sent.token}` }),
      ...login?.headers,
    },
  };
  const send = base.startsWith('https') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(
      new URL(path, base),
      { ...options, ...(ca === undefined ? {} : { ca }), ...login?.tls },
      resolve,
    );
    request.on('error', reject);
    request.end(payload);
  });
}
