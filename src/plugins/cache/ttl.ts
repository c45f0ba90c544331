import type { Answer } from '../../core/answer.ts';

/** Whether every record of the answer has this TTL. */
export function hasTtl({ body, ttlOffsets }: Answer, ttl: number): boolean {
  for (let i = 0; i < ttlOffsets.length; i++) {
    if (body.readUInt32BE(ttlOffsets[i]) !== ttl) return false;
  }
  return true;
}

/** The answer with this TTL, in seconds, on every record; itself where nothing changes. It does not age any more. */
export function withTtl(answer: Answer, ttl: number): Answer {
  if (answer.bornMs < 0 && hasTtl(answer, ttl)) return answer;
  const body = Buffer.from(answer.body);
  for (const ttlOffset of answer.ttlOffsets) body.writeUInt32BE(ttl, ttlOffset);
  return { ...answer, body, minTtl: answer.ttlOffsets.length === 0 ? answer.minTtl : ttl, bornMs: -1 };
}

/** Whole seconds since `bornMs`; 0 for what does not age. */
export function ageAt(bornMs: number, nowMs: number): number {
  return bornMs < 0 ? 0 : Math.floor((nowMs - bornMs) / 1000);
}
