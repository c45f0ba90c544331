import { TYPE } from './codes.ts';
import { bytesToAddress } from './ip.ts';
import { FormatError, type Reader } from './reader.ts';
import { shapeOf, type Rdata } from './record.ts';

/** A part of RDATA: that many plain bytes, a name, one character string, character strings to the end, or what is left. */
type Field = number | 'name' | 'string' | 'strings' | 'rest';

/**
 * The types whose RDATA is more than bytes. The names in these, and in no others, a sender may have compressed
 * (RFC 1035 4.1.4, RFC 3597 4).
 */
const layouts: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [TYPE.A, [4]],
  [TYPE.AAAA, [16]],
  [TYPE.NS, ['name']],
  [TYPE.MD, ['name']],
  [TYPE.MF, ['name']],
  [TYPE.CNAME, ['name']],
  [TYPE.SOA, ['name', 'name', 20]],
  [TYPE.MB, ['name']],
  [TYPE.MG, ['name']],
  [TYPE.MR, ['name']],
  [TYPE.PTR, ['name']],
  [TYPE.HINFO, ['strings']],
  [TYPE.MINFO, ['name', 'name']],
  [TYPE.MX, [2, 'name']],
  [TYPE.TXT, ['strings']],
  [TYPE.RP, ['name', 'name']],
  [TYPE.AFSDB, [2, 'name']],
  [TYPE.RT, [2, 'name']],
  [TYPE.SIG, [18, 'name', 'rest']],
  [TYPE.PX, [2, 'name', 'name']],
  [TYPE.NXT, ['name', 'rest']],
  [TYPE.SRV, [6, 'name']],
  [TYPE.NAPTR, [4, 'string', 'string', 'string', 'name']],
  [TYPE.KX, [2, 'name']],
  [TYPE.DNAME, ['name']],
  [TYPE.SPF, ['strings']],
]);
const plainLayout: readonly Field[] = ['rest'];

/**
 * The RDATA of `length` bytes at the reader. Throws FormatError when it does not fill exactly that many bytes.
 */
export function readRdata(reader: Reader, type: number, length: number): Rdata {
  const start = reader.offset;
  if (start + length > reader.end) throw new FormatError('record data runs past the end', start);
  const data = readShape(reader, type, length);
  if (reader.offset !== start + length) throw new FormatError('record data of the wrong length', start);
  return data;
}

function readShape(reader: Reader, type: number, length: number): Rdata {
  const shape = shapeOf(type);
  switch (shape) {
    case 'address':
      return { shape, address: bytesToAddress(reader.bytes(type === TYPE.A ? 4 : 16)) };
    case 'name':
      return { shape, target: reader.name() };
    case 'soa':
      return {
        shape,
        mname: reader.name(),
        rname: reader.name(),
        serial: reader.u32(),
        refresh: reader.u32(),
        retry: reader.u32(),
        expire: reader.u32(),
        minimum: reader.u32(),
      };
    case 'mx':
      return { shape, preference: reader.u16(), exchange: reader.name() };
    case 'srv':
      return { shape, priority: reader.u16(), weight: reader.u16(), port: reader.u16(), target: reader.name() };
    case 'strings':
      return { shape, strings: readStrings(reader, length) };
    case 'opaque':
      return { shape, bytes: readOpaque(reader, type, length) };
    default:
      return shape satisfies never;
  }
}

function readStrings(reader: Reader, length: number): Uint8Array[] {
  const end = reader.offset + length;
  const strings: Uint8Array[] = [];
  while (reader.offset < end) strings.push(reader.characterString());
  return strings;
}

/** Bytes in which no name is compressed any more. */
function readOpaque(reader: Reader, type: number, length: number): Uint8Array {
  const end = reader.offset + length;
  const parts: Uint8Array[] = [];
  for (const field of layouts.get(type) ?? plainLayout) {
    const start = reader.offset;
    if (field === 'name') parts.push(reader.nameWire());
    else {
      skipField(reader, field, end);
      parts.push(reader.wire.subarray(start, reader.offset));
    }
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Checks RDATA of `length` bytes as far as its layout is known, and steps over it. Throws FormatError as `readRdata` does. */
export function skipRdata(reader: Reader, type: number, length: number): void {
  const start = reader.offset;
  const end = start + length;
  for (const field of layouts.get(type) ?? plainLayout) skipField(reader, field, end);
  if (reader.offset !== end) throw new FormatError('record data of the wrong length', start);
}

function skipField(reader: Reader, field: Field, end: number): void {
  switch (field) {
    case 'name':
      return reader.skipName();
    case 'string':
      return reader.skip(reader.u8());
    case 'strings':
      while (reader.offset < end) reader.skip(reader.u8());
      return;
    case 'rest':
      return reader.skip(Math.max(0, end - reader.offset));
    default:
      return reader.skip(field);
  }
}
