import { emptyAnswer } from '../core/answer.ts';
import type { Handler } from '../core/handler.ts';
import type { Query } from '../core/query.ts';
import { ZoneName } from '../core/zone-name.ts';
import { CLASS, RCODE, TYPE } from '../dns/codes.ts';

/** A zone of a server block on one listener, and the chain that answers for it; none where the block has no plugins. */
export interface Route {
  readonly zone: string;
  readonly handler: Handler | undefined;
}

export interface RouterOptions {
  /** Whether a plugin of some block takes queries of classes other than IN. */
  readonly anyClass: boolean;
  /** A query that no block was chosen for. */
  readonly onRefused: (query: Query) => void;
}

const noBlock = emptyAnswer(RCODE.REFUSED, '', 'no server block serves this name');
const noPlugins = emptyAnswer(RCODE.REFUSED, '', 'the server block of this zone has no plugins');
const wrongClass = emptyAnswer(RCODE.REFUSED, '', 'only class IN is served');

/**
 * One listener's handler: gives a query to the block with the longest zone that covers it. A question for DS belongs to the
 * parent's side of a zone cut (RFC 4035 3.1.4.1), so it goes to the shortest zone below the root that covers it.
 */
export function createRouter(routes: readonly Route[], options: RouterOptions): Handler {
  const longestFirst = routes
    .map((route) => ({ name: new ZoneName(route.zone), handler: route.handler }))
    .sort((a, b) => b.name.key.length - a.name.key.length);

  function refuse(query: Query, answer: typeof noBlock): typeof noBlock {
    options.onRefused(query);
    return answer;
  }

  return (query) => {
    if (query.class !== CLASS.IN && !options.anyClass) return refuse(query, wrongClass);
    let chosen: (typeof longestFirst)[number] | undefined;
    for (const route of longestFirst) {
      if (!route.name.covers(query)) continue;
      if (chosen !== undefined && route.name.key === '.') break;
      chosen = route;
      if (query.type !== TYPE.DS || route.handler === undefined) break;
    }
    if (chosen === undefined) return refuse(query, noBlock);
    return chosen.handler === undefined ? refuse(query, noPlugins) : chosen.handler(query);
  };
}
