/**
 * Durations, numbers and addresses as a Corefile writes them: in Go's syntax, refused in the words of Go's standard
 * library, which the reference prints and people search for. Each function throws a `GoValueError` with these words.
 */
export class GoValueError extends Error {
  override readonly name = 'GoValueError';
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u{b5}s': 1e-3,
  '\u{3bc}s': 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The longest duration: Go counts nanoseconds in 63 bits. */
const LONGEST_MS = 2 ** 63 / 1e6;

/** A duration such as `30s`, `1m30s`, `-0.5s` or `0`, in milliseconds, fractions included. */
export function parseGoDuration(text: string): number {
  const [, sign = '', unsigned = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (unsigned === '0') return 0;
  const invalid = new GoValueError(`time: invalid duration ${quoted(text)}`);
  if (unsigned === '') throw invalid;
  const part = /(\d*)(?:\.(\d*))?([^\d.]*)/sy;
  let ms = 0;
  while (part.lastIndex < unsigned.length) {
    const [, whole = '', fraction = '', unit = ''] = part.exec(unsigned) ?? [];
    if (whole === '' && fraction === '') throw invalid;
    if (unit === '') throw new GoValueError(`time: missing unit in duration ${quoted(text)}`);
    const unitMs = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
    if (unitMs === undefined) throw new GoValueError(`time: unknown unit ${quoted(unit)} in duration ${quoted(text)}`);
    ms += Number(`${whole}.${fraction}0`) * unitMs;
  }
  if (ms > LONGEST_MS) throw invalid;
  return sign === '-' ? -ms : ms;
}

/** The duration as Go prints it: `5m0s`, `1.5s`, `100ms`, `0s`. */
export function formatGoDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const ns = Math.round(Math.abs(ms) * 1e6);
  if (ns === 0) return '0s';
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${ns / 1e3}\u{b5}s`;
  if (ns < 1e9) return `${sign}${ns / 1e6}ms`;
  const hours = Math.floor(ns / 3.6e12);
  const minutes = Math.floor((ns % 3.6e12) / 6e10);
  const seconds = `${(ns % 6e10) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** A whole number in decimal; one beyond 2^53 loses its last digits. */
export function parseGoInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalidSyntax('Atoi', text);
  const value = Number(text);
  if (Math.abs(value) >= 2 ** 63) throw outOfRange('Atoi', text);
  return value;
}

/** A whole number in decimal, 0 or more, without a sign; one beyond 2^53 loses its last digits. */
export function parseGoUnsigned(text: string): number {
  if (!/^\d+$/.test(text)) throw invalidSyntax('ParseUint', text);
  const value = Number(text);
  if (value >= 2 ** 64) throw outOfRange('ParseUint', text);
  return value;
}

/** A whole number of 16 bits, 0 or more, in any of Go's bases: `65518`, `0xffee`, `0o17`, `017`, `0b11`. */
export function parseGoUint16(text: string): number {
  const [, octal = ''] = /^0o?([0-7]+)$/i.exec(text) ?? [];
  const isOther = /^(0x[0-9a-f]+|0b[01]+|0|[1-9][0-9]*)$/i.test(text);
  if (octal === '' && !isOther) throw invalidSyntax('ParseUint', text);
  const value = octal === '' ? Number(text) : Number.parseInt(octal, 8);
  if (value > 0xffff) throw outOfRange('ParseUint', text);
  return value;
}

/** A number in decimal or exponent form; always finite. */
export function parseGoFloat(text: string): number {
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw invalidSyntax('ParseFloat', text);
  const value = Number(text);
  if (!Number.isFinite(value)) throw outOfRange('ParseFloat', text);
  return value;
}

export interface HostPort {
  /** Without the brackets of an IPv6 address; empty for every address. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** `HOST:PORT`, `[IPV6]:PORT` or `:PORT`, the port a number. */
export function parseHostPort(text: string): HostPort {
  const failure = (problem: string): GoValueError => new GoValueError(`address ${text}: ${problem}`);
  const colon = text.lastIndexOf(':');
  const bracket = text.lastIndexOf(']');
  if (colon === -1 || colon < bracket) throw failure('missing port in address');
  const bracketed = text.startsWith('[') && bracket === colon - 1;
  const host = bracketed ? text.slice(1, bracket) : text.slice(0, colon);
  if (!bracketed && host.includes(':')) throw failure('too many colons in address');
  if (/[[\]]/.test(host)) throw failure(`unexpected bracket in address`);
  const port = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw failure('invalid port');
  return { host, port: Number(port) };
}

function invalidSyntax(parser: string, text: string): GoValueError {
  return new GoValueError(`strconv.${parser}: parsing ${quoted(text)}: invalid syntax`);
}

function outOfRange(parser: string, text: string): GoValueError {
  return new GoValueError(`strconv.${parser}: parsing ${quoted(text)}: value out of range`);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
