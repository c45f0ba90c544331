import type { Answer } from '../../core/answer.ts';

export interface TtlBounds {
  readonly least: number;
  readonly most: number;
}

/**
 * The answer with every TTL, as it is at `nowMs` of the server's clock, within bounds; itself where they all are. What was
 * changed does not age any more.
 */
export function boundedTtl(answer: Answer, { least, most }: TtlBounds, nowMs: number): Answer {
  const { body, ttlOffsets, bornMs } = answer;
  const age = bornMs < 0 ? 0 : Math.floor((nowMs - bornMs) / 1000);
  const ttls = Array.from(ttlOffsets, (at) => Math.max(0, body.readUInt32BE(at) - age));
  if (ttls.every((ttl) => ttl >= least && ttl <= most)) return answer;
  const bounded = ttls.map((ttl) => Math.min(Math.max(ttl, least), most));
  const changed = Buffer.from(body);
  for (const [i, at] of ttlOffsets.entries()) changed.writeUInt32BE(bounded[i] ?? 0, at);
  return { ...answer, body: changed, minTtl: Math.min(...bounded), bornMs: -1 };
}
