import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import type { Timer } from '../runtime/clock.ts';
import {
  type Client,
  type ClientOptions,
  type Limits,
  MismatchError,
  patienceMs,
  StaleConnectionError,
  UpstreamError,
  within,
} from './client.ts';
import { failureText } from './failure.ts';
import { isReplyTo, type Request } from './request.ts';

export type DohMethod = 'GET' | 'POST';

/** What is asked over HTTPS, and how. */
export interface HttpsOptions {
  /** Host and port as the URL names them. */
  readonly authority: string;
  readonly method: DohMethod;
  readonly session: SecureClientSessionOptions;
}

const PATH = '/dns-query';
const MEDIA_TYPE = 'application/dns-message';
const MOST_BYTES = 65_535;

/**
 * A server asked over HTTP/2 (RFC 8484): one connection, in which questions and answers do not wait for each other. Ids are
 * 0, as caches on the way like it.
 */
export class HttpsClient implements Client {
  readonly #options: ClientOptions;
  readonly #https: HttpsOptions;
  #session: ClientHttp2Session | undefined;
  #bornMs = 0;
  #underway = 0;
  #expiry: Timer | undefined;
  #closed = false;

  constructor(options: ClientOptions, https: HttpsOptions) {
    this.#options = options;
    this.#https = https;
  }

  async exchange(request: Request, limits: Limits): Promise<Buffer> {
    this.#expiry?.cancel();
    this.#underway++;
    try {
      const { session, reused } = this.#connection();
      const reply = this.#ask(session, request, limits);
      return await (reused ? reply.catch((error: unknown) => this.#askAfresh(error, session, request, limits)) : reply);
    } finally {
      this.#underway--;
      if (this.#underway === 0) this.#rest();
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#underway === 0) this.#rest();
  }

  /** A second try, once, when `stale` turned out to be of no more use. */
  #askAfresh(error: unknown, stale: ClientHttp2Session, request: Request, limits: Limits): Promise<Buffer> {
    if (!(error instanceof StaleConnectionError)) throw error;
    if (this.#session === stale) this.#drop();
    return this.#ask(this.#connection().session, request, limits);
  }

  #connection(): { readonly session: ClientHttp2Session; readonly reused: boolean } {
    const { clock, maxAgeMs, sockets, onConnection } = this.#options;
    if (maxAgeMs > 0 && clock.now() - this.#bornMs >= maxAgeMs) this.#drop();
    const present = this.#session;
    const reused = present !== undefined && !present.closed && !present.destroyed;
    onConnection(reused);
    if (reused) return { session: present, reused };
    const session = sockets.http2(`https://${this.#https.authority}`, this.#https.session);
    // The streams under way report it.
    session.on('error', () => {});
    session.on('goaway', () => session.close());
    this.#session = session;
    this.#bornMs = clock.now();
    return { session, reused };
  }

  /** Nothing is under way: the connection stays for a while, or not at all. */
  #rest(): void {
    const { clock, expireMs } = this.#options;
    if (this.#closed || expireMs === 0) this.#drop();
    else this.#expiry = clock.after(expireMs, () => this.#drop());
  }

  /** Closes the connection once what is under way in it is done. */
  #drop(): void {
    this.#expiry?.cancel();
    this.#session?.close();
    this.#session = undefined;
  }

  #ask(session: ClientHttp2Session, request: Request, limits: Limits): Promise<Buffer> {
    const { clock } = this.#options;
    const stream = this.#send(session, request);
    const late = (): Error => new UpstreamError(`${this.#url}: i/o timeout`);
    const reply = within(clock, patienceMs(limits, clock), this.#receive(stream), late);
    return reply.then(
      (wire) => {
        if (!isReplyTo(request, wire)) throw new MismatchError('the reply belongs to another question');
        return wire;
      },
      (error: unknown) => {
        stream.close(constants.NGHTTP2_CANCEL);
        // Nobody shall wait again for a connection that does not come about.
        if (session.connecting) session.destroy();
        throw error;
      },
    );
  }

  get #url(): string {
    return `https://${this.#https.authority}${PATH}`;
  }

  #send(session: ClientHttp2Session, { wire }: Request): ClientHttp2Stream {
    if (this.#https.method === 'POST') {
      const headers = { 'content-type': MEDIA_TYPE, 'content-length': wire.length };
      const stream = session.request({ ':method': 'POST', ':path': PATH, accept: MEDIA_TYPE, ...headers });
      stream.end(wire);
      return stream;
    }
    const path = `${PATH}?dns=${wire.toString('base64url')}`;
    return session.request({ ':method': 'GET', ':path': path, accept: MEDIA_TYPE });
  }

  #receive(stream: ClientHttp2Stream): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const fail = (text: string): void => reject(new UpstreamError(`${this.#url}: ${text}`));
    const chunks: Buffer[] = [];
    let bytes = 0;
    let answered = false;
    stream.on('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
      answered = true;
      if (headers[':status'] !== 200) fail(`HTTP status ${headers[':status']}`);
      else if (headers['content-type'] !== MEDIA_TYPE) fail(`content type ${headers['content-type']}`);
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) fail(`a reply of more than ${MOST_BYTES} bytes`);
      else chunks.push(chunk);
    });
    stream.on('end', () => {
      if (answered) resolve(Buffer.concat(chunks));
    });
    stream.on('error', (error) => {
      // A connection that fails cancels its streams, and says why by the cause.
      const text = `${this.#url}: ${failureText(error.cause ?? error)}`;
      reject(answered ? new UpstreamError(text) : new StaleConnectionError(text));
    });
    // A connection that ends cleanly closes its streams without an error.
    stream.on('close', () => reject(new StaleConnectionError(`${this.#url}: EOF`)));
    return promise;
  }
}
