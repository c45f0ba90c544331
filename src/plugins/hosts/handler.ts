import { type Answer, emptyAnswer } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import type { Handler } from '../../core/handler.ts';
import { innerQuery } from '../../core/inner-query.ts';
import type { Query } from '../../core/query.ts';
import type { ZoneSet } from '../../core/zone-name.ts';
import { FLAG, RCODE, TYPE } from '../../dns/codes.ts';
import { addressRecord, nameRecord, type ResourceRecord } from '../../dns/record.ts';
import { type Host, type HostTable, isIPv6, type Reverse } from './host-table.ts';

export interface HostsParts {
  readonly table: () => HostTable;
  readonly zones: ZoneSet;
  readonly fallthrough: ZoneSet;
  readonly fallthroughUnsupported: boolean;
  readonly ttl: number;
}

/** A known name without records of the asked type. There is no SOA to send along. */
const noData: Answer = {
  ...emptyAnswer(RCODE.NOERROR, 'hosts', 'the hosts file has this name with other types', FLAG.AA),
  live: true,
};

/** The reference leaves such a query to the server, which says SERVFAIL; no error is logged. */
const unknown: Answer = {
  ...emptyAnswer(RCODE.SERVFAIL, 'hosts', 'the hosts file has no such name, and hosts has no fallthrough for it'),
  live: true,
};

/** Answers for names and addresses of the table; the answers are kept there. */
export function hostsHandler(parts: HostsParts, next: Handler): Handler {
  const { table, zones, fallthrough, fallthroughUnsupported, ttl } = parts;

  return (query) => {
    if (query.type === TYPE.PTR) {
      const reverse = table().reverse(query);
      return reverse === undefined ? next(query) : pointers(query, reverse, ttl);
    }
    if (!zones.covers(query)) return next(query);
    if (fallthroughUnsupported && !isAddressType(query.type) && fallthrough.covers(query)) return next(query);
    const host = table().host(query);
    if (host !== undefined) return addresses(query, host, ttl);
    return fallthrough.covers(query) ? next(query) : unknown;
  };
}

function isAddressType(type: number): boolean {
  return type === TYPE.A || type === TYPE.AAAA;
}

function addresses(query: Query, host: Host, ttl: number): Answer {
  if (query.type === TYPE.A) return (host.answer4 ??= addressAnswer(query, host, ttl));
  if (query.type === TYPE.AAAA) return (host.answer6 ??= addressAnswer(query, host, ttl));
  return noData;
}

function addressAnswer(query: Query, host: Host, ttl: number): Answer {
  const list = host.addresses.filter((address) => isIPv6(address) === (query.type === TYPE.AAAA));
  if (list.length === 0) return noData;
  return answerOf(query, (owner) => list.map((address) => addressRecord(owner, ttl, address)));
}

function pointers(query: Query, reverse: Reverse, ttl: number): Answer {
  return (reverse.answer ??= answerOf(query, (owner) =>
    reverse.names.map((name) => nameRecord(owner, TYPE.PTR, ttl, name)),
  ));
}

/** An answer whose owner names all point to the question, so that it is right in whatever letters that is put. */
function answerOf(query: Query, records: (owner: string) => ResourceRecord[]): Answer {
  const asked = query.mixedCase ? innerQuery(query, query.key, query.type) : query;
  return buildAnswer(asked, {
    rcode: RCODE.NOERROR,
    flags: FLAG.AA,
    source: 'hosts',
    live: true,
    answer: records(asked.key),
  });
}
