import { type Answer, noReply } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';

/** A query and what the client got for it, as far as a log line speaks of them. */
export interface Exchange {
  readonly query: Query;
  /** The length of the query's packet. */
  readonly requestBytes: number;
  /** Before EDNS and cuts; undefined where the client gets no reply. */
  readonly answer: Answer | undefined;
  readonly seconds: number;
}

export function exchangeOf(query: Query, requestBytes: number, answer: Answer, ms: number): Exchange {
  return { query, requestBytes, answer: answer === noReply ? undefined : answer, seconds: ms / 1000 };
}
