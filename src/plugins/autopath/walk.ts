import { type Answer, noReply } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import type { Handler, Outcome } from '../../core/handler.ts';
import { innerQuery, recordsAt } from '../../core/inner-query.ts';
import type { Query } from '../../core/query.ts';
import { RCODE, TYPE } from '../../dns/codes.ts';
import { keyOf, NameError } from '../../dns/name.ts';
import { nameRecord } from '../../dns/record.ts';

export interface WalkOptions {
  /** The rest of the chain. */
  readonly next: Handler;
  /** The server's clock, in milliseconds. */
  readonly now: () => number;
  /** Called when the search has found something. */
  readonly onFound: () => void;
}

/**
 * What stands before the search domain in a query's name, in the letters of the question and with its last dot; '' for the
 * domain itself, undefined for a name outside of it. `domain` is a key.
 */
export function baseOf({ key, text }: Pick<Query, 'key' | 'text'>, domain: string): string | undefined {
  if (key === domain) return '';
  return key.endsWith(`.${domain}`) ? text.slice(0, -domain.length) : undefined;
}

/**
 * Whether a reply ends the search. A bare SERVFAIL is nobody's: no plugin had anything to say about the name. Everything
 * else but NXDOMAIN counts, refusals and dropped queries as well, so that no search leads around them.
 */
export function isFinal(answer: Answer): boolean {
  if (answer.rcode === RCODE.NXDOMAIN) return false;
  return answer.rcode !== RCODE.SERVFAIL || answer.flags !== 0 || answer.recordEnds.length > 0;
}

/** The rest of a client's search, done here in one go after the first name of it was denied. */
export class Walk {
  readonly #query: Query;
  readonly #base: string;
  readonly #options: WalkOptions;
  readonly #first: Answer;
  #isLive: boolean;

  /** `first`: the reply to the query itself. */
  constructor(query: Query, base: string, first: Answer, options: WalkOptions) {
    this.#query = query;
    this.#base = base;
    this.#first = first;
    this.#isLive = first.live;
    this.#options = options;
  }

  /** Asks for the base in each of the domains, keys, until one of them has it; the first reply when none has. */
  run(domains: readonly string[]): Outcome {
    for (const [i, domain] of domains.entries()) {
      const candidate = this.#candidate(domain);
      if (candidate === undefined) continue;
      const outcome = this.#options.next(candidate);
      if (outcome instanceof Promise) {
        return outcome.then((answer) => this.#take(candidate, answer) ?? this.run(domains.slice(i + 1)));
      }
      const found = this.#take(candidate, outcome);
      if (found !== undefined) return found;
    }
    return this.#first;
  }

  /** Undefined where the name would be too long for there to be one. */
  #candidate(domain: string): Query | undefined {
    try {
      return innerQuery(this.#query, domain === '.' ? this.#base : this.#base + domain, this.#query.type);
    } catch (error) {
      if (error instanceof NameError) return undefined;
      throw error;
    }
  }

  /** The answer to the client, once a reply ends the search. */
  #take(candidate: Query, reply: Answer): Answer | undefined {
    // What was found holds as long as the names before it do not exist.
    this.#isLive ||= reply.live;
    if (!isFinal(reply)) return undefined;
    this.#options.onFound();
    if (reply.recordEnds.length === 0) return reply === noReply ? reply : { ...reply, live: this.#isLive };
    const { answer, authority, additional } = recordsAt(candidate, reply, this.#options.now());
    const target = answer.find((record) => keyOf(record.name) !== this.#query.key);
    const alias = target && nameRecord(this.#query.text, TYPE.CNAME, target.ttl, target.name);
    const built = buildAnswer(this.#query, {
      rcode: reply.rcode,
      flags: reply.flags,
      source: 'autopath',
      reason: `found by the search list as ${candidate.text}`,
      live: this.#isLive,
      answer: alias === undefined ? answer : [alias, ...answer],
      authority,
      additional,
    });
    return { ...built, options: reply.options };
  }
}
