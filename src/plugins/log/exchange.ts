import { type Answer, noReply } from '../../core/answer.ts';
import type { Metadata } from '../../core/metadata.ts';
import { type Query, UDP_BYTES } from '../../core/query.ts';
import { replyBytes } from '../../core/query-metrics.ts';
import { FLAG, OPCODE, rcodeName } from '../../dns/codes.ts';

/** A query and what became of it, as far as a log line speaks of them. */
export interface Exchange {
  readonly query: Query;
  /** The length of the query's packet. */
  readonly requestBytes: number;
  /** Before EDNS and cuts; undefined where the client gets no reply. */
  readonly reply: { readonly rcode: string; readonly flags: number; readonly bytes: number } | undefined;
  readonly durationMs: number;
  /** Undefined where the block has no `metadata`. */
  readonly metadata: Metadata | undefined;
}

/** What the client gets, or undefined where it gets nothing. */
export function replyOf(query: Query, answer: Answer): Exchange['reply'] {
  if (answer === noReply) return undefined;
  const echoed = query.opcode === OPCODE.QUERY ? query.flags & (FLAG.RD | FLAG.CD) : 0;
  const name = rcodeName(answer.rcode);
  return {
    rcode: name.startsWith('RCODE') ? String(answer.rcode) : name,
    flags: FLAG.QR | echoed | answer.flags,
    bytes: replyBytes(query, answer.wholeBytes),
  };
}

/** The most that the client takes in one reply, in bytes. */
export function bufferSize({ peer, udpSize }: Query): number {
  return peer.transport === 'udp' ? Math.max(UDP_BYTES, udpSize) : 0xffff;
}

/** Seconds as a plain decimal, to the nanosecond: `0.000075833`, `1.5`, `0`. */
export function secondsText(ms: number): string {
  return (ms / 1000).toFixed(9).replace(/\.?0+$/, '');
}
