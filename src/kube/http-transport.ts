import http from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Clock } from '../runtime/clock.ts';
import { openAccess } from './access.ts';
import type { Access, Login, ReadLogin } from './access.ts';
import { describeFailure } from './failure.ts';
import type { Response, Transport } from './transport.ts';

/** One request as the reference's metrics count it. */
export interface RequestOutcome {
  /** The status, or `<error>` when there was no response. */
  readonly code: string;
  readonly method: 'GET';
  /** `host:port` as configured. */
  readonly host: string;
  /** Until the head of the response came. */
  readonly seconds: number;
  /** How long the limits of our own held it back. */
  readonly waitedSeconds: number;
}

/** A transport over node's HTTP clients, with connections that are kept and credentials that are read for each request. */
export class HttpTransport implements Transport {
  readonly #access: Access;
  readonly #userAgent: string;
  readonly #clock: Clock;
  readonly #observe: (outcome: RequestOutcome) => void;
  #opened: Promise<ReadLogin> | undefined;
  #agent: { readonly material: string; readonly agent: http.Agent } | undefined;

  constructor(access: Access, userAgent: string, clock: Clock, observe: (outcome: RequestOutcome) => void) {
    this.#access = access;
    this.#userAgent = userAgent;
    this.#clock = clock;
    this.#observe = observe;
  }

  async get(
    target: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    waitedMs: number,
  ): Promise<Response> {
    const login = await this.#login();
    const startMs = this.#clock.now();
    const observe = (code: string): void => {
      const seconds = (this.#clock.now() - startMs) / 1000;
      const host = login.server.split('/')[2] ?? '';
      this.#observe({ code, method: 'GET', host, seconds, waitedSeconds: waitedMs / 1000 });
    };
    try {
      const response = await this.#send(login, target, headers, signal);
      observe(String(response.status));
      return response;
    } catch (error) {
      observe('<error>');
      throw new Error(`Get "${urlOf(login, target)}": ${describeFailure(error)}`, { cause: error });
    }
  }

  renew(): void {
    this.#opened = undefined;
  }

  async #login(): Promise<Login> {
    this.#opened ??= openAccess(this.#access);
    try {
      const readLogin = await this.#opened;
      return await readLogin();
    } catch (error) {
      this.renew();
      throw error;
    }
  }

  #send(
    login: Login,
    target: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = new URL(urlOf(login, target));
    const options = {
      agent: login.agent ?? this.#agentFor(url, login),
      headers: { ...headers, ...login.headers, 'user-agent': this.#userAgent },
      signal,
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).get(url, options, (response) => {
        const { statusCode = 0, headers } = response;
        const zipped = headers['content-encoding'] === 'gzip';
        resolve({
          status: statusCode,
          headers,
          body: zipped ? pipeline(response, createGunzip(), () => {}) : response,
        });
      });
      request.on('error', reject);
    });
  }

  /** A client certificate is a property of the connection: a new one needs a new agent. */
  #agentFor(url: URL, login: Login): http.Agent {
    const material = JSON.stringify([url.origin, login.tls]);
    if (this.#agent?.material !== material) {
      const kept = { keepAlive: true, keepAliveMsecs: 30_000 };
      const agent = url.protocol === 'https:' ? new https.Agent({ ...kept, ...login.tls }) : new http.Agent(kept);
      this.#agent = { material, agent };
    }
    return this.#agent.agent;
  }
}

/** `target` below what the API server may stand below itself. */
function urlOf({ server }: Login, target: string): string {
  return server.replace(/\/$/, '') + target;
}
