import type { Answer } from '../../core/answer.ts';
import type { Handler } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { ZoneName, ZoneSet } from '../../core/zone-name.ts';
import { RCODE } from '../../dns/codes.ts';
import type { ForwardConfig } from './config.ts';
import type { Forwarder } from './forwarder.ts';

/** One `forward` of a block, with what gets its answers. */
export interface Link {
  readonly config: ForwardConfig;
  readonly forwarder: Forwarder;
}

/** The `forward`s of a block as one handler: the first whose zone covers a name takes it, in file order. */
export function forwardHandler(links: readonly Link[], next: Handler): Handler {
  const last = links.at(-1);
  return links.reduceRight((behind, link) => linkHandler(link, behind, link !== last), next);
}

/** `hasAlternative`: whether a further `forward` comes next, which alone `next` can mean. */
function linkHandler({ config, forwarder }: Link, next: Handler, hasAlternative: boolean): Handler {
  const from = new ZoneName(config.from);
  const except = new ZoneSet(config.except);
  const looksFurther = hasAlternative && (config.next.size > 0 || config.nextOnNodata);

  function takes(query: Query): boolean {
    return from.covers(query) && (!except.covers(query) || query.key === from.key);
  }

  function isWanting(answer: Answer): boolean {
    if (config.next.has(answer.rcode)) return true;
    return config.nextOnNodata && answer.rcode === RCODE.NOERROR && answer.answerCount === 0;
  }

  return (query) => {
    if (!takes(query)) return next(query);
    const outcome = forwarder.ask(query);
    return looksFurther ? outcome.then((answer) => (isWanting(answer) ? next(query) : answer)) : outcome;
  };
}
