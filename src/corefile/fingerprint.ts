import { createHash } from 'node:crypto';
import type { Token } from './lexer.ts';
import type { BlockText } from './parser.ts';

/**
 * SHA-512 of the parsed structure, as 128 lower-case hex digits: what `reload` compares and prints. Words and line
 * numbers count; indentation, comments behind words and blank lines at the end do not. It is the value that the
 * reference prints for the same file, since people compare it between servers: a hash of the reference's JSON, in
 * which a block's directives are grouped and sorted by name and words of the main file (`path`) have no file name.
 */
export function fingerprint(blocks: readonly BlockText[], path: string): string {
  const served = blocks.filter((block) => block.keys.length > 0);
  const json = served.length === 0 ? 'null' : `[${served.map((block) => blockJson(block, path)).join(',')}]`;
  return createHash('sha512').update(json).digest('hex');
}

function blockJson(block: BlockText, path: string): string {
  const byName = Map.groupBy(block.directives, (directive) => directive.name);
  const groups = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
  const tokens = groups.map(([name, directives]) => {
    const words = directives.flatMap((directive) => directive.tokens.map((token) => tokenJson(token, path)));
    return `${goString(name)}:[${words.join(',')}]`;
  });
  const keys = block.keys.map((key) => goString(key.text));
  return `{"Keys":[${keys.join(',')}],"Tokens":{${tokens.join(',')}}}`;
}

function tokenJson(token: Token, path: string): string {
  const file = token.file === path ? '' : token.file;
  return `{"File":${goString(file)},"Line":${token.line},"Text":${goString(token.text)}}`;
}

/** A JSON string as Go writes it: safe inside HTML. */
function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
