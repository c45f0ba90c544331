import type { Answer } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import { type Handler, QueryError } from '../../core/handler.ts';
import { innerQuery, recordsAt } from '../../core/inner-query.ts';
import type { Peer, Query } from '../../core/query.ts';
import { FLAG, RCODE, TYPE } from '../../dns/codes.ts';
import type { ResourceRecord } from '../../dns/record.ts';
import type { Reading } from './zone.ts';

export interface FollowParts {
  /** Asks the whole server. */
  readonly resolve: Handler;
  readonly now: () => number;
}

interface Found {
  readonly records: readonly ResourceRecord[];
  readonly truncated: boolean;
}

const nothing: Found = { records: [], truncated: false };

/**
 * The rest of an answer that names load balancers by host names: their addresses, asked of the whole server; behind the
 * alias for A and AAAA, in the additional section for SRV. What can not be had is left out: who asks for an external zone
 * is a resolver, which follows an alias by itself.
 */
export async function followHosts(
  { resolve, now }: FollowParts,
  query: Query,
  { records, hosts }: Extract<Reading, { kind: 'hosts' }>,
): Promise<Answer> {
  const isSrv = query.type === TYPE.SRV;
  const types = isSrv ? [TYPE.A, TYPE.AAAA] : [query.type];
  const found = await Promise.all(
    hosts.flatMap((host) => types.map((type) => lookUpHost(resolve, query, host, type, now))),
  );
  const more = found.flatMap((one) => one.records);
  const truncated = found.some((one) => one.truncated);
  return buildAnswer(query, {
    rcode: RCODE.NOERROR,
    flags: truncated ? FLAG.AA | FLAG.TC : FLAG.AA,
    source: 'k8s_external',
    live: true,
    answer: isSrv ? records.answer : [...records.answer, ...more],
    additional: isSrv ? [...records.additional, ...more] : [],
  });
}

async function lookUpHost(
  resolve: Handler,
  query: Query,
  host: string,
  type: number,
  now: () => number,
): Promise<Found> {
  const peer = peerOfNext(query.peer);
  if (peer === undefined) return nothing;
  const inner = innerQuery(query, host, type);
  inner.peer = peer;
  try {
    const answer = await resolve(inner);
    return { records: recordsAt(inner, answer, now()).answer, truncated: (answer.flags & FLAG.TC) !== 0 };
  } catch (error) {
    if (error instanceof QueryError) return nothing;
    throw error;
  }
}

/** A load balancer's name may lead back here, over aliases of other plugins as well: a chain of this length ends. */
const MOST_LOOKUPS = 8;

/** How many lookups of ours led to the questions of a peer; whatever follows from a question keeps its peer. */
const lookups = new WeakMap<Peer, number>();

function peerOfNext(peer: Peer): Peer | undefined {
  const count = (lookups.get(peer) ?? 0) + 1;
  if (count > MOST_LOOKUPS) return undefined;
  const next = { ...peer };
  lookups.set(next, count);
  return next;
}
