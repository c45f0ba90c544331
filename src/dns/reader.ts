import { MAX_NAME_BYTES, wireToText } from './name.ts';

/** A message that breaks RFC 1035's format; `offset` is where it was noticed. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

// A name of 255 bytes has at most 127 labels; more pointers than that lead nowhere new.
const MAX_POINTERS = 127;

/**
 * Reads a message front to back. Each method throws FormatError instead of reading past the end, following a pointer
 * that does not lead backwards, or taking a name over 255 bytes: work is bounded by the message's length.
 */
export class Reader {
  readonly wire: Uint8Array;
  offset: number;
  readonly end: number;
  readonly #onPointer: ((target: number) => void) | undefined;

  /** `onPointer` hears of every compression pointer followed. */
  constructor(wire: Uint8Array, offset = 0, onPointer?: (target: number) => void) {
    this.wire = wire;
    this.offset = offset;
    this.end = wire.length;
    this.#onPointer = onPointer;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  u8(): number {
    return this.wire[this.#take(1)] ?? 0;
  }

  u16(): number {
    const at = this.#take(2);
    return ((this.wire[at] ?? 0) << 8) | (this.wire[at + 1] ?? 0);
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.wire.subarray(at, at + length);
  }

  /** A `<character-string>` (RFC 1035 3.3), without its length byte. */
  characterString(): Uint8Array {
    return this.bytes(this.u8());
  }

  /** A name as text, pointers followed. */
  name(): string {
    return wireToText(this.nameWire());
  }

  /** A name as uncompressed wire, pointers followed. */
  nameWire(): Uint8Array {
    const name: number[] = [];
    let at = this.offset;
    let resumeAt = -1;
    for (let pointers = 0; ;) {
      const length = this.#byteAt(at);
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | this.#byteAt(at + 1);
        if (resumeAt < 0) resumeAt = at + 2;
        if (target >= at || ++pointers > MAX_POINTERS) throw new FormatError('compression pointer leads nowhere', at);
        this.#onPointer?.(target);
        at = target;
      } else if (length > 0x3f) {
        throw new FormatError('label of an unknown kind', at);
      } else {
        for (let i = 0; i <= length; i++) name.push(this.#byteAt(at + i));
        at += 1 + length;
        if (name.length > MAX_NAME_BYTES) throw new FormatError('name over 255 bytes', at);
        if (length === 0) break;
      }
    }
    this.offset = resumeAt < 0 ? at : resumeAt;
    return Uint8Array.from(name);
  }

  #byteAt(at: number): number {
    if (at >= this.end) throw new FormatError('name runs past the end', at);
    return this.wire[at] ?? 0;
  }

  #take(length: number): number {
    const at = this.offset;
    if (at + length > this.end) throw new FormatError('message ends too early', at);
    this.offset = at + length;
    return at;
  }
}
