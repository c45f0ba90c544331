import { type Answer, emptyAnswer } from '../../core/answer.ts';
import type { Handler, Outcome } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { RCODE, TYPE } from '../../dns/codes.ts';
import { canonicalAddress } from '../../dns/ip.ts';
import { readRecords } from '../../dns/message.ts';
import { FormatError, Reader } from '../../dns/reader.ts';
import type { ResourceRecord } from '../../dns/record.ts';
import type { Log } from '../../runtime/log.ts';
import type { Transferable, ZoneState } from '../../zone/transferable.ts';
import { ruleFor, type TransferRule } from './config.ts';
import { messageOf, messages } from './messages.ts';

export interface TransferParts {
  readonly rules: readonly TransferRule[];
  /** In plugin order. */
  readonly providers: () => readonly Transferable[];
  readonly log: Log;
}

/** What an AXFR query says of the client's zone: nothing. */
const NO_SERIAL = -1;
const NO_SOA = 'an IXFR query must have one SOA record in its authority section';

/** Answers AXFR and IXFR; all else passes. */
export function transferHandler(parts: TransferParts, next: Handler): Handler {
  return (query) => (query.type === TYPE.AXFR || query.type === TYPE.IXFR ? transfer(parts, query, next) : next(query));
}

function transfer({ rules, providers, log }: TransferParts, query: Query, next: Handler): Outcome {
  const { transport, address } = query.peer;
  if (transport !== 'tcp') return empty(RCODE.REFUSED, 'zones are transferred over TCP only');
  const rule = ruleFor(rules, query.key);
  if (rule === undefined) return next(query);
  if (!rule.everyone && !rule.clients.some((client) => client.address === canonicalAddress(address))) {
    return empty(RCODE.REFUSED, `the Corefile does not let ${address} have this zone`);
  }
  const known = query.type === TYPE.IXFR ? serialOf(query) : NO_SERIAL;
  if (known === undefined) return empty(RCODE.SERVFAIL, NO_SOA);
  for (const provider of providers()) {
    const state = provider.zoneState(query);
    if (state !== undefined) return state.serial === known ? upToDate(query, state, log) : whole(query, state, log);
  }
  return next(query);
}

function empty(rcode: number, reason: string): Answer {
  return emptyAnswer(rcode, 'transfer', reason);
}

/** The serial of the zone that the client has (RFC 1995 3). */
function serialOf({ wire, questionEnd }: Query): number | undefined {
  try {
    const reader = new Reader(wire, questionEnd);
    readRecords(reader, wire.readUInt16BE(6));
    const authority = readRecords(reader, wire.readUInt16BE(8));
    const data = authority.length === 1 ? authority[0]?.data : undefined;
    return data?.shape === 'soa' ? data.serial : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** RFC 1995 2: the SOA record alone. */
function upToDate(query: Query, { soa, serial }: ZoneState, log: Log): Answer {
  log.info(
    `Outgoing noop, incremental transfer for up to date zone "${query.text}" to ${query.peer.address} for ${serial} SOA serial`,
  );
  return messageOf(query, [soa]);
}

/** RFC 5936 2.2: all of the zone between two copies of its SOA record. */
function whole(query: Query, state: ZoneState, log: Log): Answer {
  const outgoing = sent(query.copy(), state, state.records(), log);
  const first = outgoing.next();
  if (first.done === true) throw new Error('a transfer without messages');
  return { ...first.value, following: outgoing };
}

/** The messages of a transfer. It is told of when its last one was taken, or when the others are not wanted any more. */
function* sent(
  query: Query,
  { soa, serial }: ZoneState,
  contents: Iterable<ResourceRecord>,
  log: Log,
): Generator<Answer, void, undefined> {
  const of = `of zone "${query.text}" to ${query.peer.address} for ${serial} SOA serial`;
  let records = 0;
  let isWhole = false;
  try {
    for (const message of messages(query, enclosed(soa, contents))) {
      records += message.answerCount;
      yield message;
    }
    isWhole = true;
    log.info(`Outgoing transfer of ${records} records ${of}`);
  } finally {
    if (!isWhole) log.warning(`Outgoing transfer broken off after ${records} records ${of}`);
  }
}

function* enclosed(
  soa: ResourceRecord,
  contents: Iterable<ResourceRecord>,
): Generator<ResourceRecord, void, undefined> {
  yield soa;
  yield* contents;
  yield soa;
}
