import type { Answer } from './answer.ts';
import type { Query } from './query.ts';

/**
 * What the chain is made of. A handler returns its answer when it has it and a promise only when it must wait, so that a
 * cluster answer passes the whole chain without one.
 *
 * Expected negatives (NXDOMAIN, REFUSED) are answers. Whoever can give none throws (or rejects with) a `QueryError`; a
 * plugin further out may log it, and at the latest the server turns it into a reply with the error's rcode.
 */
export type Outcome = Answer | Promise<Answer>;
export type Handler = (query: Query) => Outcome;

/** A plugin's part of the chain: gets the handler behind it, returns the one that stands in its place. */
export type Wrap = (next: Handler) => Handler;

/** No answer could be had: `rcode` is what the client is told, `message` what the operator is. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly rcode: number;

  constructor(rcode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.rcode = rcode;
  }
}

/** Applies `then` to an outcome: at once to an answer, later to a promised one. Errors pass by. */
export function mapOutcome(outcome: Outcome, then: (answer: Answer) => Outcome): Outcome {
  return outcome instanceof Promise ? outcome.then(then) : then(outcome);
}

/**
 * Runs `handler` and gives what came of it to exactly one of two functions, whether it came at once or later.
 */
export function settle(
  handler: Handler,
  query: Query,
  onAnswer: (answer: Answer) => Outcome,
  onError: (error: unknown) => Outcome,
): Outcome {
  let outcome: Outcome;
  try {
    outcome = handler(query);
  } catch (error) {
    return onError(error);
  }
  return outcome instanceof Promise ? outcome.then(onAnswer, onError) : onAnswer(outcome);
}

/** Folds wraps into one handler, the first outermost, `last` behind all. */
export function fold(wraps: readonly Wrap[], last: Handler): Handler {
  return wraps.reduceRight((next, wrap) => wrap(next), last);
}
