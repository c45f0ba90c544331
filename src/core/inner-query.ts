import { HEADER_BYTES } from '../dns/message.ts';
import type { ResourceRecord } from '../dns/record.ts';
import { Writer } from '../dns/writer.ts';
import { parseQuery } from './accept.ts';
import type { Answer } from './answer.ts';
import { recordsOf, type Sections } from './encode.ts';
import { Query } from './query.ts';

/**
 * A question that follows from another one: same client, same transport, same EDNS, another name. Throws NameError for a
 * name that is none.
 */
export function innerQuery(outer: Query, name: string, type: number): Query {
  const writer = new Writer(HEADER_BYTES + 260);
  writer.u16(outer.id);
  writer.u16(outer.flags);
  for (const count of [1, 0, 0, 0]) writer.u16(count);
  writer.question(name, type, outer.class);
  const query = new Query();
  parseQuery(query, writer.finish(), outer.peer);
  query.hasEdns = outer.hasEdns;
  query.udpSize = outer.udpSize;
  query.dnssecOk = outer.dnssecOk;
  query.hops = outer.hops + 1;
  return query;
}

/** The records of an answer to `query`, with the TTLs that they have at `nowMs` of the server's clock. */
export function recordsAt(query: Query, answer: Answer, nowMs: number): Required<Sections> {
  const records = recordsOf(query, answer);
  const age = answer.bornMs < 0 ? 0 : Math.floor((nowMs - answer.bornMs) / 1000);
  if (age <= 0) return records;
  const aged = (record: ResourceRecord): ResourceRecord => ({ ...record, ttl: Math.max(0, record.ttl - age) });
  return {
    answer: records.answer.map(aged),
    authority: records.authority.map(aged),
    additional: records.additional.map(aged),
  };
}
