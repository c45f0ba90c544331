import type { Handler, Outcome } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { FLAG } from '../../dns/codes.ts';

/**
 * Asks `next` with AD set (RFC 6840 5.7), so that one stored answer serves those who want the bit and those who do not.
 * When the outcome is there the query is again as the client put it.
 */
export function askAuthentic(next: Handler, query: Query): Outcome {
  if ((query.flags & FLAG.AD) !== 0) return next(query);
  const { flags } = query;
  query.flags = flags | FLAG.AD;
  let isWaiting = false;
  try {
    const outcome = next(query);
    if (!(outcome instanceof Promise)) return outcome;
    isWaiting = true;
    return outcome.finally(() => void (query.flags = flags));
  } finally {
    if (!isWaiting) query.flags = flags;
  }
}
