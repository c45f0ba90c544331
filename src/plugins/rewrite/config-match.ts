import type { LineCursor } from '../../corefile/cursor.ts';
import { shown } from '../../corefile/mistake.ts';
import { absolute, keyOf } from '../../dns/name.ts';
import { readPattern } from '../../corefile/pattern.ts';
import type { NameChange } from './name-change.ts';
import { LITERAL_KINDS, type LiteralKind, literalMatch, type NameMatch } from './name-match.ts';
import { readReplacement } from './replacement-text.ts';

/** The rest of the words by which `ttl` and `rcode` say whose answers they are about, from `kind`, in any letters, on. */
export function readMatch(words: LineCursor, field: 'ttl' | 'rcode', kind: string): NameMatch {
  const text = words.arg();
  const literal = literalKind(kind);
  if (literal !== undefined) return literalMatch(literal, keyOf(absolute(text)));
  if (kind.toLowerCase() !== 'regex') {
    throw words.error(`${field} rule supports only exact, prefix, suffix, substring, and regex name matching`);
  }
  const tooLong = `regex pattern too long in a ${field} rule`;
  const invalid = `invalid regex pattern in a ${field} rule: ${shown(text)}`;
  return { kind: 'regex', pattern: readPattern(text, { tooLong, invalid, fail: (told) => words.error(told) }) };
}

/** `[MATCH] FROM TO` of a cname rule. But for `exact` these are no whole names, so no dot is put behind them. */
export function readCnameChange(words: LineCursor): NameChange {
  if (words.left < 2 || words.left > 3) throw words.error(`too few (${words.left}) arguments for a cname rule`);
  const kind = words.left === 2 ? 'exact' : words.arg().toLowerCase();
  const literal = literalKind(kind);
  if (literal === undefined && kind !== 'regex') throw words.error(`unknown cname rewrite type: ${shown(kind)}`);
  const from = words.arg();
  if (literal !== undefined) {
    const textOf = (word: string): string => keyOf(literal === 'exact' ? absolute(word) : word);
    return { ...literalMatch(literal, textOf(from)), to: textOf(words.arg()) };
  }
  const told = {
    tooLong: 'regex pattern too long in a cname rule',
    invalid: 'invalid cname rewrite regex pattern: error parsing regexp',
    fail: (message: string): Error => words.error(message),
  };
  const pattern = readPattern(from, told, { ignoreCase: true });
  return { kind: 'regex', pattern, to: readReplacement(words.arg(), pattern.groups) };
}

/** The kind that a word names in any letters; undefined where that is `regex` or none. */
export function literalKind(word: string): LiteralKind | undefined {
  return LITERAL_KINDS.find((kind) => kind === word.toLowerCase());
}
