import { rcodeName, typeName } from '../../src/dns/codes.ts';
import { type Message, parseMessage } from '../../src/dns/message.ts';
import type { Rdata, ResourceRecord } from '../../src/dns/record.ts';
import { flagWords, rdataText } from '../../src/dns/text.ts';

const SECTIONS = [
  ['AN', 'answer'],
  ['NS', 'authority'],
  ['AR', 'additional'],
] as const;

/**
 * A reply as the recordings have it: the rcode and the header bits without qr, then a line for each record, sorted within
 * its section, all in lower case, the SOA serial left out.
 *
 *     NXDOMAIN aa,rd
 *     NS cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. serial 7200 1800 86400 30
 */
export function answerText(reply: Buffer): string {
  const message = parseMessage(reply);
  const lines = SECTIONS.flatMap(([label, section]) =>
    message[section].map((record) => `${label} ${lineOf(record)}`).toSorted(),
  );
  return [headText(message), ...lines].join('\n');
}

function headText({ rcode, flags }: Message): string {
  const words = flagWords(flags).filter((word) => word !== 'qr' && word !== 'z');
  return `${rcodeName(rcode)} ${words.join(',')}`.trimEnd();
}

function lineOf({ name, ttl, type, data }: ResourceRecord): string {
  return `${name.toLowerCase()} ${ttl} ${typeName(type)} ${withoutSerial(data).toLowerCase()}`;
}

function withoutSerial(data: Rdata): string {
  if (data.shape !== 'soa') return rdataText(data);
  const { mname, rname, refresh, retry, expire, minimum } = data;
  return `${mname} ${rname} serial ${refresh} ${retry} ${expire} ${minimum}`;
}

/** Whether a reply is the recorded one. Of a truncated answer only the first line counts: which records fit is chance. */
export function isAlike(actual: string, recorded: string): boolean {
  const [head = ''] = recorded.split('\n');
  const isTruncated = /[ ,]tc(,|$)/.test(head);
  return isTruncated ? actual.split('\n')[0] === head : actual === recorded.replaceAll('SERIAL', 'serial');
}
