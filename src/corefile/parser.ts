import { isBrace, isSnippetName, isSyntax, type Token } from './lexer.ts';
import { mistakeAt, parseError, shown, syntaxError, wrongArgumentCount, type Mistake, type Place } from './mistake.ts';

/** A line of a plugin's block: its first word and the words after it. */
export interface Option extends Place {
  readonly name: string;
  readonly args: readonly Token[];
}

/** A plugin's name in a server block, with what belongs to it. Blocks inside a plugin's block do not exist. */
export interface Directive extends Place {
  readonly name: string;
  readonly args: readonly Token[];
  /** The lines of its block. */
  readonly options: readonly Option[];
  /** The brace that opens its block, if it has one, be it empty. */
  readonly brace: Token | undefined;
  /** All its words in order, name and braces too, for a plugin whose syntax is its own. */
  readonly tokens: readonly Token[];
  /** What is wrong with its braces; its options are of no use then. */
  readonly fault: Mistake | undefined;
}

/** A server block as it is written; its place is that of its first address or, without one, of its brace. */
export interface BlockText extends Place {
  /** The words of the address list, without the commas between them. */
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

export interface Parsed {
  /** The blocks in file order; those whose braces do not fit are left out, since what they hold is guesswork. */
  readonly blocks: readonly BlockText[];
  readonly warnings: readonly Mistake[];
  readonly errors: readonly Mistake[];
}

/** Groups the words of an expanded Corefile; never throws. Whether a directive exists is not asked here. */
export function parse(tokens: readonly Token[]): Parsed {
  return new Parser(tokens).run();
}

const UNEXPECTED_CLOSE = parseError(
  `Unexpected '}' because no matching opening brace; a brace that closes a server block stands on a line of its own`,
);
const NO_BRACES = `a server block without braces reaches to the end of the file: put braces around it`;

function missingBrace(open: Token): string {
  return `a '}' is missing for the block that opens at ${open.file}:${open.line}`;
}

/** Why a file ends, with the word `last`, inside the block of `open`. */
function causeOfEnd(open: Token, last: Token): string {
  return last.kind === 'unclosed' ? `the quote that opens on line ${last.line} is not closed` : missingBrace(open);
}

interface PluginBlockText {
  readonly options: readonly Option[];
  readonly fault: Mistake | undefined;
}

const NO_BLOCK: PluginBlockText = { options: [], fault: undefined };

class Parser {
  readonly #tokens: readonly Token[];
  readonly #blocks: BlockText[] = [];
  readonly #warnings: Mistake[] = [];
  readonly #errors: Mistake[] = [];
  #at = 0;
  /** Whether a block that the file's end cuts off was told of: those around it are no further mistakes. */
  #toldUnclosed = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  run(): Parsed {
    for (let first = this.#next; first !== undefined; first = this.#next) {
      if (this.#take('}') === undefined) this.#block(first);
      // The reference takes this brace for an address. At the end of a file that is harmless there, so it is here.
      else if (this.#next === undefined) this.#warn(first, `a '}' too many, which is ignored`);
      else this.#error(first, UNEXPECTED_CLOSE);
    }
    return { blocks: this.#blocks, warnings: this.#warnings, errors: this.#errors };
  }

  get #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** Moves over the next word if it is the syntax `text`. */
  #take(text: '{' | '}'): Token | undefined {
    const token = this.#next;
    if (!isSyntax(token, text)) return undefined;
    this.#at++;
    return token;
  }

  #error(place: Place, message: string): void {
    this.#errors.push(mistakeAt(place, message));
  }

  #warn(place: Place, message: string): void {
    this.#warnings.push(mistakeAt(place, message));
  }

  #block(first: Token): void {
    const keys = this.#keys(first);
    const open = this.#take('{');
    if (open === undefined) this.#doubtBraceless(first, keys);
    const directives = this.#directives(open);
    if (directives !== undefined) this.#blocks.push({ keys, directives, file: first.file, line: first.line });
  }

  #doubtBraceless(first: Token, keys: readonly Token[]): void {
    const next = this.#next;
    if (next !== undefined && keys.length === 1 && isSnippetName(first)) {
      this.#error(next, syntaxError(next.text, '{'));
    } else if (this.#blocks.length > 0) {
      const message = `'${shown(first.text)}' is read as the address of a server block without braces`;
      this.#warn(first, `${message}; if it is meant as a directive, there is a '}' too many above`);
    }
  }

  #keys(first: Token): Token[] {
    const keys: Token[] = [];
    let expectingAnother = false;
    for (let token = this.#next; token !== undefined; token = this.#next) {
      if (isSyntax(token, '{')) {
        const message = `Expected another address but had '{' - check for extra comma`;
        if (expectingAnother) this.#error(token, parseError(message));
        return keys;
      }
      if (token.startsLine && token !== first && !expectingAnother) return keys;
      this.#at++;
      // An empty word is no address: a variable that is not set leaves one.
      if (token.text === '') continue;
      expectingAnother = token.text.endsWith(',');
      keys.push(expectingAnother ? { ...token, text: token.text.slice(0, -1) } : token);
    }
    const last = keys.at(-1) ?? first;
    if (expectingAnother) this.#error(last, parseError('Unexpected EOF; an address must follow the comma'));
    return keys;
  }

  /** The directives up to the closing brace, without `open` to the file's end; undefined when the brace is missing. */
  #directives(open: Token | undefined): Directive[] | undefined {
    const directives: Directive[] = [];
    for (let token = this.#next; token !== undefined; token = this.#next) {
      if (this.#take('}') !== undefined) return directives;
      if (this.#startsServerBlock()) {
        const cause = open === undefined ? NO_BRACES : missingBrace(open);
        this.#error(token, parseError(`Unknown directive '${shown(token.text)}'; ${cause}`));
        return open === undefined ? directives : undefined;
      }
      if (isSyntax(token, '{')) {
        this.#error(token, parseError(`Unknown directive '{'; it must stand on the line of its directive`));
        this.#skipGroup();
      } else {
        directives.push(this.#directive(token));
      }
    }
    return open === undefined || this.#endOfFile(open) ? directives : undefined;
  }

  /** No plugin has a name like an address: where one opens a block among directives, a new server block begins. */
  #startsServerBlock(): boolean {
    if (this.#next === undefined || !/[.:/]/.test(this.#next.text)) return false;
    let at = this.#at + 1;
    while (this.#tokens[at]?.startsLine === false && !isBrace(this.#tokens[at])) at++;
    return isSyntax(this.#tokens[at], '{');
  }

  /** Whether the file may end inside this block: the reference notices only when its last word is not a brace. */
  #endOfFile(open: Token): boolean {
    if (this.#toldUnclosed) return false;
    const last = this.#tokens.at(-1) ?? open;
    if (isSyntax(last, '}')) {
      this.#warn(last, missingBrace(open));
      return true;
    }
    this.#error(last, `${syntaxError(last.text, '}')}; ${causeOfEnd(open, last)}`);
    return false;
  }

  #directive(name: Token): Directive {
    const start = this.#at++;
    const args = this.#args();
    const brace = this.#take('{');
    if (brace?.startsLine === true) {
      this.#warn(brace, `CoreDNS does not take this for the block of '${shown(name.text)}'; put it on the same line`);
    }
    const last = args.at(-1) ?? name;
    const glued = brace === undefined && last.kind === 'bare' && last.text.endsWith('{');
    // What follows a glued brace is meant as a block: read as one, it does not turn up as unknown directives.
    const block = brace !== undefined || glued ? this.#options(brace ?? last) : NO_BLOCK;
    const tokens = this.#tokens.slice(start, this.#at);
    this.#endLine();
    const fault = glued
      ? mistakeAt(last, parseError(`Unexpected token '${shown(last.text)}'; put a space before the '{'`))
      : block.fault;
    return { name: name.text, file: name.file, line: name.line, args, options: block.options, brace, tokens, fault };
  }

  /** The words up to the end of the line or to a brace. */
  #args(): Token[] {
    const start = this.#at;
    while (this.#next?.startsLine === false && !isBrace(this.#next)) this.#at++;
    return this.#tokens.slice(start, this.#at);
  }

  /** The lines of a plugin's block up to its closing brace. */
  #options(open: Token): PluginBlockText {
    const options: Option[] = [];
    let fault: Mistake | undefined;
    for (let token = this.#next; token !== undefined; token = this.#next) {
      if (this.#take('}') !== undefined) return { options, fault };
      if (isSyntax(token, '{')) {
        const cause = `a plugin's block holds no others, or else ${missingBrace(open)}`;
        fault ??= mistakeAt(token, parseError(`Unexpected token '{', expecting argument; ${cause}`));
        this.#skipGroup();
        continue;
      }
      this.#at++;
      options.push({ name: token.text, file: token.file, line: token.line, args: this.#args() });
      const end = this.#next;
      if (isSyntax(end, '}') && end?.startsLine === false) {
        this.#warn(end, `CoreDNS takes this '}' for an argument; put it on a line of its own`);
      }
    }
    const last = this.#tokens.at(-1) ?? open;
    this.#errors.push(fault ?? mistakeAt(last, parseError(`Unexpected EOF; ${causeOfEnd(open, last)}`)));
    this.#toldUnclosed = true;
    return { options, fault };
  }

  /** Moves behind the brace that closes the next one. */
  #skipGroup(): void {
    let depth = 0;
    do {
      if (isSyntax(this.#next, '{')) depth++;
      if (isSyntax(this.#next, '}')) depth--;
      this.#at++;
    } while (depth > 0 && this.#next !== undefined);
    if (depth > 0) this.#toldUnclosed = true;
  }

  /** Behind a directive's block its line must end. A brace there is left: it closes the server block, in all likelihood. */
  #endLine(): void {
    const next = this.#next;
    if (next === undefined || next.startsLine) return;
    if (isSyntax(next, '}')) return this.#error(next, UNEXPECTED_CLOSE);
    this.#error(next, `${wrongArgumentCount(next.text)}; a new line must begin after the '}'`);
    while (this.#next?.startsLine === false && !isSyntax(this.#next, '}')) {
      if (isSyntax(this.#next, '{')) this.#skipGroup();
      else this.#at++;
    }
  }
}
