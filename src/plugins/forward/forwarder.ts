import { type Answer, emptyAnswer, isTruncated } from '../../core/answer.ts';
import { answerFromMessage } from '../../core/encode.ts';
import { QueryError } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { FLAG, RCODE } from '../../dns/codes.ts';
import { FormatError } from '../../dns/reader.ts';
import type { CounterCell } from '../../metrics/metrics.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { type Limits, MismatchError, UpstreamError } from '../../upstream/client.ts';
import { createOrder } from '../../upstream/policy.ts';
import { isBareError, type Request, requestFrom } from '../../upstream/request.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import type { ForwardConfig } from './config.ts';
import type { Attempt, UpstreamLabel } from './metadata.ts';

export interface ForwarderParts {
  readonly config: ForwardConfig;
  readonly clock: Clock;
  readonly random: Random;
  /** Every server was down when a query came. */
  readonly healthcheckBroken: CounterCell;
  readonly rejects: CounterCell;
  /** Undefined where nobody asks for it. */
  readonly upstreamLabel: UpstreamLabel | undefined;
}

/** One exchange with servers, for all who asked the same at the time. */
interface Underway {
  readonly attempt: Attempt;
  readonly answer: Promise<Answer>;
}

/** How long a query may take in all: clients wait as long. */
const TOTAL_MS = 5000;
/** Queries under way where `max_concurrent` sets no limit: what one forgets can fill the memory all the same. */
const MOST_QUERIES = 16_384;
/** Between rounds through all servers, where `max_connect_attempts 0` lets them go on. */
const ROUND_PAUSE_MS = 100;
const NO_HEALTHY = 'no healthy proxies';

/**
 * Gets answers from the servers of one `forward`. Equal questions under way at the same time are one exchange with a server:
 * who wants to slip in a forged reply gets one chance instead of many (CVE-2023-30464), and a question that comes back here
 * in a circle waits for itself until it is overdue instead of multiplying.
 */
export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #order: ReturnType<typeof createOrder>;
  readonly #mostQueries: number;
  readonly #underway = new Map<string, Underway>();
  #queries = 0;
  /** Empty before the start. */
  servers: readonly Upstream[] = [];

  constructor(parts: ForwarderParts) {
    const { maxConcurrent, policy } = parts.config;
    this.#parts = parts;
    this.#order = createOrder(policy, parts.random);
    this.#mostQueries = maxConcurrent === 0 ? MOST_QUERIES : maxConcurrent;
  }

  /** An upstream's answer to `query`. Throws, or rejects with, QueryError when there is none. */
  ask(query: Query): Promise<Answer> {
    if (this.#queries >= this.#mostQueries) {
      this.#parts.rejects.inc();
      throw new QueryError(RCODE.REFUSED, `concurrent queries exceeded maximum ${this.#mostQueries}`);
    }
    const request = toRequest(query);
    const transport = this.#transport(query);
    const key = transport + request.wire.toString('latin1');
    this.#queries++;
    const { attempt, answer } = this.#underway.get(key) ?? this.#begin(key, query, request, transport);
    this.#parts.upstreamLabel?.note(query, attempt);
    return answer.finally(() => this.#queries--);
  }

  #begin(key: string, query: Query, request: Request, transport: 'udp' | 'tcp'): Underway {
    const attempt: Attempt = { endpoint: undefined };
    const answer = this.#try(query, request, transport, attempt);
    const underway = { attempt, answer };
    const done = (): void => void this.#underway.delete(key);
    this.#underway.set(key, underway);
    answer.then(done, done);
    return underway;
  }

  #transport(query: Query): 'udp' | 'tcp' {
    const { forceTcp, preferUdp } = this.#parts.config;
    if (forceTcp) return 'tcp';
    return preferUdp ? 'udp' : query.peer.transport;
  }

  /** One server after the other until one answers, the attempts are used up or the time is over. */
  async #try(query: Query, request: Request, transport: 'udp' | 'tcp', attempt: Attempt): Promise<Answer> {
    const { config, clock } = this.#parts;
    const order = this.#order(this.#usable());
    const limits: Limits = { readMs: config.readMs, deadlineMs: clock.now() + TOTAL_MS };
    const mostFailures = config.maxAttempts === 0 ? Infinity : (config.maxAttempts ?? 2 * this.servers.length);
    const replied = new Map<Upstream, Answer>();
    let problem = NO_HEALTHY;
    for (let turn = 0, failures = 0; failures < mostFailures && clock.now() < limits.deadlineMs;) {
      const choice = this.#choose(order, turn);
      if (choice === undefined) break;
      const { server, allDown } = choice;
      attempt.endpoint = server.endpoint;
      const before = replied.get(server);
      if (before !== undefined) return before;
      if (failures > 0 && config.maxAttempts === 0) await this.#restAfterRound(turn, order.length, limits);
      turn = choice.turn + 1;
      try {
        const answer = await this.#ask(server, query, request, transport, limits);
        if (allDown || !config.failover.has(answer.rcode)) return answer;
        replied.set(server, answer);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        server.suspect();
        problem = error.message;
        failures++;
        if (allDown) break;
      }
    }
    const [first] = replied;
    if (first === undefined) throw new QueryError(RCODE.SERVFAIL, problem);
    const [server, answer] = first;
    attempt.endpoint = server.endpoint;
    return answer;
  }

  /** A refusal comes at once: without a limit on attempts that would be a race. */
  async #restAfterRound(turn: number, roundLength: number, { deadlineMs }: Limits): Promise<void> {
    const { clock } = this.#parts;
    if (turn % roundLength === 0) await pause(clock, Math.min(ROUND_PAUSE_MS, deadlineMs - clock.now()));
  }

  #usable(): readonly Upstream[] {
    const usable = this.servers.filter(({ quarantine }) => quarantine === undefined);
    if (usable.length > 0) return usable;
    throw new QueryError(RCODE.SERVFAIL, this.servers[0]?.quarantine ?? NO_HEALTHY);
  }

  /** The next server in turn that is not down. When all are, the probes may be what is broken: then any, or none. */
  #choose(
    order: readonly Upstream[],
    from: number,
  ): { readonly server: Upstream; readonly turn: number; readonly allDown: boolean } | undefined {
    for (let turn = from; turn < from + order.length; turn++) {
      const server = order[turn % order.length];
      if (server !== undefined && !server.down) return { server, turn, allDown: false };
    }
    this.#parts.healthcheckBroken.inc();
    const server = order[this.#parts.random.below(order.length)];
    return this.#parts.config.failfast || server === undefined ? undefined : { server, turn: from, allDown: true };
  }

  async #ask(
    server: Upstream,
    query: Query,
    request: Request,
    transport: 'udp' | 'tcp',
    limits: Limits,
  ): Promise<Answer> {
    try {
      const answer = toAnswer(query, await server.exchange(request, transport, limits), server, transport);
      if (transport === 'tcp' || !this.#parts.config.preferUdp || !isTruncated(answer)) return answer;
      return toAnswer(query, await server.exchange(request, 'tcp', limits), server, 'tcp');
    } catch (error) {
      if (!(error instanceof MismatchError)) throw error;
      return emptyAnswer(RCODE.FORMERR, 'forward', `${server.endpoint} answered another question`);
    }
  }
}

function toRequest(query: Query): Request {
  try {
    return requestFrom(query);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new QueryError(RCODE.FORMERR, `the query can not be passed on: ${error.message}`, { cause: error });
  }
}

/**
 * What can not be read was cut off in its middle, or is more than the server should have sent: a client of UDP is told to
 * come again over TCP. Throws UpstreamError for such a reply over TCP.
 */
function toAnswer(query: Query, reply: Buffer, { endpoint }: Upstream, transport: 'udp' | 'tcp'): Answer {
  const rcode = reply.readUInt8(3) & 15;
  const flags = reply.readUInt16BE(2) & FLAG.RA;
  if (isBareError(reply)) {
    // Nothing says that it is an answer to this very question: it is passed on, but never kept.
    return { ...emptyAnswer(rcode, 'forward', `${endpoint} could not read the question`, flags), live: true };
  }
  try {
    return { ...answerFromMessage(query, reply, 'forward'), reason: `answered by ${endpoint}` };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const reason = `${endpoint} sent a reply that can not be read: ${error.message}`;
    if (transport === 'tcp') throw new UpstreamError(reason, { cause: error });
    return emptyAnswer(rcode, 'forward', reason, flags | FLAG.TC);
  }
}
