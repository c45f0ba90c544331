import { type Answer, emptyAnswer, noReply } from '../core/answer.ts';
import { parseQuery, type Verdict } from '../core/accept.ts';
import { type Handler, type Outcome, QueryError } from '../core/handler.ts';
import { type Peer, Query } from '../core/query.ts';
import {
  badVersionReply,
  bareReply,
  encodeReply,
  malformedReply,
  noQuestionReply,
  type ReplyTools,
} from '../core/reply.ts';
import { OPCODE, RCODE } from '../dns/codes.ts';

/**
 * From a packet to its reply, whatever the transport: parse, ask the chain, encode.
 *
 *     packet -> parseQuery -> handler -> encodeReply -> send
 *                   |            `- throws, rejects: the error's rcode, or SERVFAIL and `onFault`
 *                   `- broken: a reply that says so, or none
 *
 * A chain that answers at once is answered at once, with a Query that is used again for the next packet. One that must
 * wait keeps its Query until it is done. Nothing that a client sends makes `respond` throw.
 */
export interface Responder {
  /** `send` is called at most once, with the reply. What is returned resolves when all is done; nothing: it is. */
  respond(wire: Buffer, peer: Peer, send: Send): Promise<void> | undefined;
}

export type Send = (packet: Buffer, following?: Following) => void;

/** The messages after a reply, over connections only. One of the two is called until there is nothing left. */
export interface Following {
  /** Makes the next one; undefined when there is none. Throws when the rest can not be had: the connection must end. */
  next(): Buffer | undefined;
  /** The rest is not wanted. */
  stop(): void;
}

export interface RespondOptions extends ReplyTools {
  /** Looked up for each packet, since a reload puts another in its place. */
  readonly handler: () => Handler;
  /** An error that is no `QueryError`: a defect of ours. */
  readonly onFault: (error: unknown, query: Query) => void;
  /** A reply that no chain has seen. */
  readonly onRejected: (query: Query, rcode: number) => void;
}

export function createResponder(options: RespondOptions): Responder {
  let spare: Query | undefined;

  function respond(wire: Buffer, peer: Peer, send: Send): Promise<void> | undefined {
    const query = spare ?? new Query();
    spare = undefined;
    const verdict = parseQuery(query, wire, peer);
    if (verdict !== 'accept') {
      const packet = rejection(query, verdict);
      if (packet !== undefined) send(packet);
      spare = query;
      return undefined;
    }
    const outcome = ask(query);
    if (outcome instanceof Promise) {
      return outcome.catch((error: unknown) => failed(error, query)).then((answer) => finish(query, answer, send));
    }
    finish(query, outcome, send);
    spare = query;
    return undefined;
  }

  function ask(query: Query): Outcome {
    try {
      return options.handler()(query);
    } catch (error) {
      return failed(error, query);
    }
  }

  function failed(error: unknown, query: Query): Answer {
    if (error instanceof QueryError) return emptyAnswer(error.rcode, '', error.message);
    options.onFault(error, query);
    return emptyAnswer(RCODE.SERVFAIL, '', 'a fault in the server');
  }

  function finish(query: Query, answer: Answer, send: Send): void {
    if (answer === noReply) return;
    let packet: Buffer;
    let following: Following | undefined;
    try {
      packet = encodeReply(query, answer, options);
      if (answer.following !== undefined) following = packetsOf(query.copy(), answer.following);
    } catch (error) {
      packet = encodeReply(query, failed(error, query), options);
    }
    send(packet, following);
  }

  function packetsOf(query: Query, answers: NonNullable<Answer['following']>): Following {
    return {
      next() {
        try {
          const { value } = answers.next();
          return value === undefined ? undefined : encodeReply(query, value, options);
        } catch (error) {
          options.onFault(error, query);
          throw error;
        }
      },
      stop: () => void answers.return(),
    };
  }

  function rejection(query: Query, verdict: Exclude<Verdict, 'accept'>): Buffer | undefined {
    switch (verdict) {
      case 'ignore':
        return undefined;
      case 'notimp':
        return reject(query, RCODE.NOTIMP, bareReply(query, RCODE.NOTIMP, query.opcode));
      case 'formerr':
        return reject(query, RCODE.FORMERR, bareReply(query, RCODE.FORMERR, OPCODE.QUERY));
      case 'servfail':
        return reject(query, RCODE.SERVFAIL, noQuestionReply(query));
      case 'malformed':
        return reject(query, RCODE.FORMERR, malformedReply(query));
      case 'badvers':
        return reject(query, RCODE.BADVERS, badVersionReply(query));
      default:
        return verdict satisfies never;
    }
  }

  function reject(query: Query, rcode: number, packet: Buffer): Buffer {
    options.onRejected(query, rcode);
    return packet;
  }

  return { respond };
}
