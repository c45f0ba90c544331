import type { Answer } from '../../core/answer.ts';
import type { Handler, Outcome } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import type { ZoneSet } from '../../core/zone-name.ts';
import { baseOf, isFinal, Walk } from './walk.ts';

/** The search list of clients, as far as it is known. */
export interface SearchList {
  /** Keys, first the one that the query's name ends in; undefined for a name that no search has made. */
  readonly pathOf: (query: Query) => readonly string[] | undefined;
  /** What clients try after the path, the name as it was typed last: keys, `.` for that. */
  readonly rest: readonly string[];
}

export interface AutopathParts {
  readonly zones: ZoneSet;
  readonly list: () => SearchList;
  readonly now: () => number;
  /** Counts a search that has found something. */
  readonly count: (query: Query) => void;
}

/** Does a client's search for it. A name that exists as it is asked costs no more than a look at its labels. */
export function autopathHandler(parts: AutopathParts, next: Handler): Handler {
  const { zones, list } = parts;

  return (query) => {
    const path = zones.covers(query) ? list().pathOf(query) : undefined;
    if (path === undefined) return next(query);
    const first = next(query);
    if (first instanceof Promise) return first.then((answer) => search(parts, query, path, answer, next));
    return search(parts, query, path, first, next);
  };
}

function search(
  { list, now, count }: AutopathParts,
  query: Query,
  path: readonly string[],
  first: Answer,
  next: Handler,
): Outcome {
  if (isFinal(first)) {
    count(query);
    return first;
  }
  const [domain = '', ...others] = path;
  const base = baseOf(query, domain);
  if (base === undefined || base === '') return first;
  const walk = new Walk(query, base, first, { next, now, onFound: () => count(query) });
  return walk.run([...new Set([...others, ...list().rest])]);
}
