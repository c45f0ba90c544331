import { type Answer, noReply } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';
import { OPCODE, RCODE, TYPE } from '../../dns/codes.ts';

/** What a `class` line chooses from. */
export type ResponseClass = 'success' | 'denial' | 'error';

/**
 * `success`: an answer with data, a delegation, or an empty answer without SOA. `denial`: the name does not exist, or has
 * no such data and an SOA says so. `error`: all else, zone transfers, notifications and silence included.
 */
export function classify(query: Query, answer: Answer): ResponseClass {
  if (answer === noReply || query.opcode !== OPCODE.QUERY) return 'error';
  if (query.type === TYPE.AXFR || query.type === TYPE.IXFR) return 'error';
  switch (answer.rcode) {
    case RCODE.NOERROR:
      return answer.answerCount === 0 && hasAuthority(answer, TYPE.SOA) ? 'denial' : 'success';
    case RCODE.NXDOMAIN:
      return answer.answerCount === 0 ? 'denial' : 'error';
    default:
      return 'error';
  }
}

/** Whether a record of `type` is in the authority section; a record's type stands four bytes before its TTL. */
function hasAuthority({ answerCount, authorityCount, body, ttlOffsets }: Answer, type: number): boolean {
  for (let i = answerCount; i < answerCount + authorityCount; i++) {
    const ttlAt = ttlOffsets[i];
    if (ttlAt !== undefined && body.readUInt16BE(ttlAt - 4) === type) return true;
  }
  return false;
}
