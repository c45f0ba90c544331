import { type Answer, emptyAnswer } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import { type Handler, type Outcome, QueryError } from '../../core/handler.ts';
import { innerQuery, recordsAt } from '../../core/inner-query.ts';
import type { Query } from '../../core/query.ts';
import type { ZoneSet } from '../../core/zone-name.ts';
import { FLAG, RCODE, TYPE } from '../../dns/codes.ts';
import type { Memo } from './memo.ts';
import type { Startup } from './startup.ts';
import type { Reading } from './zone.ts';
import type { ZoneView } from './zone-view.ts';

export interface HandlerParts {
  readonly zones: ZoneSet;
  /** Names in these that do not exist here are left to the next plugin. */
  readonly fallthrough: ZoneSet;
  /** `zone`: the key of one of the zones. */
  readonly viewOf: (zone: string) => ZoneView;
  readonly memo: Memo;
  readonly startup: Startup;
  readonly resolve: Handler;
  readonly now: () => number;
}

/**
 * Answers for the cluster's zones: from the memo where the question was asked before, else by reading the directory.
 */
export function clusterHandler(parts: HandlerParts, next: Handler): Handler {
  const { zones, memo } = parts;

  return (query) => {
    const known = memo.find(query);
    if (known !== undefined) return known;
    const zone = zones.longest(query);
    return zone === undefined ? next(query) : lookUp(parts, query, zone.key, next);
  };
}

function lookUp(parts: HandlerParts, query: Query, zone: string, next: Handler): Outcome {
  const { directory, reader, serial } = parts.viewOf(zone);
  if (query.type === TYPE.AXFR || query.type === TYPE.IXFR) {
    return emptyAnswer(RCODE.REFUSED, 'kubernetes', 'zone transfers are not configured');
  }
  const lists = directory.synced ? undefined : parts.startup.wait(() => directory.synced);
  if (lists !== undefined) {
    const kept = query.copy();
    return lists.then(() => lookUp(parts, kept, zone, next));
  }
  directory.begin();
  const reading = reader.read(query, zone);
  switch (reading.kind) {
    case 'answer':
      parts.memo.keep(query, reading.answer, directory.traces, serial);
      return reading.answer;
    case 'missing': {
      if (parts.fallthrough.covers(query)) return next(query);
      if (!directory.synced) {
        return reader.negative(query, zone, RCODE.SERVFAIL, 'the API server has not delivered its objects yet');
      }
      const answer = reader.negative(query, zone, RCODE.NXDOMAIN, reading.why);
      parts.memo.keep(query, answer, directory.traces, serial);
      return answer;
    }
    case 'alias':
      return followOutside(parts, query, reading);
    default:
      return reading satisfies never;
  }
}

/**
 * The rest of a chain of aliases that leaves the zone, asked of the whole server. A target that does not exist leaves the
 * alias alone in the answer. A target that could not be asked for is SERVFAIL, since an alias alone would tell the client
 * that there are no addresses; the cause was told where it arose.
 */
async function followOutside(
  parts: HandlerParts,
  query: Query,
  { records, target }: Extract<Reading, { kind: 'alias' }>,
): Promise<Answer> {
  const asked = query.copy();
  const inner = innerQuery(asked, target, asked.type);
  const found = await ask(parts.resolve, inner);
  if (found.rcode !== RCODE.NOERROR && found.rcode !== RCODE.NXDOMAIN) {
    const reason = `the target ${target} of an ExternalName could not be resolved`;
    return { ...emptyAnswer(RCODE.SERVFAIL, 'kubernetes', reason), live: true };
  }
  const answer = [...records, ...recordsAt(inner, found, parts.now()).answer];
  const flags = FLAG.AA | (found.flags & FLAG.TC);
  return buildAnswer(asked, { rcode: RCODE.NOERROR, flags, source: 'kubernetes', live: true, answer });
}

async function ask(resolve: Handler, query: Query): Promise<Answer> {
  try {
    return await resolve(query);
  } catch (error) {
    if (error instanceof QueryError) return emptyAnswer(error.rcode, '', error.message);
    throw error;
  }
}
