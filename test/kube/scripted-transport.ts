import type { Response, Transport } from '../../src/kube/transport.ts';
import type { Recording } from './recorded.ts';

/** A transport whose answers a test gives by hand. */
export class ScriptedTransport implements Transport {
  renewals = 0;
  readonly #untaken: ScriptedRequest[] = [];

  get(target: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const request = new ScriptedRequest(target, headers, signal);
    this.#untaken.push(request);
    return request.response;
  }

  renew(): void {
    this.renewals++;
  }

  /** How many requests were made and not taken yet. */
  get waiting(): number {
    return this.#untaken.length;
  }

  /** The oldest request that was not taken yet. */
  take(): ScriptedRequest {
    const request = this.#untaken.shift();
    if (request === undefined) throw new Error('no request was made');
    return request;
  }
}

export class ScriptedRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly response: Promise<Response>;
  readonly #head = Promise.withResolvers<Response>();
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(target: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    const url = new URL(target, 'http://api');
    this.path = url.pathname;
    this.query = Object.fromEntries(url.searchParams);
    this.headers = headers;
    this.signal = signal;
    this.response = this.#head.promise;
    signal.addEventListener('abort', () => this.break('aborted'));
  }

  /** No response at all. */
  fail(message: string): void {
    this.#head.reject(new Error(message));
  }

  /** The head of a response. */
  answer(status = 200, headers: Readonly<Record<string, string>> = {}): this {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.#body = controller) });
    this.#head.resolve({ status, headers, body });
    return this;
  }

  /** A piece of the body, as it may come from the network. */
  send(piece: string | Uint8Array): this {
    this.#body?.enqueue(typeof piece === 'string' ? Buffer.from(piece) : piece);
    return this;
  }

  lines(lines: readonly string[]): this {
    return this.send(lines.map((line) => `${line}\n`).join(''));
  }

  /** The body ends as it should. */
  end(): void {
    this.#body?.close();
  }

  /** The connection breaks; before the head, there is no response. */
  break(message: string): void {
    this.#head.reject(new Error(message));
    this.#body?.error(new Error(message));
  }

  /** The whole of a recorded answer; that of a watch is left open. */
  play({ status, headers, body, lines }: Recording): this {
    this.answer(status, headers);
    if (lines !== undefined) return this.lines(lines);
    this.send(body ?? '').end();
    return this;
  }
}
