import { type Answer, emptyAnswer } from '../../core/answer.ts';
import { type Handler, type Outcome, QueryError } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { RCODE, typeName } from '../../dns/codes.ts';
import type { Log } from '../../runtime/log.ts';
import type { Consolidation } from './consolidation.ts';

export interface ErrorsParts {
  readonly log: Log;
  readonly stacktrace: boolean;
  readonly consolidations: readonly Consolidation[];
}

/** Logs what the plugins behind it could not answer, and answers that with the error's rcode alone. */
export function errorsHandler(parts: ErrorsParts, next: Handler): Handler {
  return (query): Outcome => {
    let outcome: Outcome;
    try {
      outcome = next(query);
    } catch (error) {
      return failed(parts, query, error);
    }
    return outcome instanceof Promise ? outcome.catch((error: unknown) => failed(parts, query, error)) : outcome;
  };
}

/** Throws what is no `QueryError`: a defect of ours, which the server answers and counts. */
function failed(parts: ErrorsParts, query: Query, error: unknown): Answer {
  if (!(error instanceof QueryError)) {
    if (parts.stacktrace) parts.log.error(lineOf(query, RCODE.SERVFAIL, stackOf(error)));
    throw error;
  }
  report(parts, query, error);
  return emptyAnswer(error.rcode, '', error.message);
}

function report({ log, consolidations }: ErrorsParts, query: Query, { rcode, message }: QueryError): void {
  const consolidation = consolidations.find(({ rule }) => rule.pattern.matches(message));
  if (consolidation?.add() === false) return;
  log[consolidation?.rule.level ?? 'error'](lineOf(query, rcode, message));
}

function lineOf(query: Query, rcode: number, text: string): string {
  return `${rcode} ${query.key} ${typeName(query.type)}: ${text}`;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
