import { CLASS, TYPE } from './codes.ts';

/**
 * A resource record as the slow paths see it. The hot path never makes one: it copies bytes that were encoded before.
 * Names are text in the spelling that goes on the wire; `ttl` is in seconds.
 */
export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Rdata;
}

/** RDATA by shape. A type without a shape of its own is `opaque`: its bytes, in which no name is compressed. */
export type Rdata =
  /** A, AAAA: the address in its usual text. */
  | { readonly shape: 'address'; readonly address: string }
  /** NS, CNAME, PTR, DNAME. */
  | { readonly shape: 'name'; readonly target: string }
  | ({ readonly shape: 'soa' } & Soa)
  | { readonly shape: 'mx'; readonly preference: number; readonly exchange: string }
  | {
      readonly shape: 'srv';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  /** TXT, SPF, HINFO: character strings of at most 255 bytes each. */
  | { readonly shape: 'strings'; readonly strings: readonly Uint8Array[] }
  | { readonly shape: 'opaque'; readonly bytes: Uint8Array };

export interface Soa {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export type RdataShape = Rdata['shape'];

const shapes: ReadonlyMap<number, RdataShape> = new Map<number, RdataShape>([
  [TYPE.A, 'address'],
  [TYPE.AAAA, 'address'],
  [TYPE.NS, 'name'],
  [TYPE.CNAME, 'name'],
  [TYPE.PTR, 'name'],
  [TYPE.DNAME, 'name'],
  [TYPE.SOA, 'soa'],
  [TYPE.MX, 'mx'],
  [TYPE.SRV, 'srv'],
  [TYPE.TXT, 'strings'],
  [TYPE.SPF, 'strings'],
  [TYPE.HINFO, 'strings'],
]);

/** The shape of a type's RDATA. */
export function shapeOf(type: number): RdataShape {
  return shapes.get(type) ?? 'opaque';
}

/** An A or AAAA record, by the family of `address` (a valid IPv4 or IPv6 text). */
export function addressRecord(name: string, ttl: number, address: string): ResourceRecord {
  const type = address.includes(':') ? TYPE.AAAA : TYPE.A;
  return { name, type, class: CLASS.IN, ttl, data: { shape: 'address', address } };
}

/** An NS, CNAME, PTR or DNAME record. */
export function nameRecord(name: string, type: number, ttl: number, target: string): ResourceRecord {
  return { name, type, class: CLASS.IN, ttl, data: { shape: 'name', target } };
}

export function soaRecord(name: string, ttl: number, soa: Soa): ResourceRecord {
  return { name, type: TYPE.SOA, class: CLASS.IN, ttl, data: { shape: 'soa', ...soa } };
}

export function srvRecord(
  name: string,
  ttl: number,
  srv: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string },
): ResourceRecord {
  return { name, type: TYPE.SRV, class: CLASS.IN, ttl, data: { shape: 'srv', ...srv } };
}

/** A TXT record; strings are cut at 255 bytes, as a character string can hold no more. */
export function txtRecord(name: string, ttl: number, ...texts: readonly string[]): ResourceRecord {
  const strings = texts.map((text) => Uint8Array.from(Buffer.from(text, 'utf8').subarray(0, 255)));
  return { name, type: TYPE.TXT, class: CLASS.IN, ttl, data: { shape: 'strings', strings } };
}
