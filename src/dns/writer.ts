import { TYPE } from './codes.ts';
import { addressToBytes } from './ip.ts';
import { nameToWire } from './name.ts';
import type { ResourceRecord } from './record.ts';

// A pointer has 14 bits; names beyond can not be pointed to.
const MAX_POINTER = 0x3fff;

/** More than a message can hold, whose length must fit into 16 bits. */
export class TooLongError extends RangeError {
  override readonly name = 'TooLongError';
}

/**
 * Writes a message front to back, growing as needed. Names are compressed (RFC 1035 4.1.4) against names of the very same
 * spelling, so that no name ever changes its letters; targets of SRV, DNAME and of types unknown to RFC 1035 are written
 * whole (RFC 2782, RFC 3597 4).
 *
 * Throws NameError for a name that can not be written, RangeError for a number too large for its field or an address that
 * is none, TooLongError for a message over 65,535 bytes.
 */
export class Writer {
  #buffer: Buffer;
  #length = 0;
  /** Where names stand, by their text. */
  readonly #names = new Map<string, number>();
  /** Where ends of names stand, by the letters of their wire form. */
  readonly #suffixes = new Map<string, number>();

  constructor(capacity = 512) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The first `length` bytes of what was written so far, as bytes of their own. */
  finish(length = this.#length): Buffer {
    return Buffer.from(this.#buffer.subarray(0, length));
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#buffer.writeUInt8(value, at);
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /** Overwrites two bytes written before, such as a count or a length. */
  patchU16(at: number, value: number): void {
    this.#buffer.writeUInt16BE(value, at);
  }

  /** A name, compressed where a name of the same spelling stands before it. */
  name(text: string): void {
    const known = this.#names.get(text);
    if (known === undefined) this.#labels(text, true);
    else this.u16(0xc000 | known);
  }

  /** A name written whole; later names may point to it. */
  wholeName(text: string): void {
    this.#labels(text, false);
  }

  #labels(text: string, compress: boolean): void {
    const wire = nameToWire(text);
    const letters = wire.toString('latin1');
    for (let at = 0; wire[at] !== 0;) {
      const suffix = letters.slice(at);
      const known = this.#suffixes.get(suffix);
      const offset = known ?? this.#length;
      if (offset <= MAX_POINTER) {
        this.#suffixes.set(suffix, offset);
        if (at === 0) this.#names.set(text, offset);
      }
      if (known !== undefined && compress) return this.u16(0xc000 | known);
      const next = at + 1 + wire[at]!;
      let to = this.#reserve(next - at);
      while (at < next) this.#buffer[to++] = wire[at++]!;
    }
    this.u8(0);
  }

  question(name: string, type: number, qclass: number): void {
    this.name(name);
    this.u16(type);
    this.u16(qclass);
  }

  record(record: ResourceRecord): void {
    this.name(record.name);
    this.u16(record.type);
    this.u16(record.class);
    this.u32(record.ttl);
    const lengthAt = this.#length;
    this.u16(0);
    this.#rdata(record);
    this.patchU16(lengthAt, this.#length - lengthAt - 2);
  }

  #rdata({ type, data }: ResourceRecord): void {
    switch (data.shape) {
      case 'address':
        return this.bytes(bytesOf(data.address));
      case 'name':
        return this.#labels(data.target, type !== TYPE.DNAME);
      case 'soa':
        this.name(data.mname);
        this.name(data.rname);
        for (const value of [data.serial, data.refresh, data.retry, data.expire, data.minimum]) this.u32(value);
        return;
      case 'mx':
        this.u16(data.preference);
        return this.name(data.exchange);
      case 'srv':
        this.u16(data.priority);
        this.u16(data.weight);
        this.u16(data.port);
        return this.wholeName(data.target);
      case 'strings':
        for (const string of data.strings) {
          this.u8(string.length);
          this.bytes(string);
        }
        return;
      case 'opaque':
        return this.bytes(data.bytes);
      default:
        return data satisfies never;
    }
  }

  #reserve(bytes: number): number {
    const at = this.#length;
    const needed = at + bytes;
    if (needed > 0xffff) throw new TooLongError('message over 65535 bytes');
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }
}

function bytesOf(address: string): Uint8Array {
  const bytes = addressToBytes(address);
  if (bytes === undefined) throw new RangeError(`not an IP address: ${address}`);
  return bytes;
}
