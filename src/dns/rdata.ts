import { TYPE } from './codes.ts';
import { bytesToAddress } from './ip.ts';
import { FormatError, type Reader } from './reader.ts';
import { shapeOf, type Rdata } from './record.ts';

/**
 * Old types whose RDATA holds names that a sender may have compressed (RFC 3597 4): `n` a name, `s` a character string,
 * a digit that many plain bytes, `*` the rest. They are read as opaque bytes with their names written out.
 */
const layouts: ReadonlyMap<number, string> = new Map<number, string>([
  [7, 'n'], // MB
  [8, 'n'], // MG
  [9, 'n'], // MR
  [14, 'nn'], // MINFO
  [TYPE.RP, 'nn'],
  [TYPE.AFSDB, '2n'],
  [21, '2n'], // RT
  [TYPE.SIG, '99n*'], // 18 bytes, the signer, the signature
  [26, '2nn'], // PX
  [30, 'n*'], // NXT
  [TYPE.NAPTR, '4sssn'],
  [TYPE.KX, '2n'],
]);

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
  while (reader.offset < end) strings.push(reader.characterString().slice());
  return strings;
}

function readOpaque(reader: Reader, type: number, length: number): Uint8Array {
  const layout = layouts.get(type);
  if (layout === undefined) return reader.bytes(length).slice();
  const end = reader.offset + length;
  const parts: Uint8Array[] = [];
  for (const field of layout) {
    if (field === 'n') parts.push(reader.nameWire());
    else if (field === 's') parts.push(Uint8Array.of(reader.wire[reader.offset] ?? 0), reader.characterString());
    else parts.push(reader.bytes(field === '*' ? Math.max(0, end - reader.offset) : Number(field)));
  }
  return Uint8Array.from(Buffer.concat(parts));
}
