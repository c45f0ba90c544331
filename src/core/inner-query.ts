import { FLAG, TYPE } from '../dns/codes.ts';
import { type EdnsOption, encodeMessage, HEADER_BYTES, readOptions, readRecords } from '../dns/message.ts';
import { Reader } from '../dns/reader.ts';
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

export interface Wording {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** EDNS options in place of the query's own; without them those stay, and there is no EDNS where there was none. */
  readonly options?: readonly EdnsOption[];
}

const RCODE_BITS = 15;
/** What a query says that it takes, when it was without EDNS. */
const OWN_UDP_BYTES = 4096;

/**
 * The same question in other words, to take the place of `query` for the plugins behind: all else of its packet stays as it
 * is. Throws NameError for a name that is none, FormatError where the records after the question can not be read.
 */
export function rephrase(query: Query, { name, type, class: qclass, options }: Wording): Query {
  const [answer = [], authority = [], additional = []] = recordsIn(query);
  const own = query.hasEdns ? { udpSize: query.udpSize, dnssecOk: query.dnssecOk } : undefined;
  const edns = own ?? (options && { udpSize: OWN_UDP_BYTES, dnssecOk: false });
  const wire = encodeMessage({
    id: query.id,
    opcode: query.opcode,
    rcode: query.flags & RCODE_BITS,
    flags: query.flags & (FLAG.AA | FLAG.TC | FLAG.RD | FLAG.RA | FLAG.Z | FLAG.AD | FLAG.CD),
    questions: [{ name, type, class: qclass }],
    answer,
    authority,
    additional: additional.filter((record) => record.type !== TYPE.OPT),
    edns: edns && { version: 0, ...edns, options: options ?? optionsIn(additional) },
  });
  const rephrased = new Query();
  // Options that would not be taken from a client are passed on as they are wanted.
  parseQuery(rephrased, wire, query.peer);
  rephrased.hasEdns = edns !== undefined;
  rephrased.udpSize = edns?.udpSize ?? query.udpSize;
  rephrased.dnssecOk = query.dnssecOk;
  rephrased.hops = query.hops;
  return rephrased;
}

/** The EDNS options of a query. Throws FormatError where the records after the question can not be read. */
export function optionsOf(query: Query): readonly EdnsOption[] {
  return query.hasEdns ? optionsIn(recordsIn(query)[2] ?? []) : [];
}

function optionsIn(additional: readonly ResourceRecord[]): readonly EdnsOption[] {
  const opt = additional.findLast((record) => record.type === TYPE.OPT);
  return opt?.data.shape === 'opaque' ? readOptions(opt.data.bytes) : [];
}

/** The records after the question, section by section; a header may promise more than its packet holds. */
function recordsIn({ wire, questionEnd }: Query): ResourceRecord[][] {
  const reader = new Reader(wire, questionEnd);
  return [6, 8, 10].map((at) => {
    const records: ResourceRecord[] = [];
    for (let left = wire.readUInt16BE(at); left > 0 && !reader.done; left--) records.push(...readRecords(reader, 1));
    return records;
  });
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
