import type { Answer } from '../../core/answer.ts';
import { recordsOf } from '../../core/encode.ts';
import type { Query } from '../../core/query.ts';
import { CLASS, OPCODE, RCODE, TYPE } from '../../dns/codes.ts';
import { HEADER_BYTES } from '../../dns/message.ts';
import { keyOf } from '../../dns/name.ts';
import type { ResourceRecord } from '../../dns/record.ts';

/**
 * What an answer says, which decides whether it is stored, where, and for how long:
 *
 *     positive      NOERROR; the records lead to the asked type                       success
 *     empty         NOERROR without answer, SOA and NS                                success
 *     delegation    NOERROR without answer and SOA, but NS in authority               success
 *     nodata        NOERROR, the asked type is missing, SOA in authority              denial
 *     nxdomain      NXDOMAIN without answer, SOA in authority                         denial
 *     failure       SERVFAIL, NOTIMP                                                  denial, for the time of failures
 *     incomplete    NOERROR, the records do not lead to the asked type, no SOA        -
 *     unbounded     NXDOMAIN without answer and without SOA (RFC 2308 section 5)      -
 *     other         REFUSED, FORMERR ..., NXDOMAIN with an answer, expired RRSIG      -
 *     meta          transfers and everything that is no query                         -
 */
export type Kind =
  | 'positive'
  | 'empty'
  | 'delegation'
  | 'nodata'
  | 'nxdomain'
  | 'failure'
  | 'incomplete'
  | 'unbounded'
  | 'other'
  | 'meta';

/** `wallMs`: the time by which signatures are judged. */
export function classify(query: Query, answer: Answer, wallMs: number): Kind {
  if (query.opcode !== OPCODE.QUERY || query.type === TYPE.AXFR || query.type === TYPE.IXFR) return 'meta';
  if (query.dnssecOk && hasExpiredSignature(answer, wallMs)) return 'other';
  switch (answer.rcode) {
    case RCODE.NOERROR:
      return answer.answerCount > 0 ? classifyRecords(query, answer) : classifyEmpty(answer);
    case RCODE.NXDOMAIN:
      if (answer.answerCount > 0) return 'other';
      return hasAuthority(answer, TYPE.SOA) ? 'nxdomain' : 'unbounded';
    case RCODE.SERVFAIL:
    case RCODE.NOTIMP:
      return 'failure';
    default:
      return 'other';
  }
}

function classifyRecords(query: Query, answer: Answer): Kind {
  if (answersQuestion(query, answer)) return 'positive';
  return hasAuthority(answer, TYPE.SOA) ? 'nodata' : 'incomplete';
}

function classifyEmpty(answer: Answer): Kind {
  if (hasAuthority(answer, TYPE.SOA)) return 'nodata';
  return hasAuthority(answer, TYPE.NS) ? 'delegation' : 'empty';
}

function typeAt({ body }: Answer, ttlOffset: number): number {
  return body.readUInt16BE(ttlOffset - 4);
}

function classAt({ body }: Answer, ttlOffset: number): number {
  return body.readUInt16BE(ttlOffset - 2);
}

function hasAuthority(answer: Answer, type: number): boolean {
  const { answerCount, authorityCount, ttlOffsets } = answer;
  const authority = ttlOffsets.subarray(answerCount, answerCount + authorityCount);
  return authority.some((ttlOffset) => typeAt(answer, ttlOffset) === type);
}

const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

/** Whether a record of the asked type stands at the end of the chain of aliases from the asked name (RFC 1034 3.6.2). */
function answersQuestion(query: Query, answer: Answer): boolean {
  const [firstTtlAt = 0] = answer.ttlOffsets;
  const ownsQuestion = firstTtlAt === 6 && answer.body.readUInt16BE(0) === POINTER_TO_QUESTION;
  // The usual case, without a look at any name.
  if (ownsQuestion && typeAt(answer, 6) === query.type && classAt(answer, 6) === query.class) return true;
  const records = recordsOf(query, answer).answer.filter((record) => isOfClass(record, query.class));
  if (query.type === TYPE.ANY) return records.some((record) => keyOf(record.name) === query.key);
  const aliases = aliasesOf(records);
  if (query.type === TYPE.CNAME) return aliases.get(query.key)?.size === 1;
  const canonical = canonicalKey(query.key, aliases);
  return records.some((record) => record.type === query.type && keyOf(record.name) === canonical);
}

function isOfClass(record: ResourceRecord, asked: number): boolean {
  return asked === CLASS.ANY || record.class === asked;
}

/** The targets of each alias, as keys. */
function aliasesOf(records: readonly ResourceRecord[]): ReadonlyMap<string, ReadonlySet<string>> {
  const aliases = new Map<string, Set<string>>();
  for (const { name, type, data } of records) {
    if (type !== TYPE.CNAME || data.shape !== 'name') continue;
    const owner = keyOf(name);
    const target = keyOf(data.target);
    const targets = aliases.get(owner);
    if (targets === undefined) aliases.set(owner, new Set([target]));
    else targets.add(target);
  }
  return aliases;
}

/** Where the chain from `key` ends; undefined where it forks (RFC 2181 10.1) or runs in a circle. */
function canonicalKey(key: string, aliases: ReadonlyMap<string, ReadonlySet<string>>): string | undefined {
  const seen = new Set<string>();
  let at = key;
  for (let targets = aliases.get(at); targets !== undefined; targets = aliases.get(at)) {
    const [target] = targets;
    if (targets.size !== 1 || target === undefined || seen.has(at)) return undefined;
    seen.add(at);
    at = target;
  }
  return at;
}

// In an RRSIG's data, which begins six bytes after the TTL's start: times in seconds since 1970 (RFC 4034 3.1.5).
const EXPIRATION_AT = 6 + 8;
const INCEPTION_AT = 6 + 12;

function hasExpiredSignature(answer: Answer, wallMs: number): boolean {
  const { body, recordEnds } = answer;
  const seconds = Math.floor(wallMs / 1000);
  return answer.ttlOffsets.some((ttlOffset, i) => {
    if (typeAt(answer, ttlOffset) !== TYPE.RRSIG || ttlOffset + INCEPTION_AT + 4 > (recordEnds[i] ?? 0)) return false;
    const expiration = body.readUInt32BE(ttlOffset + EXPIRATION_AT);
    const inception = body.readUInt32BE(ttlOffset + INCEPTION_AT);
    return isBefore(expiration, seconds) || isBefore(seconds, inception);
  });
}

/** In serial number arithmetic (RFC 1982), as RRSIG times are compared. */
function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
