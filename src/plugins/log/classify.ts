import type { Exchange } from './exchange.ts';
import { OPCODE, RCODE, TYPE } from '../../dns/codes.ts';
import type { Answer } from '../../core/answer.ts';

/** What a `class` line chooses from. */
export type ResponseClass = 'success' | 'denial' | 'error';

/**
 * `success`: an answer with data, a delegation, or an empty answer without SOA. `denial`: the name does not exist, or has no
 * such data, with an SOA that says so. `error`: all else, zone transfers, notifications and silence included.
 */
export function classify({ query, answer }: Exchange): ResponseClass {
  if (answer === undefined || query.opcode !== OPCODE.QUERY) return 'error';
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

/** Whether a record of `type` is in the authority section; the type stands four bytes before the TTL. */
function hasAuthority({ answerCount, authorityCount, body, ttlOffsets }: Answer, type: number): boolean {
  for (let i = answerCount; i < answerCount + authorityCount; i++) {
    if (body.readUInt16BE((ttlOffsets[i] ?? 4) - 4) === type) return true;
  }
  return false;
}
