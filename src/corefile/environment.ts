import type { Token } from './lexer.ts';
import { CorefileError, mistakeAt, parseError, shown } from './mistake.ts';

/** The environment variables that a Corefile may refer to, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const MOST_REFERENCES = 100;
const LONGEST_VALUE = 65_536;

/**
 * The word with its references `{%NAME%}` and `{$NAME}` replaced, those in the values too; an unset name is the empty
 * string. The value stays one word, and is never syntax. Throws `CorefileError` when the values refer to each other
 * without end.
 */
export function substitute(token: Token, environment: Environment): Token {
  if (!token.text.includes('{%') && !token.text.includes('{$')) return token;
  const unixOnly = replaceReferences(token, token.text, '{%', '%}', environment);
  const text = replaceReferences(token, unixOnly, '{$', '}', environment);
  return text === token.text ? token : { ...token, text, kind: token.kind === 'bare' ? 'literal' : token.kind };
}

function replaceReferences(token: Token, text: string, open: string, close: string, environment: Environment): string {
  let result = text;
  for (let count = 0; ; count++) {
    const start = result.indexOf(open);
    const end = start === -1 ? -1 : result.indexOf(close, start);
    // A nameless `{$}` stops the search and stays as it is.
    if (end <= start + open.length) return result;
    if (count === MOST_REFERENCES || result.length > LONGEST_VALUE) {
      const message = `the environment variables in '${shown(token.text)}' refer to each other without end`;
      throw new CorefileError([mistakeAt(token, parseError(message))]);
    }
    const reference = result.slice(start, end + close.length);
    const name = reference.slice(open.length, -close.length);
    const value = Object.hasOwn(environment, name) ? (environment[name] ?? '') : '';
    result = result.replaceAll(reference, () => value);
  }
}
