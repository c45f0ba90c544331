import { className, FLAG, rcodeName, typeName } from './codes.ts';
import type { Message } from './message.ts';
import type { Rdata, ResourceRecord } from './record.ts';

/**
 * Records and messages in the text that people read: the presentation format of RFC 1035 5 and RFC 3597 5, one line a
 * record, single blanks between fields: `web.test. 30 IN A 10.96.1.1`.
 */

export function recordText(record: ResourceRecord): string {
  return `${record.name} ${record.ttl} ${className(record.class)} ${typeName(record.type)} ${rdataText(record.data)}`;
}

export function rdataText(data: Rdata): string {
  switch (data.shape) {
    case 'address':
      return data.address;
    case 'name':
      return data.target;
    case 'soa':
      return [data.mname, data.rname, data.serial, data.refresh, data.retry, data.expire, data.minimum].join(' ');
    case 'mx':
      return `${data.preference} ${data.exchange}`;
    case 'srv':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case 'strings':
      return data.strings.map(quoted).join(' ');
    case 'opaque':
      return `\\# ${data.bytes.length} ${Buffer.from(data.bytes).toString('hex')}`.trimEnd();
    default:
      return data satisfies never;
  }
}

function quoted(bytes: Uint8Array): string {
  const chars = Array.from(bytes, (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
  });
  return `"${chars.join('')}"`;
}

const flagNames = [
  [FLAG.QR, 'qr'],
  [FLAG.AA, 'aa'],
  [FLAG.TC, 'tc'],
  [FLAG.RD, 'rd'],
  [FLAG.RA, 'ra'],
  [FLAG.Z, 'z'],
  [FLAG.AD, 'ad'],
  [FLAG.CD, 'cd'],
] as const;

/** The set bits in the order qr aa tc rd ra z ad cd. */
export function flagWords(flags: number): string[] {
  return flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

/** A message for a log or a failed test: rcode and flags, the question, then the records under their section's name. */
export function messageText(message: Message): string {
  const lines = [`${rcodeName(message.rcode)} ${flagWords(message.flags).join(' ')}`];
  for (const { name, type, class: qclass } of message.questions) {
    lines.push(`question ${name} ${className(qclass)} ${typeName(type)}`);
  }
  for (const section of ['answer', 'authority', 'additional'] as const) {
    for (const record of message[section]) lines.push(`${section} ${recordText(record)}`);
  }
  return lines.join('\n');
}
