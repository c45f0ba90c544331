import { FLAG, RCODE } from '../dns/codes.ts';

/**
 * An answer as a value: the bytes after the question, encoded before they are needed, and marks that say what may be done
 * to them without reading them. `reply` is the only one that turns it into a packet.
 *
 * A body belongs to a name of a certain length, since compression pointers count from the start of the message; within it
 * every pointer to the question finds the letters that the client used.
 */
export interface Answer {
  /** 0 to 4095. */
  readonly rcode: number;
  /** Of `FLAG`: AA, TC, RA, AD. RD and CD come from the query. */
  readonly flags: number;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  readonly body: Buffer;
  /** For each record, where its TTL stands in `body`. */
  readonly ttlOffsets: Uint16Array;
  /** For each record, where in `body` it ends. */
  readonly recordEnds: Uint16Array;
  /** Runs of address records laid out alike that no name points into, three numbers each: offset, record size, count. */
  readonly addressRuns: Uint16Array;
  /** The smallest TTL of all records; `NO_TTL` where there are none. */
  readonly minTtl: number;
  /** How long the body would be without compression: what the log and the size metrics report. */
  readonly wholeBytes: number;
  /** EDNS options for the reply's OPT record, encoded; empty mostly. */
  readonly options: Buffer;
  /** True for what is taken from live data of ours: no cache may hold it. */
  readonly live: boolean;
  /** When its TTLs were right, in milliseconds of the server's clock; -1 for one that does not age. */
  readonly bornMs: number;
  /** The plugin that made it. */
  readonly source: string;
  /** Why it is as it is, for a person; '' where the records say it all. */
  readonly reason: string;
  /**
   * The messages after this one, where one does not hold all: a zone transfer (RFC 5936 2.2), so over connections only.
   * The listener takes each when the client has taken those before it, or says by `return` that nobody wants them.
   */
  readonly following: Generator<Answer, void, undefined> | undefined;
}

export const NO_TTL = 0xffff_ffff;

const NO_BYTES = Buffer.alloc(0);
const NO_OFFSETS = new Uint16Array(0);

/** What most answers are like; every Answer is made from this, so that all have one shape in memory. */
export const blankAnswer: Answer = {
  rcode: RCODE.NOERROR,
  flags: 0,
  answerCount: 0,
  authorityCount: 0,
  additionalCount: 0,
  body: NO_BYTES,
  ttlOffsets: NO_OFFSETS,
  recordEnds: NO_OFFSETS,
  addressRuns: NO_OFFSETS,
  minTtl: NO_TTL,
  wholeBytes: 0,
  options: NO_BYTES,
  live: false,
  bornMs: -1,
  source: '',
  reason: '',
  following: undefined,
};

/** An answer with only a response code. */
export function emptyAnswer(rcode: number, source: string, reason = '', flags = 0): Answer {
  return { ...blankAnswer, rcode, flags, source, reason };
}

/** No packet is to be sent: the client waits in vain, on purpose. */
export const noReply: Answer = { ...blankAnswer, source: 'drop', reason: 'dropped on purpose' };

export function isTruncated(answer: Answer): boolean {
  return (answer.flags & FLAG.TC) !== 0;
}

/** How many records the answer has in all. */
export function recordCount(answer: Answer): number {
  return answer.recordEnds.length;
}
