import type { AnswerMemo } from '../../cluster/lent-cluster.ts';
import type { Handler, Outcome } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import type { ZoneSet } from '../../core/zone-name.ts';
import { RCODE } from '../../dns/codes.ts';
import type { ExternalDirectory } from './external-directory.ts';
import { followHosts, type FollowParts } from './hosts.ts';
import type { ExternalZone } from './zone.ts';

export interface HandlerParts extends FollowParts {
  readonly zones: ZoneSet;
  /** Names in these that do not exist here are left to the next plugin. */
  readonly fallthrough: ZoneSet;
  readonly directory: ExternalDirectory;
  readonly reader: ExternalZone;
  readonly memo: AnswerMemo;
  /** What a question waits for while the first lists are under way. */
  readonly wait: () => Promise<void> | undefined;
}

/** Answers for external zones: from the memo where the question was asked before, else by reading the directory. */
export function externalHandler(parts: HandlerParts, next: Handler): Handler {
  const { zones, memo } = parts;

  return (query) => {
    const zone = zones.longest(query);
    if (zone === undefined) return next(query);
    return memo.find(query) ?? lookUp(parts, query, zone.key, next);
  };
}

function lookUp(parts: HandlerParts, query: Query, zone: string, next: Handler): Outcome {
  const { directory, reader, memo } = parts;
  const lists = directory.synced ? undefined : parts.wait();
  if (lists !== undefined) return lists.then(() => lookUp(parts, query, zone, next));
  directory.begin();
  const reading = reader.read(query, zone);
  switch (reading.kind) {
    case 'answer':
      memo.keep(query, reading.answer, directory.traces);
      return reading.answer;
    case 'missing': {
      if (parts.fallthrough.covers(query)) return next(query);
      if (!directory.synced) {
        return reader.negative(query, zone, RCODE.SERVFAIL, 'the API server has not delivered its objects yet');
      }
      const answer = reader.negative(query, zone, RCODE.NXDOMAIN, reading.why);
      memo.keep(query, answer, directory.traces);
      return answer;
    }
    case 'hosts':
      return followHosts(parts, query, reading);
    default:
      return reading satisfies never;
  }
}
