/**
 * Servers that questions are passed on to.
 *
 *     Request --> Upstream --+-- UdpClient    a few connected sockets with random ports        udp.ts
 *                    |       +-- StreamClient connections of TCP or TLS that stay open         stream.ts, tls.ts
 *                    |       `-- HttpsClient  one HTTP/2 connection                            https.ts
 *                    |
 *                    +-- Health: probes after a failure                                        health.ts
 *                    `-- quarantine: set from outside when the server leads back to us         upstreams.ts
 *
 * - A reply counts only when its id, its question and, over UDP, its sender fit; anything else changes nothing.
 * - Every exchange ends by its limits, whatever the server or the network does.
 * - Connections come about with the first question that needs them; closing keeps what is under way alive to its end.
 *
 * This folder knows messages and sockets. Which server gets a question, and what becomes of a failure, is its user's.
 */
import type { SecureContext } from 'node:tls';
import { FLAG, TYPE } from '../dns/codes.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Client, type ClientOptions, type Limits, MismatchError } from './client.ts';
import { endpointText } from './failure.ts';
import { Health } from './health.ts';
import { type DohMethod, HttpsClient } from './https.ts';
import { type UpstreamMeter, upstreamMeter } from './metrics.ts';
import { type Request, requestFor } from './request.ts';
import { StreamClient } from './stream.ts';
import { tcpDialer, tlsDialer, tlsOptions } from './tls.ts';
import { UdpClient } from './udp.ts';

/** A server and how it is spoken to. */
export interface ServerAddress {
  /** `dns`: UDP or TCP as the question comes. */
  readonly protocol: 'dns' | 'tls' | 'https';
  /** An IP address, IPv6 perhaps with its scope. */
  readonly address: string;
  readonly port: number;
  /** The name its certificate must have; '' for its address. */
  readonly servername: string;
  /** Where it is configured, in words. */
  readonly origin: string;
}

export interface UpstreamOptions extends Omit<ClientOptions, 'address' | 'port' | 'onConnection'> {
  readonly metrics: Metrics;
  /** The plugin that forwards, for metrics. */
  readonly proxyName: string;
  /** For `tls` and `https`. */
  readonly tlsContext: SecureContext | undefined;
  readonly dohMethod: DohMethod;
  readonly health: {
    readonly intervalMs: number;
    readonly maxFails: number;
    /** The probe asks for the name servers of this name. */
    readonly domain: string;
    readonly recursionDesired: boolean;
    readonly transport: 'udp' | 'tcp';
    /** It went down, because of `problem`, or came up again. */
    readonly onChange: (upstream: Upstream, problem: string | undefined) => void;
  };
}

const PROBE_MS = 1000;

/** One server. */
export class Upstream {
  /** `10.0.0.2:53`: its name in metrics and logs. */
  readonly endpoint: string;
  /** Where it is configured, in words. */
  readonly origin: string;
  /** Why queries must not go there, for a person; undefined while they may. Set by whoever finds out. */
  quarantine: string | undefined = undefined;
  readonly #options: UpstreamOptions;
  readonly #meter: UpstreamMeter;
  readonly #clients: Readonly<Record<'udp' | 'tcp', Client>>;
  readonly #health: Health;

  constructor(server: ServerAddress, options: UpstreamOptions) {
    const { intervalMs, maxFails, domain, recursionDesired, transport, onChange } = options.health;
    this.endpoint = endpointText(server.address, server.port);
    this.origin = server.origin;
    this.#options = options;
    this.#meter = upstreamMeter(options.metrics, options.proxyName, this.endpoint);
    this.#clients = createClients(server, options, this.#meter);
    const probe = requestFor(domain, TYPE.NS, recursionDesired ? FLAG.RD : 0);
    this.#health = new Health({
      clock: options.clock,
      intervalMs,
      maxFails,
      probe: () => this.#probe(probe, transport),
      onFailure: () => this.#meter.healthcheckFailures.inc(),
      onChange: (problem) => onChange(this, problem),
    });
  }

  /** The server did not answer the last probes. */
  get down(): boolean {
    return this.#health.down;
  }

  /** As `Client.exchange`; `transport` is for a server of plain DNS, others have one of their own. */
  async exchange(request: Request, transport: 'udp' | 'tcp', limits: Limits): Promise<Buffer> {
    const { clock } = this.#options;
    const startMs = clock.now();
    const reply = await this.#clients[transport].exchange(request, limits);
    this.#meter.replied(reply.readUInt8(3) & 15, (clock.now() - startMs) / 1000);
    return reply;
  }

  /** A query to the server failed: it is probed until it answers again. */
  suspect(): void {
    this.#health.suspect();
  }

  /** Ends probes, and keeps no connection open from now on. */
  close(): void {
    this.#health.stop();
    this.#clients.udp.close();
    this.#clients.tcp.close();
  }

  /** Any reply shows that the server is there. */
  async #probe(request: Request, transport: 'udp' | 'tcp'): Promise<void> {
    const limits = { readMs: PROBE_MS, deadlineMs: this.#options.clock.now() + PROBE_MS };
    try {
      await this.#clients[transport].exchange(request, limits);
    } catch (error) {
      if (!(error instanceof MismatchError)) throw error;
    }
  }
}

function createClients(
  { protocol, address, port, servername }: ServerAddress,
  options: UpstreamOptions,
  meter: UpstreamMeter,
): Record<'udp' | 'tcp', Client> {
  const client = (proto: string): ClientOptions => ({
    ...options,
    address,
    port,
    onConnection: (reused) => meter.connection(proto, reused),
  });
  if (protocol === 'dns') {
    const tcp = client('tcp');
    return { udp: new UdpClient(client('udp')), tcp: new StreamClient(tcp, tcpDialer(tcp)) };
  }
  const { tlsContext, dohMethod } = options;
  if (tlsContext === undefined) throw new Error(`no TLS context for ${protocol}://${endpointText(address, port)}`);
  if (protocol === 'tls') {
    const tls = client('tcp-tls');
    const one = new StreamClient(tls, tlsDialer(tls, tlsContext, servername));
    return { udp: one, tcp: one };
  }
  const https = client('https');
  const authority = endpointText(servername === '' ? address : servername, port);
  const one = new HttpsClient(https, {
    authority,
    method: dohMethod,
    session: tlsOptions(https, tlsContext, servername),
  });
  return { udp: one, tcp: one };
}
