import type { LineCursor } from '../../corefile/cursor.ts';
import { shown } from '../../corefile/mistake.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { absolute, keyOf } from '../../dns/name.ts';
import { type Pattern, readPattern } from '../../corefile/pattern.ts';
import { literalKind } from './config-match.ts';
import { type NameChange, renameBy, type Replacement, swapSuffix } from './name-change.ts';
import { literalMatch } from './name-match.ts';
import { groupsUsed, leftOver, readReplacement, readReplacementWithLabels } from './replacement-text.ts';
import type { AnswerRenaming, NameRule } from './rule.ts';

/** `name [MATCH] FROM TO [metadata] [answer ...]` */
export function readNameRule(words: LineCursor, scope: BlockScope): NameRule {
  if (words.left < 2) throw words.error('too few arguments for a name rule');
  const isShort = words.left === 2;
  const first = words.peek() ?? '';
  if (isShort && (literalKind(first) !== undefined || first.toLowerCase() === 'regex')) {
    words.warn(`'${first}' is taken for the name to be rewritten, since only one word follows`);
  }
  const kind = isShort ? 'exact' : words.arg().toLowerCase();
  const change = readChange(words, kind, scope);
  const { isUndone, renamings } = readAnswers(words, kind);
  if (change.kind === 'suffix' && isUndone) {
    const renaming = swapSuffix(change.to, change.text);
    return { what: 'name', change, isUndone: false, renamings: [{ where: 'both', renaming }, ...renamings] };
  }
  return { what: 'name', change, isUndone: isUndone || change.kind === 'exact', renamings };
}

function readChange(words: LineCursor, kind: string, scope: BlockScope): NameChange {
  const [from, to] = [words.arg(), words.arg()];
  const hasLabels = words.peek() === 'metadata';
  const literal = literalKind(kind);
  if (literal === undefined && kind !== 'regex') throw words.error(unknownKind(kind));
  if (hasLabels && literal !== undefined) throw words.error('metadata is only supported for regex name rules');
  if (literal !== undefined) return { ...literalMatch(literal, keyOf(absolute(from))), to: keyOf(absolute(to)) };
  if (!hasLabels) return { kind: 'regex', ...readRegex(words, from, to, '') };
  words.arg();
  const pattern = readNamePattern(words, from, '');
  const parts = readReplacementWithLabels(absolute(to), pattern.groups, (problem) => words.error(problem));
  if (!scope.plugins.has('metadata')) {
    words.warn(`the rule never applies as long as this server block has no 'metadata'; add that line to it`);
  }
  return { kind: 'regex', pattern, to: parts };
}

function unknownKind(kind: string): string {
  const advice = kind === 'stop' || kind === 'continue' ? `; write 'rewrite ${kind} name ...'` : '';
  const kinds = 'exact, prefix, suffix, substring, and regex name matching';
  return `name rule supports only ${kinds}, received: ${shown(kind)}${advice}`;
}

/** A pattern and what takes the place of the names that it matches. `prefix`: what mistakes begin with. */
function readRegex(
  words: LineCursor,
  from: string,
  to: string,
  prefix: string,
  ignoreCase = false,
): { readonly pattern: Pattern; readonly to: Replacement } {
  const pattern = readNamePattern(words, from, prefix, ignoreCase);
  if (groupsUsed(to) > pattern.groups) {
    const told = `(${shown(to)}) uses more subexpressions than its corresponding matching regex pattern (${shown(from)})`;
    throw words.error(`${prefix}the rewrite regex pattern ${told}`);
  }
  for (const name of leftOver(to, pattern.groups)) {
    const why = name.includes('/')
      ? `write 'metadata' behind the new name`
      : `the pattern has ${pattern.groups} groups`;
    words.warn(`{${shown(name)}} stays as it is; ${why}`);
  }
  return { pattern, to: readReplacement(absolute(to), pattern.groups) };
}

function readNamePattern(words: LineCursor, from: string, prefix: string, ignoreCase = false): Pattern {
  const invalid = `${prefix}invalid regex matching pattern: ${shown(from)}`;
  const tooLong = `${prefix}regex pattern too long`;
  return readPattern(from, { tooLong, invalid, fail: (told) => words.error(told) }, { ignoreCase });
}

interface Answers {
  readonly isUndone: boolean;
  readonly renamings: readonly AnswerRenaming[];
}

/** `answer auto|(name|value FROM TO)`, as often as it likes, where only the first needs the word `answer`. */
function readAnswers(words: LineCursor, kind: string): Answers {
  const renamings: AnswerRenaming[] = [];
  let isUndone = false;
  if (words.left === 1) throw words.error(`invalid arguments for ${kind} rule`);
  if (words.left > 0 && words.peek() !== 'answer') {
    words.arg();
    throw words.error(`exceeded the number of arguments for a non-answer rule argument for ${kind} rule`);
  }
  while (words.left > 0) {
    if (words.peek() === 'answer') words.arg();
    if (words.left === 0) throw words.error(`type missing for answer rule for ${kind} rule`);
    const what = words.arg();
    if (what === 'auto') isUndone = true;
    else renamings.push(readAnswer(words, what, kind));
  }
  if (isUndone && renamings.some(({ where }) => where === 'owners')) {
    throw words.error('auto name answer rule cannot be combined with explicit name answer rules');
  }
  return { isUndone, renamings };
}

function readAnswer(words: LineCursor, what: string, kind: string): AnswerRenaming {
  if (what !== 'name' && what !== 'value') {
    throw words.error(`invalid type ${JSON.stringify(what)} for answer rule for ${kind} rule`);
  }
  const prefix = `${what} answer rule for ${kind} rule: `;
  if (words.left < 2) throw words.error(`${prefix}2 arguments required`);
  // Owners and targets come in the letters of their zone.
  const { pattern, to } = readRegex(words, words.arg(), words.arg(), prefix, true);
  return { where: what === 'name' ? 'owners' : 'values', renaming: renameBy(pattern, to) };
}
