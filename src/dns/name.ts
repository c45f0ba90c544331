/**
 * Domain names. A name has three forms here:
 *
 *     wire   labels with their lengths, ended by the root label: 3 w w w 0
 *     text   presentation form, always absolute, so with its last dot: `www.example.`; bytes that would confuse a reader
 *            are escaped as in RFC 1035 5.1 (`\.`, `\\`, `\032`)
 *     key    text in lower case: what maps are keyed by, since names compare without regard to case (RFC 4343)
 */

export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;

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
  return text.endsWith('.') && !/(^|[^\\])(\\\\)*\\\.$/.test(text) ? text : `${text}.`;
}

/** True when `key` is `zoneKey` or below it. Both are keys. */
export function isWithin(key: string, zoneKey: string): boolean {
  if (zoneKey === '.') return true;
  if (!key.endsWith(zoneKey)) return false;
  const at = key.length - zoneKey.length;
  return at === 0 || (key[at - 1] === '.' && !endsInEscape(key, at - 1));
}

function endsInEscape(text: string, end: number): boolean {
  let backslashes = 0;
  while (text[end - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

/** The labels of a text, unescaped dots apart, escapes left as they are; the root has none. */
export function labelsOf(text: string): string[] {
  if (text === '.' || text === '') return [];
  if (!text.includes('\\')) return (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  const labels = text.match(/(?:\\[0-9]{3}|\\.|[^.\\])+/gs);
  return labels ?? [];
}

/**
 * A text as wire. Throws NameError for an empty label, a label over 63 bytes, a name over 255 or a broken escape.
 */
export function nameToWire(text: string): Uint8Array {
  if (text === '.') return new Uint8Array(1);
  const source = Buffer.from(text, 'utf8');
  const wire: number[] = [0];
  let lengthAt = 0;
  for (let i = 0; i < source.length; i++) {
    const byte = source[i] ?? 0;
    if (byte === DOT) {
      closeLabel(wire, lengthAt, text);
      lengthAt = wire.length;
      wire.push(0);
    } else if (byte === BACKSLASH) {
      const escape = unescape(source, i, text);
      wire.push(escape.byte);
      i += escape.length - 1;
    } else {
      wire.push(byte);
    }
  }
  if (wire.length - lengthAt > 1) {
    closeLabel(wire, lengthAt, text);
    wire.push(0);
  }
  if (wire.length > MAX_NAME_BYTES)
    throw new NameError(`name of ${wire.length} bytes is over ${MAX_NAME_BYTES}: ${text}`);
  return Uint8Array.from(wire);
}

function closeLabel(wire: number[], lengthAt: number, text: string): void {
  const length = wire.length - lengthAt - 1;
  if (length === 0) throw new NameError(`empty label in ${text}`);
  if (length > MAX_LABEL_BYTES) throw new NameError(`label of ${length} bytes is over ${MAX_LABEL_BYTES} in ${text}`);
  wire[lengthAt] = length;
}

function unescape(source: Uint8Array, at: number, text: string): { byte: number; length: number } {
  const digits = /^[0-9]{3}/.exec(String.fromCharCode(...source.subarray(at + 1, at + 4)))?.[0];
  if (digits !== undefined) {
    const byte = Number(digits);
    if (byte > 255) throw new NameError(`escape \\${digits} is over 255 in ${text}`);
    return { byte, length: 4 };
  }
  const byte = source[at + 1];
  if (byte === undefined) throw new NameError(`broken escape in ${text}`);
  return { byte, length: 2 };
}

const SPECIAL = new Set(Buffer.from('.()"\\;@ '));

/** One byte of a label in presentation form. */
function escapeByte(byte: number): string {
  if (byte <= 0x20 || byte > 0x7e) return byte === 0x20 ? '\\ ' : `\\${String(byte).padStart(3, '0')}`;
  const char = String.fromCharCode(byte);
  return SPECIAL.has(byte) ? `\\${char}` : char;
}

/** The text of an uncompressed wire name at `offset`; the caller has checked that it is whole. */
export function wireToText(wire: Uint8Array, offset = 0): string {
  let text = '';
  let at = offset;
  for (let length = wire[at] ?? 0; length !== 0; length = wire[at] ?? 0) {
    for (let i = at + 1; i <= at + length; i++) text += escapeByte(wire[i] ?? 0);
    text += '.';
    at += 1 + length;
  }
  return text === '' ? '.' : text;
}
