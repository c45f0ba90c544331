import { type Handler, QueryError, settle } from '../../core/handler.ts';
import type { NotedLabels } from '../../core/metadata.ts';
import type { Query } from '../../core/query.ts';
import { RCODE } from '../../dns/codes.ts';
import { FormatError } from '../../dns/reader.ts';
import { Draft, type LabelOf, type Rewritten } from './draft.ts';
import { Reply, type ReplyParts } from './reply.ts';
import { isTransfer, type Rule } from './rule.ts';

export interface RewriteParts extends ReplyParts {
  readonly rules: readonly Rule[];
  readonly labelOf: LabelOf;
  /** What was noted of a rewritten query goes for that of the client. */
  readonly noted: readonly NotedLabels[];
}

/** Applies rules to questions, and to answers what they say of these. Zone transfers, and what no rule is about, pass. */
export function rewriteHandler(parts: RewriteParts, next: Handler): Handler {
  const { rules, labelOf, noted } = parts;
  const draft = new Draft(labelOf);

  function hasReplied(asked: Query, query: Query): void {
    if (asked !== query) for (const source of noted) source.carry(asked, query);
  }

  return (query) => {
    if (isTransfer(query.type)) return next(query);
    const rewritten = rewrite(query, rules, draft);
    if (rewritten === undefined) return next(query);
    const { asked } = rewritten;
    const reply = new Reply(query, rewritten, parts);
    return settle(
      next,
      asked,
      (answer) => {
        hasReplied(asked, query);
        return reply.take(answer);
      },
      (error) => {
        hasReplied(asked, query);
        return reply.fail(error);
      },
    );
  };
}

/** Undefined where no rule applies. */
function rewrite(query: Query, rules: readonly Rule[], draft: Draft): Rewritten | undefined {
  draft.begin(query);
  try {
    for (const rule of rules) if (draft.apply(rule.change) && rule.isLast) break;
    return draft.result;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new QueryError(RCODE.FORMERR, `the query can not be rewritten: ${error.message}`, { cause: error });
  }
}
