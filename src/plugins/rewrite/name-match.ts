import type { Pattern } from '../../corefile/pattern.ts';
import type { WrittenName } from './written-name.ts';

export const LITERAL_KINDS = ['exact', 'prefix', 'suffix', 'substring'] as const;
export type LiteralKind = (typeof LITERAL_KINDS)[number];

/** Whose names a rule is about. */
export type NameMatch = LiteralMatch | PatternMatch;

export interface LiteralMatch {
  readonly kind: LiteralKind;
  /** In lower case. A suffix need not begin where a label does. */
  readonly text: string;
  readonly bytes: Buffer;
}

export interface PatternMatch {
  readonly kind: 'regex';
  readonly pattern: Pattern;
}

export function literalMatch(kind: LiteralKind, text: string): LiteralMatch {
  return { kind, text, bytes: Buffer.from(text) };
}

/** Makes a string of the name only for a pattern. */
export function matches(match: NameMatch, { bytes, length }: WrittenName): boolean {
  switch (match.kind) {
    case 'exact':
      return length === match.bytes.length && standsAt(bytes, 0, match.bytes);
    case 'prefix':
      return length >= match.bytes.length && standsAt(bytes, 0, match.bytes);
    case 'suffix':
      return length >= match.bytes.length && standsAt(bytes, length - match.bytes.length, match.bytes);
    case 'substring':
      return standsWithin(bytes, length, match.bytes);
    case 'regex':
      return match.pattern.matches(bytes.toString('latin1', 0, length));
    default:
      return match satisfies never;
  }
}

function standsAt(bytes: Buffer, at: number, part: Buffer): boolean {
  for (let i = part.length - 1; i >= 0; i--) if (bytes[at + i] !== part[i]) return false;
  return true;
}

function standsWithin(bytes: Buffer, length: number, part: Buffer): boolean {
  for (let at = 0; at <= length - part.length; at++) if (standsAt(bytes, at, part)) return true;
  return false;
}
