import { type Answer, blankAnswer, NO_TTL } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import type { Query } from '../../core/query.ts';
import { FLAG, RCODE } from '../../dns/codes.ts';
import type { ResourceRecord } from '../../dns/record.ts';

/**
 * How far compression pointers reach, so that more in one message would save little; and making one keeps all others
 * waiting no longer than a millisecond or two.
 */
const MESSAGE_BYTES = 0x4000;
/** A record has 16 bytes at least, so these fill a message. */
const BATCH = MESSAGE_BYTES / 16;

/** The records in messages, in order, each message made when it is asked for. `query` is kept. */
export function* messages(query: Query, records: Iterable<ResourceRecord>): Generator<Answer, void, undefined> {
  let batch: ResourceRecord[] = [];
  for (const record of records) {
    batch.push(record);
    if (batch.length < BATCH) continue;
    const message = messageOf(query, batch);
    batch = batch.slice(message.answerCount);
    yield message;
  }
  while (batch.length > 0) {
    const message = messageOf(query, batch);
    batch = batch.slice(message.answerCount);
    yield message;
  }
}

/**
 * A message with the first of these records, as many as it holds. It has no marks of TTLs and addresses, since what a
 * secondary gets is the zone as it is: no plugin may change it.
 */
export function messageOf(query: Query, records: readonly ResourceRecord[]): Answer {
  const head = { rcode: RCODE.NOERROR, flags: FLAG.AA, source: 'transfer', live: true, answer: records };
  const message = buildAnswer(query, head, MESSAGE_BYTES);
  if (message.answerCount === 0) throw new RangeError(`a record at ${records[0]?.name} is larger than a message`);
  const { ttlOffsets, addressRuns } = blankAnswer;
  return { ...message, flags: FLAG.AA, ttlOffsets, addressRuns, minTtl: NO_TTL };
}
