import { className, OPCODE, rcodeName, typeName } from '../../../src/dns/codes.ts';
import { encodeOptions, type Message, parseMessage } from '../../../src/dns/message.ts';
import { flagWords, recordText } from '../../../src/dns/text.ts';

/** A reply as text, records sorted within their section: what two servers can be compared by. */
export interface Reading {
  /** `NOERROR qr aa rd`, with the opcode where it is not QUERY. */
  readonly head: string;
  readonly question: readonly string[];
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  /** `udp 1232 do 000a0008...`; '' without EDNS. */
  readonly opt: string;
}

const PARTS = ['head', 'question', 'answer', 'authority', 'additional', 'opt'] as const;

/** The parts of a reply that are known. */
export type Expected = Partial<Reading>;

export function readingOf(reply: Buffer): Reading {
  const message = parseMessage(reply);
  return {
    head: headOf(message),
    question: message.questions.map(
      ({ name, type, class: qclass }) => `${name} ${className(qclass)} ${typeName(type)}`,
    ),
    answer: lines(message.answer.map(recordText)),
    authority: lines(message.authority.map(recordText)),
    additional: lines(message.additional.map(recordText)),
    opt: optOf(message),
  };
}

function headOf({ rcode, flags, opcode }: Message): string {
  const words = [rcodeName(rcode), ...flagWords(flags)];
  return [...words, ...(opcode === OPCODE.QUERY ? [] : [`opcode=${opcode}`])].join(' ');
}

function optOf({ edns }: Message): string {
  if (edns === undefined) return '';
  return optText(edns.udpSize, edns.dnssecOk, encodeOptions(edns.options).toString('hex'));
}

/** `options`: in hex. */
export function optText(udpSize: number, dnssecOk: boolean, options: string): string {
  return ['udp', udpSize, ...(dnssecOk ? ['do'] : []), ...(options === '' ? [] : [options])].join(' ');
}

/** Records in a form that both sides share: sorted, SOA serials and the ports of clients left out. */
export function lines(records: readonly string[]): string[] {
  return records.map((record) => common(record)).toSorted();
}

function common(record: string): string {
  return record
    .replace(/( SOA \S+ \S+) \S+ (\d+ \d+ \d+ \d+)$/, '$1 SERIAL $2')
    .replace(/(_(?:udp|tcp)\.\S* 0 \S+ SRV 0 0) \d+ \.$/, '$1 PORT .')
    .replace(/( HINFO) \\# \d+ ([0-9a-f]+)$/, (_, head: string, hex: string) => `${head} ${strings(hex)}`);
}

/** Character strings, given as they stand in the packet. */
function strings(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
    texts.push(`"${bytes.toString('latin1', at + 1, at + 1 + (bytes[at] ?? 0))}"`);
  }
  return texts.join(' ');
}

/** A reading with the TTLs that were expected wherever its own are at most `seconds` lower. */
export function rejuvenated(reading: Reading, expected: Expected, seconds: number): Reading {
  const section = (part: 'answer' | 'authority' | 'additional'): string[] =>
    reading[part].map((record) => expected[part]?.find((wanted) => isOlder(record, wanted, seconds)) ?? record);
  return { ...reading, answer: section('answer'), authority: section('authority'), additional: section('additional') };
}

const TTL = /^(\S+) (\d+) /;

function isOlder(record: string, wanted: string, seconds: number): boolean {
  const lost = Number(TTL.exec(wanted)?.[2]) - Number(TTL.exec(record)?.[2]);
  return record.replace(TTL, '$1 ') === wanted.replace(TTL, '$1 ') && lost > 0 && lost <= Math.ceil(seconds);
}

/**
 * What differs, as lines with `-` for what was expected and `+` for what came; undefined where nothing does. Of a truncated
 * reply only the head counts: which records fit is chance.
 */
export function difference(expected: Expected, actual: Reading): string | undefined {
  const isTruncated = expected.head?.split(' ').includes('tc') ?? false;
  const parts = isTruncated ? (['head'] as const) : PARTS;
  const changes = parts.flatMap((part) => {
    const wanted = expected[part];
    return wanted === undefined ? [] : changesIn(part, [wanted].flat(), [actual[part]].flat());
  });
  return changes.length === 0 ? undefined : changes.join('\n');
}

function changesIn(part: string, expected: readonly string[], actual: readonly string[]): string[] {
  if (expected.join('\n') === actual.join('\n')) return [];
  const left = [...actual];
  const missing = expected.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [...missing.map((line) => `- ${part} ${line}`), ...left.map((line) => `+ ${part} ${line}`)];
}
