import { type Answer, emptyAnswer, noReply } from '../../core/answer.ts';
import { buildAnswer, type Sections } from '../../core/encode.ts';
import { type Handler, mapOutcome, type Outcome, QueryError, settle } from '../../core/handler.ts';
import { innerQuery, recordsAt } from '../../core/inner-query.ts';
import type { Query } from '../../core/query.ts';
import { FLAG, RCODE, TYPE } from '../../dns/codes.ts';
import { NameError } from '../../dns/name.ts';
import { type Redirection, redirectionIn } from './cname.ts';
import type { Rewritten } from './draft.ts';
import { renamed } from './records.ts';
import { replyOptions } from './reply-options.ts';
import type { Step } from './rule.ts';
import { boundedTtl } from './ttl.ts';

export interface ReplyParts {
  /** Asks the whole server. */
  readonly resolve: Handler;
  /** The server's clock, in milliseconds. */
  readonly now: () => number;
  /** The options that rules name by their numbers. */
  readonly localOptions: ReadonlySet<number>;
}

/** Turns the answer to a rewritten question into that to the client's. */
export class Reply {
  readonly #query: Query;
  readonly #asked: Query;
  /** In the order in which they are done. */
  readonly #steps: readonly Step[];
  readonly #parts: ReplyParts;

  constructor(query: Query, { asked, steps }: Rewritten, parts: ReplyParts) {
    this.#query = query;
    this.#asked = asked;
    this.#steps = steps.toReversed();
    this.#parts = parts;
  }

  /** What the client gets for an answer: live if that is, with the TTLs that it has now. */
  take(answer: Answer): Outcome {
    if (answer === noReply) return answer;
    return mapOutcome(this.#withRecords(answer), (changed) => this.#withHead(changed));
  }

  /** Throws the error that the client gets for an error. */
  fail(error: unknown): never {
    if (!(error instanceof QueryError)) throw error;
    const rcode = this.#rcodeFor(error.rcode);
    throw rcode === error.rcode ? error : new QueryError(rcode, error.message, { cause: error });
  }

  /** With the records that the steps make; itself where they change none and the body fits the client's question. */
  #withRecords(answer: Answer): Outcome {
    if (answer.recordEnds.length === 0) return answer;
    const isAboutRecords = this.#steps.some(({ what }) => what === 'rename' || (what === 'cname' && hasAlias(answer)));
    if (!isAboutRecords && !this.#isRenamed) return answer;
    const sections = recordsAt(this.#asked, answer, this.#parts.now());
    return this.#stepThrough(answer, sections, sections, this.#steps);
  }

  /** A body belongs to the letters of a name. */
  get #isRenamed(): boolean {
    return this.#asked.text !== this.#query.text;
  }

  #stepThrough(
    answer: Answer,
    original: Required<Sections>,
    sections: Required<Sections>,
    steps: readonly Step[],
  ): Outcome {
    let changed = sections;
    for (const [i, step] of steps.entries()) {
      if (step.what === 'rename') changed = named('answer', () => renamed(changed, step));
      if (step.what !== 'cname') continue;
      const redirection = redirectionIn(changed, step.target);
      if (redirection === undefined) continue;
      return this.#follow(answer, redirection, (head, found) =>
        this.#stepThrough(head, original, found, steps.slice(i + 1)),
      );
    }
    return changed === original && !this.#isRenamed ? answer : this.#build(answer, changed);
  }

  /** Asks for the new target of an alias, and goes on with what is there. */
  #follow(
    answer: Answer,
    { aliases, target }: Redirection,
    goOn: (head: Answer, sections: Required<Sections>) => Outcome,
  ): Outcome {
    const inner = named('alias', () => innerQuery(this.#asked, target, this.#asked.type));
    const { resolve, now } = this.#parts;
    return settle(
      resolve,
      inner,
      (found) => {
        const live = answer.live || found.live;
        if (found === noReply || (found.rcode !== RCODE.NOERROR && found.rcode !== RCODE.NXDOMAIN)) {
          return unresolved(target, live);
        }
        const rcode = found.rcode === RCODE.NOERROR ? RCODE.NOERROR : answer.rcode;
        const flags = (answer.flags & ~FLAG.TC) | (found.flags & FLAG.TC);
        const records = [...aliases, ...recordsAt(inner, found, now()).answer];
        return goOn({ ...answer, rcode, flags, live }, { answer: records, authority: [], additional: [] });
      },
      (error) => {
        if (error instanceof QueryError) return unresolved(target, answer.live);
        throw error;
      },
    );
  }

  #build(answer: Answer, sections: Sections): Answer {
    const { rcode, flags, source, reason, live, options } = answer;
    const head = { rcode, flags, source, reason, live };
    return { ...named('answer', () => buildAnswer(this.#query, { ...sections, ...head })), options };
  }

  #withHead(answer: Answer): Answer {
    let changed = answer;
    for (const step of this.#steps) if (step.what === 'ttl') changed = boundedTtl(changed, step, this.#parts.now());
    const rcode = this.#rcodeFor(answer.rcode);
    const options = replyOptions(answer, this.#query, this.#asked, this.#steps, this.#parts.localOptions);
    return rcode === answer.rcode && options === answer.options ? changed : { ...changed, rcode, options };
  }

  #rcodeFor(before: number): number {
    let rcode = before;
    for (const step of this.#steps) if (step.what === 'rcode' && step.from === rcode) rcode = step.to;
    return rcode;
  }
}

/** What `make` makes. Throws QueryError for a name that rules have made, and that is none. */
function named<T>(what: 'alias' | 'answer', make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    throw new QueryError(RCODE.SERVFAIL, `invalid ${what} after rewrite: ${error.message}`, { cause: error });
  }
}

/**
 * An alias without its addresses would tell the client that there are none; with SERVFAIL it asks again. The cause was told
 * where it arose.
 */
function unresolved(target: string, live: boolean): Answer {
  const reason = `the target ${target} of a rewritten alias could not be resolved`;
  return { ...emptyAnswer(RCODE.SERVFAIL, 'rewrite', reason), live };
}

function hasAlias({ body, ttlOffsets, answerCount }: Answer): boolean {
  for (let i = 0; i < answerCount; i++) if (body.readUInt16BE(ttlOffsets[i]! - 4) === TYPE.CNAME) return true;
  return false;
}
