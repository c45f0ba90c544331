import { MAX_LABEL_BYTES, MAX_NAME_BYTES, wireToText } from './name.ts';

/** A message that breaks RFC 1035's format; `offset` is where it was noticed. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

// A header has no names to point to.
const FIRST_NAME = 12;
// A name of 255 bytes has at most 127 labels; more pointers than that lead nowhere new.
const MAX_POINTERS = 127;

// The name being read, its pointers followed. Whoever has it filled copies from it at once.
const expanded = new Uint8Array(MAX_NAME_BYTES);

/**
 * Reads a message front to back. Each method throws FormatError instead of reading past the end, following a pointer
 * that does not lead backwards, or taking a name over 255 bytes: work is bounded by the message's length.
 */
export class Reader {
  readonly wire: Uint8Array;
  offset: number;
  readonly end: number;
  /** How many bytes compression saved in the names read so far. */
  savedBytes = 0;
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

  /** A copy, since what is read outlives the buffer it was read from. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return new Uint8Array(this.wire.subarray(at, at + length));
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** A `<character-string>` (RFC 1035 3.3), without its length byte. */
  characterString(): Uint8Array {
    return this.bytes(this.u8());
  }

  /** A name as text, pointers followed. */
  name(): string {
    this.#expand();
    return wireToText(expanded);
  }

  /** A name as uncompressed wire, pointers followed. */
  nameWire(): Uint8Array {
    return expanded.slice(0, this.#expand());
  }

  /** Checks a name and steps over it. */
  skipName(): void {
    this.#expand();
  }

  /** Puts the name into `expanded`, steps over it, and returns its uncompressed length. */
  #expand(): number {
    const { wire } = this;
    const start = this.offset;
    let at = start;
    let resumeAt = -1;
    let length = 0;
    for (let pointers = 0; ;) {
      const label = this.#byteAt(at);
      if (label >= 0xc0) {
        const target = ((label & 0x3f) << 8) | this.#byteAt(at + 1);
        if (resumeAt < 0) resumeAt = at + 2;
        if (target >= at || target < FIRST_NAME || ++pointers > MAX_POINTERS) {
          throw new FormatError('compression pointer leads nowhere', at);
        }
        this.#onPointer?.(target);
        at = target;
      } else if (label > MAX_LABEL_BYTES) {
        throw new FormatError('label of an unknown kind', at);
      } else {
        const next = at + 1 + label;
        if (next > this.end) throw new FormatError('name runs past the end', at);
        if (length + 1 + label > MAX_NAME_BYTES) throw new FormatError('name over 255 bytes', at);
        while (at < next) expanded[length++] = wire[at++]!;
        if (label === 0) break;
      }
    }
    this.offset = resumeAt < 0 ? at : resumeAt;
    this.savedBytes += length - (this.offset - start);
    return length;
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
