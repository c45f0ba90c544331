import type { Place } from './mistake.ts';

/** A word of a Corefile. */
export interface Token extends Place {
  readonly text: string;
  /** Whether it is the first word of its line: the words of one line belong together. */
  readonly startsLine: boolean;
  /**
   * Only `bare` words can be syntax (braces, `import`, a snippet's name). A `literal` was quoted or came from the
   * environment; `unclosed` is a literal whose closing quote is missing, so that it holds the rest of the file.
   */
  readonly kind: 'bare' | 'literal' | 'unclosed';
}

/** Whether the word is there, bare, and reads `text`. */
export function isSyntax(token: Token | undefined, text: string): boolean {
  return token !== undefined && token.kind === 'bare' && token.text === text;
}

export function isBrace(token: Token | undefined): boolean {
  return isSyntax(token, '{') || isSyntax(token, '}');
}

/** Whether the word is the name of a snippet in its parentheses, as a definition begins. */
export function isSnippetName(token: Token): boolean {
  return token.kind === 'bare' && token.text.startsWith('(') && token.text.endsWith(')');
}

// The characters of Unicode's White_Space property: `\s` has a byte-order mark too many and U+0085 too few.
const SPACE = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const WORD_END = /[\t\n\v\f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;

/**
 * The words of `text`; nothing is refused here.
 *
 * White space separates words, a carriage return does not even do that. `#` at the start of a word comments out the
 * line, inside a word it cuts off the rest of that word alone. A word that starts with `"` reaches to the next `"`,
 * over lines too; `\"` stands for a quote in it, every other backslash for itself.
 */
export function lex(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  let at = text.startsWith('\u{feff}') ? 1 : 0;
  let line = 1;
  let startsLine = true;

  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '\n') {
      line++;
      startsLine = true;
      at++;
    } else if (SPACE.test(character)) {
      at++;
    } else if (character === '#') {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (character === '"') {
      const quoted = readQuoted(text, at + 1);
      // A lone quote at the very end is nothing, not an empty word.
      if (quoted.closed || quoted.text !== '') {
        tokens.push({ text: quoted.text, file, line, startsLine, kind: quoted.closed ? 'literal' : 'unclosed' });
      }
      startsLine = false;
      line += newlines(text.slice(at, quoted.end));
      at = quoted.end;
    } else {
      const end = wordEnd(text, at);
      const [word = ''] = text.slice(at, end).split('#', 1);
      tokens.push({ text: word.replaceAll('\r', ''), file, line, startsLine, kind: 'bare' });
      startsLine = false;
      at = end;
    }
  }
  return tokens;
}

function wordEnd(text: string, from: number): number {
  WORD_END.lastIndex = from;
  return WORD_END.exec(text)?.index ?? text.length;
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}

interface Quoted {
  readonly text: string;
  readonly closed: boolean;
  /** The index after the closing quote, or the text's end. */
  readonly end: number;
}

/** Reads from the index after the opening quote. */
function readQuoted(text: string, from: number): Quoted {
  let value = '';
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') return { text: value, closed: true, end: at + 1 };
    if (character === '\\') {
      at++;
      const next = text.charAt(at);
      value += next === '"' || next === '' ? next : `\\${next}`;
    } else {
      value += character;
    }
  }
  return { text: value, closed: false, end: text.length };
}
