import { CLASS, classCode, TYPE, typeCode } from '../../src/dns/codes.ts';
import type { Rdata, ResourceRecord } from '../../src/dns/record.ts';

/** The record of one line as `recordText` writes it, of the types that tests speak of: `web.test. 30 IN A 10.96.1.1`. */
export function recordOf(line: string): ResourceRecord {
  const [name = '', ttl = '', classText = '', typeText = '', ...fields] = line.trim().split(/\s+/);
  const type = typeCode(typeText);
  if (type === undefined || fields.length === 0) throw new Error(`no record: ${line}`);
  return { name, type, class: classCode(classText) ?? CLASS.IN, ttl: Number(ttl), data: rdataOf(type, fields) };
}

function rdataOf(type: number, fields: readonly string[]): Rdata {
  const [first = '', second = '', third = '', fourth = ''] = fields;
  const [serial = 0, refresh = 0, retry = 0, expire = 0, minimum = 0] = fields.slice(2).map(Number);
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
      return { shape: 'address', address: first };
    case TYPE.SOA:
      return { shape: 'soa', mname: first, rname: second, serial, refresh, retry, expire, minimum };
    case TYPE.MX:
      return { shape: 'mx', preference: Number(first), exchange: second };
    case TYPE.SRV:
      return {
        shape: 'srv',
        priority: Number(first),
        weight: Number(second),
        port: Number(third),
        target: fourth,
      };
    case TYPE.TXT:
      return { shape: 'strings', strings: fields.map((text) => Buffer.from(text.replaceAll('"', ''))) };
    case TYPE.RRSIG:
      return { shape: 'opaque', bytes: Buffer.from(first, 'hex') };
    default:
      return { shape: 'name', target: first };
  }
}
