/**
 * Domain names. A name has three forms here:
 *
 *     wire   labels with their lengths, ended by the root label: 3 w w w 0
 *     text   presentation form, always absolute, so with its last dot: `www.example.`; bytes that would confuse a reader
 *            are escaped as in RFC 1035 5.1 (`\.`, `\\`, `\ `, `\007`)
 *     key    text in lower case: what maps are keyed by, since names compare without regard to case (RFC 4343)
 */

export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;

// 255 bytes, each escaped by three digits.
const MAX_TEXT_CHARS = 4 * MAX_NAME_BYTES;

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** What is wrong with a name; `message` is a clause that a sentence can end with. */
export class NameError extends Error {
  override readonly name = 'NameError';
}

/** Lower case of each byte; only A-Z change (RFC 4343). */
export const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

/** Text in lower case, ASCII letters only: escapes and other bytes stay. */
export function keyOf(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Adds the last dot where it is missing: `example` and `example.` both give `example.`; '' gives the root. */
export function absolute(text: string): string {
  return text.endsWith('.') && !isEscaped(text, text.length - 1) ? text : `${text}.`;
}

/** True when `key` is `zoneKey` or below it. Both are keys. */
export function isWithin(key: string, zoneKey: string): boolean {
  if (zoneKey === '.') return true;
  if (!key.endsWith(zoneKey)) return false;
  const at = key.length - zoneKey.length;
  return at === 0 || (key[at - 1] === '.' && !isEscaped(key, at - 1));
}

/** True when the character at `at` is part of an escape that began before it. */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

/** The labels of a text, unescaped dots apart, escapes left as they are; the root has none. */
export function labelsOf(text: string): string[] {
  const name = absolute(text).slice(0, -1);
  if (name === '') return [];
  if (!name.includes('\\')) return name.split('.');
  const labels: string[] = [];
  let start = 0;
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '\\') i++;
    else if (name[i] === '.') {
      labels.push(name.slice(start, i));
      start = i + 1;
    }
  }
  labels.push(name.slice(start));
  return labels;
}

// Where names are put together, before their length is known. A character takes at most three bytes.
const source = Buffer.alloc(3 * MAX_TEXT_CHARS);
const target = Buffer.alloc(source.length + 2);

/**
 * A text as wire; characters beyond ASCII become their UTF-8 bytes. Throws NameError for an empty label, a label over 63
 * bytes, a name over 255 or a broken escape.
 */
export function nameToWire(text: string): Buffer {
  if (text === '.') return Buffer.alloc(1);
  if (text.length > MAX_TEXT_CHARS) throw new NameError(`name of ${text.length} characters is too long`);
  const end = source.write(text);
  let lengthAt = 0;
  let at = 1;
  for (let i = 0; i < end; i++) {
    const byte = source[i]!;
    if (byte === DOT) {
      closeLabel(lengthAt, at, text);
      lengthAt = at++;
    } else if (byte === BACKSLASH) {
      const escape = unescape(source.subarray(i + 1, Math.min(i + 4, end)), text);
      target[at++] = escape.byte;
      i += escape.length;
    } else {
      target[at++] = byte;
    }
  }
  if (at - lengthAt > 1) {
    closeLabel(lengthAt, at, text);
    lengthAt = at++;
  }
  target[lengthAt] = 0;
  if (at > MAX_NAME_BYTES) throw new NameError(`name of ${at} bytes is over ${MAX_NAME_BYTES}: ${text}`);
  return Buffer.from(target.subarray(0, at));
}

function closeLabel(lengthAt: number, end: number, text: string): void {
  const length = end - lengthAt - 1;
  if (length === 0) throw new NameError(`empty label in ${text}`);
  if (length > MAX_LABEL_BYTES) throw new NameError(`label of ${length} bytes is over ${MAX_LABEL_BYTES} in ${text}`);
  target[lengthAt] = length;
}

/** What an escape stands for, and how many bytes it takes after its backslash; `rest` is up to three of them. */
function unescape(rest: Buffer, text: string): { readonly byte: number; readonly length: number } {
  const digits = rest.toString('latin1');
  if (/^[0-9]{3}$/.test(digits)) {
    if (Number(digits) > 255) throw new NameError(`escape \\${digits} is over 255 in ${text}`);
    return { byte: Number(digits), length: 3 };
  }
  const [byte] = rest;
  if (byte === undefined) throw new NameError(`broken escape in ${text}`);
  return { byte, length: 1 };
}

/** One byte of a label in presentation form. */
function escapeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  if ('.()"\'\\;@ '.includes(char)) return `\\${char}`;
  return byte > 0x20 && byte <= 0x7e ? char : `\\${String(byte).padStart(3, '0')}`;
}

const ESCAPED = Array.from({ length: 256 }, (_, byte) => escapeByte(byte));
const PLAIN = Uint8Array.from(ESCAPED, (text) => (text.length === 1 ? 1 : 0));
const plainText = Buffer.alloc(MAX_NAME_BYTES);

/** The text of an uncompressed wire name at `offset`; the caller has checked that it is whole. */
export function wireToText(wire: Uint8Array, offset = 0): string {
  const chars = writePlainText(wire, offset, plainText);
  return chars < 0 ? escapedText(wire, offset) : plainText.toString('latin1', 0, chars);
}

/**
 * Writes what `wireToText` gives into `target`, a byte for each character, for those who look at every name and want no
 * string. Returns how many, at most 255; -1 for a name with a byte that must be escaped.
 */
export function writePlainText(wire: Uint8Array, offset: number, target: Uint8Array): number {
  let chars = 0;
  let at = offset;
  for (let length = wire[at] ?? 0; length !== 0; length = wire[at] ?? 0) {
    const end = at + 1 + length;
    for (at++; at < end; at++) {
      const byte = wire[at]!;
      if (PLAIN[byte] === 0) return -1;
      target[chars++] = byte;
    }
    target[chars++] = DOT;
  }
  if (chars === 0) target[chars++] = DOT;
  return chars;
}

function escapedText(wire: Uint8Array, offset: number): string {
  let text = '';
  let at = offset;
  for (let length = wire[at] ?? 0; length !== 0; length = wire[at] ?? 0) {
    for (const byte of wire.subarray(at + 1, at + 1 + length)) text += ESCAPED[byte]!;
    text += '.';
    at += 1 + length;
  }
  return text;
}

/** Whether a text can be a name: no label empty or too long, nor the whole. */
export function isName(text: string): boolean {
  try {
    nameToWire(text);
    return true;
  } catch (error) {
    if (error instanceof NameError) return false;
    throw error;
  }
}

/** `host` directly below `zone`. */
export function below(host: string, zone: string): string {
  return zone === '.' ? `${host}.` : `${host}.${zone}`;
}

/** Whether a zone is part of the reverse tree: its names are those of addresses. */
export function isReverseZone(zone: string): boolean {
  return /(^|\.)(in-addr|ip6)\.arpa\.$/.test(zone);
}
