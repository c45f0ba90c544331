import { addressToBytes } from './ip.ts';
import { labelsOf, nameToWire } from './name.ts';
import type { Rdata, ResourceRecord } from './record.ts';

// A pointer has 14 bits; names beyond can not be pointed to.
const MAX_POINTER = 0x3fff;

/**
 * Writes a message front to back, growing as needed. Names are compressed (RFC 1035 4.1.4) against names of the very same
 * spelling, so that no name ever changes its letters; targets of SRV and of types unknown to RFC 1035 are written whole
 * (RFC 2782, RFC 3597).
 *
 * Throws NameError for a name that can not be written, RangeError for an address that is none or a message over 65,535
 * bytes.
 */
export class Writer {
  #buffer: Buffer;
  #length = 0;
  readonly #offsets = new Map<string, number>();

  constructor(capacity = 512) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far, as bytes of their own. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
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
    const labels = labelsOf(text);
    for (let i = 0; i < labels.length; i++) {
      const suffix = labels.slice(i).join('.');
      const known = this.#offsets.get(suffix);
      if (known !== undefined) {
        this.u16(0xc000 | known);
        return;
      }
      if (this.#length <= MAX_POINTER) this.#offsets.set(suffix, this.#length);
      this.bytes(nameToWire(`${labels[i]}.`).subarray(0, -1));
    }
    this.u8(0);
  }

  /** A name written whole; later names may point to it. */
  wholeName(text: string): void {
    const labels = labelsOf(text);
    labels.forEach((label, i) => {
      const suffix = labels.slice(i).join('.');
      if (this.#length <= MAX_POINTER && !this.#offsets.has(suffix)) this.#offsets.set(suffix, this.#length);
      this.bytes(nameToWire(`${label}.`).subarray(0, -1));
    });
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
    this.#rdata(record.data);
    this.patchU16(lengthAt, this.#length - lengthAt - 2);
  }

  #rdata(data: Rdata): void {
    switch (data.shape) {
      case 'address':
        return this.bytes(bytesOf(data.address));
      case 'name':
        return this.name(data.target);
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
    if (needed > 0xffff) throw new RangeError('message over 65535 bytes');
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
