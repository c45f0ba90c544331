import { dirname, isAbsolute, join } from 'node:path';
import { substitute, type Environment } from './environment.ts';
import { glob, type Files } from './files.ts';
import { isBrace, isSnippetName, isSyntax, lex, type Token } from './lexer.ts';
import {
  CorefileError,
  mistakeAt,
  parseError,
  shown,
  syntaxError,
  wrongArgumentCount,
  type Mistake,
} from './mistake.ts';
import { suggestion } from './nearest.ts';

/** A text to read: a Corefile, under the name by which messages speak of it. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Expanded {
  /** Every word of the Corefile and of what it imports, environment filled in; no `import`, no snippet is left. */
  readonly tokens: readonly Token[];
  readonly warnings: readonly Mistake[];
  readonly errors: readonly Mistake[];
}

/** The reference's limit; a real Corefile has a handful. */
const MOST_IMPORTS = 10_000;
/** Keeps snippets that import each other several times from filling the memory. */
const MOST_TOKENS = 500_000;

/**
 * Reads `source` with everything it imports. A line `import NAME` becomes the words of the snippet of that name, which
 * must stand above, or else of the files that `NAME` means. Files are sought relative to the file that holds the
 * `import`. An import that fails is left out, so that it causes no further mistakes; only an expansion without end
 * throws, a `CorefileError`.
 */
export function expand(source: Source, environment: Environment, files: Files): Expanded {
  return new Expander(environment, files).run(source);
}

/** A stretch of words being read. */
interface Frame {
  readonly tokens: readonly Token[];
  at: number;
  /** What its words came from: `(NAME)` for a snippet, a path for a file; with the parents', it tells a cycle. */
  readonly origin: string;
  readonly parent: Frame | undefined;
}

class Expander {
  readonly #environment: Environment;
  readonly #files: Files;
  readonly #snippets = new Map<string, readonly Token[]>();
  readonly #tokens: Token[] = [];
  readonly #warnings: Mistake[] = [];
  readonly #errors: Mistake[] = [];
  /** The last one is read on; a stack of our own, since imports may nest deeper than calls can. */
  readonly #frames: Frame[] = [];
  #imports = 0;

  constructor(environment: Environment, files: Files) {
    this.#environment = environment;
    this.#files = files;
  }

  run(source: Source): Expanded {
    const tokens = this.#words(source.text, source.path);
    this.#frames.push({ tokens, at: 0, origin: this.#files.absolute(source.path), parent: undefined });
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const token = frame.tokens[frame.at];
      if (token === undefined) this.#frames.pop();
      else if (this.#startsImport(token)) this.#import(frame, token);
      else if (this.#startsSnippet(frame, token)) this.#define(frame, token);
      else this.#emit(frame, token);
    }
    return { tokens: this.#tokens, warnings: this.#warnings, errors: this.#errors };
  }

  #emit(frame: Frame, token: Token): void {
    if (this.#tokens.length === MOST_TOKENS) {
      throw mistake(token, parseError(`the imports make the Corefile longer than ${MOST_TOKENS} words`));
    }
    this.#tokens.push(token);
    frame.at++;
  }

  #words(text: string, path: string): Token[] {
    return lex(text, path).map((token) => {
      try {
        return substitute(token, this.#environment);
      } catch (error) {
        this.#keep(error);
        return token;
      }
    });
  }

  #startsImport(token: Token): boolean {
    return isSyntax(token, 'import') && (token.startsLine || isSyntax(this.#tokens.at(-1), '{'));
  }

  #import(frame: Frame, token: Token): void {
    const words = restOfLine(frame.tokens, frame.at + 1);
    frame.at += 1 + words.length;
    try {
      this.#frames.push(...this.#imported(frame, token, words).toReversed());
    } catch (error) {
      this.#keep(error);
      // The braces of the line stay, else the blocks around it would seem to lack them.
      this.#tokens.push(...words.filter(isBrace));
    }
  }

  /** The frames that the import stands for, in the order in which they are to be read. */
  #imported(parent: Frame, token: Token, words: readonly Token[]): Frame[] {
    const [word] = words;
    if (word === undefined) throw mistake(token, wrongArgumentCount('import'));
    if (word.text === '') throw mistake(token, parseError('Import requires a non-empty filepath'));
    if (words.length > 1) {
      throw mistake(token, parseError('Import takes only one argument (glob pattern or file)'));
    }
    const snippet = this.#snippets.get(word.text);
    if (snippet !== undefined) return [this.#frame(snippet, `(${word.text})`, parent, token)];
    return this.#paths(word).map((path) => this.#frame(this.#load(path, token), path, parent, token));
  }

  #frame(tokens: readonly Token[], origin: string, parent: Frame, token: Token): Frame {
    const kind = origin.startsWith('(') ? 'snippet' : 'file';
    const tooDeep = parseError(`maximum ${kind} import depth (${MOST_IMPORTS}) exceeded`);
    for (let frame: Frame | undefined = parent; frame !== undefined; frame = frame.parent) {
      if (frame.origin === origin) throw mistake(token, `${tooDeep}; ${origin} imports itself`);
    }
    this.#imports++;
    if (this.#imports > MOST_IMPORTS) throw new EndlessImports(mistake(token, tooDeep).mistakes);
    return { tokens, at: 0, origin, parent };
  }

  #paths(word: Token): string[] {
    const { text } = word;
    const pattern = isAbsolute(text) ? text : join(dirname(this.#files.absolute(word.file)), text);
    if (/\*.*\*|\?.*\?|\[/s.test(pattern)) {
      const message = `Glob pattern may only contain one wildcard (*), but has others: ${pattern}`;
      throw mistake(word, parseError(message));
    }
    const paths = glob(pattern, this.#files);
    if (paths.length > 0) return paths;
    if (!/[*?]/.test(pattern)) {
      const advice = suggestion(text, [...this.#snippets.keys()]);
      const problem = `File to import not found: ${shown(text)}`;
      throw mistake(word, parseError(advice === undefined ? problem : `${problem}; ${advice}`));
    }
    this.#warnings.push(mistakeAt(word, `No files matching import glob pattern: ${shown(text)}`));
    return paths;
  }

  #load(path: string, token: Token): Token[] {
    const kind = this.#files.kind(path);
    if (kind === 'directory') throw mistake(token, parseError(`Could not import ${path}: is a directory`));
    // A pipe or a device might never end.
    if (kind === 'other') throw mistake(token, parseError(`Could not import ${path}: is not a regular file`));
    let text: string;
    try {
      text = this.#files.read(path);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      throw mistake(token, parseError(`Could not import ${path}: ${cause}`));
    }
    return this.#words(text, path);
  }

  /** Nothing but a snippet's definition can begin `(NAME) {`, so it is known as one wherever it stands. */
  #startsSnippet(frame: Frame, token: Token): boolean {
    const startsLine = token.startsLine || isSyntax(this.#tokens.at(-1), '}');
    return startsLine && isSnippetName(token) && isSyntax(frame.tokens[frame.at + 1], '{');
  }

  #define(frame: Frame, token: Token): void {
    const name = token.text.slice(1, -1);
    const open = frame.at + 1;
    const close = closingBrace(frame.tokens, open);
    const body = frame.tokens.slice(open + 1, close);
    frame.at = close + 1;
    const last = frame.tokens[close];
    if (last === undefined) {
      const end = frame.tokens.at(-1) ?? token;
      const advice = `the snippet '${name}' that opens on line ${token.line} is not closed`;
      this.#errors.push(mistakeAt(end, `${syntaxError(end.text, '}')}; ${advice}`));
    } else if (this.#snippets.has(name)) {
      this.#errors.push(mistakeAt(token, parseError(`redeclaration of previously declared snippet ${shown(name)}`)));
    } else if (importsItself(body, name)) {
      const message = `maximum snippet import depth (${MOST_IMPORTS}) exceeded; (${name}) imports itself`;
      this.#errors.push(mistakeAt(last, parseError(message)));
      this.#snippets.set(name, []);
    } else {
      // The body's first word may share the line of the brace; where the snippet is imported it starts one.
      this.#snippets.set(
        name,
        body.map((word, index) => (index === 0 ? { ...word, startsLine: true } : word)),
      );
    }
  }

  #keep(error: unknown): void {
    if (!(error instanceof CorefileError) || error instanceof EndlessImports) throw error;
    this.#errors.push(...error.mistakes);
  }
}

/** Imports beyond any limit: the one mistake after which there is no going on. */
class EndlessImports extends CorefileError {}

function mistake(token: Token, message: string): CorefileError {
  return new CorefileError([mistakeAt(token, message)]);
}

function restOfLine(tokens: readonly Token[], from: number): readonly Token[] {
  let end = from;
  while (tokens[end]?.startsLine === false) end++;
  return tokens.slice(from, end);
}

/** The index of the brace that closes the one at `open`; the list's length when there is none. */
function closingBrace(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (isSyntax(tokens[at], '{')) depth++;
    if (isSyntax(tokens[at], '}')) depth--;
    if (depth === 0) return at;
  }
  return tokens.length;
}

function importsItself(body: readonly Token[], name: string): boolean {
  return body.some((token, index) => token.startsLine && isSyntax(token, 'import') && body[index + 1]?.text === name);
}
