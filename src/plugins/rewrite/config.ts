import { type DirectiveCursor, type LineCursor, readEach } from '../../corefile/cursor.ts';
import { suggestion } from '../../corefile/nearest.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { classCode, RCODE, rcodeCode, typeCode } from '../../dns/codes.ts';
import { readEdns0 } from './config-edns0.ts';
import { readCnameChange, readMatch } from './config-match.ts';
import { readNameRule } from './config-name.ts';
import { type Change, isTransfer, type Rule } from './rule.ts';

/** Throws CorefileError. */
export function parseRewrite(directives: readonly Directive[], scope: BlockScope): readonly Rule[] {
  const rules: Rule[] = [];
  readEach(directives.map(onOneLine), scope, (directive) => {
    if (rules.some(endsAll)) {
      directive.warn(`no query comes to this rule: one before it applies to all; write 'rewrite continue' there`);
    }
    rules.push(readRule(directive, scope));
  });
  return rules;
}

/** All words in the block of a rule are its words, as if they stood on its line; which has at most one of its own then. */
function onOneLine(directive: Directive): Directive {
  if (directive.args.length > 1) return directive;
  const words = directive.options.flatMap(({ name: text, file, line, args }) => [
    { text, file, line, kind: 'bare', startsLine: true } as const,
    ...args,
  ]);
  return { ...directive, args: [...directive.args, ...words], options: [], brace: undefined };
}

/** Whether the rule applies to every query and is the last that does. */
function endsAll({ isLast, change }: Rule): boolean {
  if (!isLast || change.what !== 'edns0') return isLast && change.what === 'cname';
  return change.action === 'unset' || (change.action === 'set' && change.data.from === 'bytes');
}

const FIELDS = ['name', 'type', 'class', 'ttl', 'rcode', 'cname', 'edns0'] as const;

function readRule(directive: DirectiveCursor, scope: BlockScope): Rule {
  if (directive.left === 0) throw directive.error('no rule type specified for rewrite');
  const mode = directive.peek()?.toLowerCase();
  const hasMode = mode === 'continue' || mode === 'stop';
  if (hasMode) directive.arg();
  if (directive.left === 0) throw directive.error(`${mode} rule must begin with a rule type`);
  const word = directive.arg();
  const field = FIELDS.find((name) => name === word.toLowerCase());
  if (field === undefined) throw directive.error(unknownField(word));
  return { isLast: mode !== 'continue', change: readChange(field, directive, scope) };
}

function unknownField(word: string): string {
  if (word.toLowerCase() === 'answer') return 'response rewrites must begin with a name rule';
  const advice = suggestion(word.toLowerCase(), FIELDS);
  return `invalid rule type ${JSON.stringify(word)}${advice === undefined ? '' : `; ${advice}`}`;
}

function readChange(field: (typeof FIELDS)[number], words: LineCursor, scope: BlockScope): Change {
  switch (field) {
    case 'name':
      return readNameRule(words, scope);
    case 'type': {
      const codes = readCodes(words, field, typeCode);
      if (isTransfer(codes.to)) throw words.error('no other question can become a zone transfer');
      return { what: field, ...codes };
    }
    case 'class':
      return { what: field, ...readCodes(words, field, classCode) };
    case 'ttl':
      return readTtl(words);
    case 'rcode':
      return readRcode(words);
    case 'cname':
      return { what: field, target: readCnameChange(words) };
    case 'edns0':
      return { what: field, ...readEdns0(words, scope) };
    default:
      return field satisfies never;
  }
}

function readCodes(
  words: LineCursor,
  field: 'type' | 'class',
  codeOf: (text: string) => number | undefined,
): { from: number; to: number } {
  if (words.left !== 2) throw words.error(`${field} rules must have exactly two arguments`);
  const read = (): number => {
    const word = words.arg();
    const code = codeOf(word);
    if (code === undefined) throw words.error(`invalid ${field} ${JSON.stringify(word.toUpperCase())}`);
    return code;
  };
  return { from: read(), to: read() };
}

/** `ttl [MATCH] NAME SECONDS|MIN-MAX` */
function readTtl(words: LineCursor): Change {
  if (words.left < 2) throw words.error(`too few (${words.left}) arguments for a ttl rule`);
  const match = readMatch(words, 'ttl', words.left === 2 ? 'exact' : words.arg());
  const text = words.arg();
  const [, only, min = '', max = ''] = /^(?:(\d+)|(\d*)-(\d*))$/.exec(text) ?? [];
  const least = Number(only ?? min);
  const most = only === undefined && max === '' ? LONGEST_TTL : Number(only ?? max);
  const isGiven = only !== undefined || min !== '' || max !== '';
  if (!isGiven || least > most || Math.max(least, most) > 0xffff_ffff) {
    throw words.error(`invalid TTL '${text}' for a ttl rule`);
  }
  return { what: 'ttl', match, least, most };
}

/** RFC 2181 8. */
const LONGEST_TTL = 0x7fff_ffff;

/** `rcode [MATCH] NAME FROM TO` */
function readRcode(words: LineCursor): Change {
  if (words.left < 3) throw words.error(`too few (${words.left}) arguments for a rcode rule`);
  const match = readMatch(words, 'rcode', words.left === 3 ? 'exact' : words.arg());
  return { what: 'rcode', match, from: readCode(words, 'matching'), to: readCode(words, 'replacement') };
}

const HIGHEST_RCODE = 23;
const OTHER_RCODES: ReadonlyMap<string, number> = new Map([
  ['NOTIMPL', RCODE.NOTIMP],
  ['BADSIG', RCODE.BADVERS],
]);

function readCode(words: LineCursor, part: string): number {
  const word = words.arg();
  const code = /^\d+$/.test(word) ? Number(word) : (OTHER_RCODES.get(word.toUpperCase()) ?? rcodeCode(word));
  if (code === undefined || code > HIGHEST_RCODE) throw words.error(`invalid ${part} RCODE '${word}' for a rcode rule`);
  return code;
}
