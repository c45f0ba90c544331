import type { Answer } from '../../core/answer.ts';
import { buildAnswer, recordsOf, type Sections } from '../../core/encode.ts';
import type { Query } from '../../core/query.ts';
import { TYPE } from '../../dns/codes.ts';
import type { ResourceRecord } from '../../dns/record.ts';

/**
 * The order of records within a section. Clients that take the first address they see must find the aliases before it:
 *
 *     round_robin, weighted    CNAME, others, A and AAAA, MX
 *     prefer                   CNAME, A and AAAA, MX, others
 */
export interface Groups {
  readonly aliases: readonly ResourceRecord[];
  readonly others: readonly ResourceRecord[];
  readonly addresses: readonly ResourceRecord[];
  readonly mail: readonly ResourceRecord[];
}

export function groupsOf(records: readonly ResourceRecord[]): Groups {
  const { aliases = [], others = [], addresses = [], mail = [] } = Object.groupBy(records, ({ type }) => groupOf(type));
  return { aliases, others, addresses, mail };
}

function groupOf(type: number): keyof Groups {
  switch (type) {
    case TYPE.CNAME:
      return 'aliases';
    case TYPE.A:
    case TYPE.AAAA:
      return 'addresses';
    case TYPE.MX:
      return 'mail';
    default:
      return 'others';
  }
}

/** The groups in the order of `round_robin` and `weighted`. */
export function inOrder({ aliases, others, addresses, mail }: Groups): ResourceRecord[] {
  return [...aliases, ...others, ...addresses, ...mail];
}

/** `answer` with its sections as `rearrange` gives them. */
export function rearranged(
  query: Query,
  answer: Answer,
  rearrange: (sections: Required<Sections>) => Sections,
): Answer {
  const { rcode, flags, source, reason, live, options, bornMs } = answer;
  const sections = rearrange(recordsOf(query, answer));
  return { ...buildAnswer(query, { ...sections, rcode, flags, source, reason, live }), options, bornMs };
}

/**
 * Whether the records of each section stand as `inOrder` would put them, and no section has MX records to shuffle: then
 * `reply` can do the rest. Only types are looked at.
 */
export function isInOrder(answer: Answer): boolean {
  const { answerCount, authorityCount, additionalCount } = answer;
  const authorityAt = answerCount;
  const additionalAt = authorityAt + authorityCount;
  return (
    isSectionInOrder(answer, 0, authorityAt) &&
    isSectionInOrder(answer, authorityAt, additionalAt) &&
    isSectionInOrder(answer, additionalAt, additionalAt + additionalCount)
  );
}

function isSectionInOrder({ body, ttlOffsets }: Answer, from: number, to: number): boolean {
  let rank = 0;
  for (let i = from; i < to; i++) {
    const next = rankOf(body.readUInt16BE(ttlOffsets[i]! - 4));
    if (next < rank || (next === MAIL && rank === MAIL)) return false;
    rank = next;
  }
  return true;
}

const MAIL = 3;

function rankOf(type: number): number {
  if (type === TYPE.CNAME) return 0;
  if (type === TYPE.A || type === TYPE.AAAA) return 2;
  return type === TYPE.MX ? MAIL : 1;
}
