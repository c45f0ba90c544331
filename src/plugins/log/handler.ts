import { type Answer, emptyAnswer } from '../../core/answer.ts';
import { type Handler, type Outcome, QueryError } from '../../core/handler.ts';
import type { Metadata } from '../../core/metadata.ts';
import type { Query } from '../../core/query.ts';
import { RCODE } from '../../dns/codes.ts';
import { classify } from './classify.ts';
import type { LogRule } from './config.ts';
import { type Exchange, replyOf } from './exchange.ts';

export interface LogParts {
  readonly rules: readonly LogRule[];
  /** Undefined where the block has no `metadata`. */
  readonly metadata: Metadata | undefined;
  /** The server's clock, in milliseconds. */
  readonly now: () => number;
  readonly print: (exchange: Exchange, rule: LogRule) => void;
}

/** Prints the queries that the rules ask for, each when its answer is there. */
export function loggingHandler({ rules, metadata, now, print }: LogParts, next: Handler): Handler {
  return (query): Outcome => {
    const rule = ruleFor(query);
    if (rule === undefined) return next(query);
    const startMs = now();
    const requestBytes = query.wire.length;
    let outcome: Outcome;
    try {
      outcome = next(query);
    } catch (error) {
      tell(query, requestBytes, answerTo(error), startMs, rule);
      throw error;
    }
    if (outcome instanceof Promise) return later(query, requestBytes, outcome, startMs, rule);
    tell(query, requestBytes, outcome, startMs, rule);
    return outcome;
  };

  function ruleFor(query: Query): LogRule | undefined {
    for (const rule of rules) if (rule.name.covers(query)) return rule;
    return undefined;
  }

  function tell(query: Query, requestBytes: number, answer: Answer, startMs: number, rule: LogRule): void {
    if (!rule.classes.has(classify(query, answer))) return;
    const reply = replyOf(query, answer);
    print({ query, requestBytes, reply, durationMs: now() - startMs, metadata }, rule);
  }

  async function later(
    query: Query,
    requestBytes: number,
    outcome: Promise<Answer>,
    startMs: number,
    rule: LogRule,
  ): Promise<Answer> {
    try {
      const answer = await outcome;
      tell(query, requestBytes, answer, startMs, rule);
      return answer;
    } catch (error) {
      tell(query, requestBytes, answerTo(error), startMs, rule);
      throw error;
    }
  }
}

/** What the client gets for an error, in the end. */
function answerTo(error: unknown): Answer {
  return emptyAnswer(error instanceof QueryError ? error.rcode : RCODE.SERVFAIL, '');
}
