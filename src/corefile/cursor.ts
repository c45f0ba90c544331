import { zonesOfWord } from './address.ts';
import {
  GoValueError,
  parseGoDuration,
  parseGoFloat,
  parseGoInteger,
  parseGoUnsigned,
  parseHostPort,
  type HostPort,
} from './go-values.ts';
import { optionAdvice } from './known.ts';
import {
  CorefileError,
  mistakeAt,
  parseError,
  shown,
  syntaxError,
  wrongArgumentCount,
  type Mistake,
} from './mistake.ts';
import type { Directive, Option } from './parser.ts';

/** What a plugin's parser is told of the server block in which it stands. */
export interface PluginBlock {
  /** The zones of the block's addresses: what a plugin serves when it names none. */
  readonly zones: readonly string[];
  /** Takes what looks like a mistake but is none. */
  warn(warning: Mistake): void;
}

/** Makes an error from what the value's own parser said. */
type Explain = (problem: string, word: string) => CorefileError;

/**
 * Reads the words of one line, a directive or an option, from left to right. What does not fit throws a
 * `CorefileError` with the place and the reference's text; a word that nobody read is a mistake too.
 */
export class LineCursor {
  readonly #plugin: string;
  readonly #line: Option;
  readonly #block: PluginBlock;
  #read = 0;

  constructor(plugin: string, line: Option, block: PluginBlock) {
    this.#plugin = plugin;
    this.#line = line;
    this.#block = block;
  }

  /** The first word: the directive's or the option's name. */
  get name(): string {
    return this.#line.name;
  }

  /** How many words are unread. */
  get left(): number {
    return this.#line.args.length - this.#read;
  }

  /** The next word. */
  arg(): string {
    const token = this.#line.args[this.#read];
    if (token === undefined) throw this.wrongArgumentCount();
    this.#read++;
    return token.text;
  }

  /** The next word, which stays unread; undefined at the end of the line. */
  peek(): string | undefined {
    return this.#line.args[this.#read]?.text;
  }

  /** The next word if there is one. */
  optionalArg(): string | undefined {
    return this.left === 0 ? undefined : this.arg();
  }

  /** All words that are left, `least` to `most` of them. */
  args(least = 0, most = Number.POSITIVE_INFINITY): string[] {
    const words = this.#line.args.slice(this.#read).map((token) => token.text);
    this.#read = this.#line.args.length;
    if (words.length < least || words.length > most) throw this.wrongArgumentCount();
    return words;
  }

  /** The words that are left mean nothing, and may be there. */
  ignoreRest(): void {
    this.#read = this.#line.args.length;
  }

  /** Throws when a word is unread. */
  end(): void {
    if (this.left === 0) return;
    this.#read++;
    throw this.wrongArgumentCount();
  }

  /** The next word as a duration in Go's syntax, in milliseconds. */
  duration(explain?: Explain): number {
    return this.#value(parseGoDuration, explain);
  }

  /** The next word as a whole number. */
  integer(explain?: Explain): number {
    return this.#value(parseGoInteger, explain);
  }

  /** The next word as a whole number, 0 or more. */
  unsigned(explain?: Explain): number {
    return this.#value(parseGoUnsigned, explain);
  }

  /** The next word as a number. */
  float(explain?: Explain): number {
    return this.#value(parseGoFloat, explain);
  }

  /** The next word as `HOST:PORT`. */
  hostPort(explain?: Explain): HostPort {
    return this.#value(parseHostPort, explain);
  }

  /**
   * The zones that the words left mean, lower-case and with their final dots, a range as its reverse zones; without
   * words those of `fallback`, the block's unless given. A word that is no domain name is left out with a warning.
   */
  zones(fallback: readonly string[] = this.#block.zones): readonly string[] {
    const words = this.args();
    if (words.length === 0) return fallback;
    return words.flatMap((word) => {
      const zones = zonesOfWord(word);
      if (zones.length === 0) this.warn(`'${shown(word)}' is not a valid domain name and is ignored`);
      return zones;
    });
  }

  /** A mistake here, in the plugin's own words. */
  error(text: string): CorefileError {
    return new CorefileError([this.#mistake(text)]);
  }

  /** A mistake here that the reference's parser reports for the plugin: `Error during parsing: TEXT`. */
  parseError(text: string): CorefileError {
    return this.error(parseError(text));
  }

  /** The word last read stands where `expected` belongs. */
  syntaxError(expected: string): CorefileError {
    return this.error(syntaxError(this.#lastRead, expected));
  }

  /** Too few words, or too many. */
  wrongArgumentCount(): CorefileError {
    return this.error(wrongArgumentCount(this.#lastRead));
  }

  /** This line's name is no option of the plugin, which has the options `known`. */
  unknownProperty(known: readonly string[]): CorefileError {
    const advice = optionAdvice(this.name, known);
    return this.parseError(`unknown property '${shown(this.name)}'${advice === undefined ? '' : `; ${advice}`}`);
  }

  /** Tells of something that looks like a mistake but is none. */
  warn(text: string): void {
    this.#block.warn(this.#mistake(text));
  }

  get #lastRead(): string {
    return this.#line.args[this.#read - 1]?.text ?? this.name;
  }

  #mistake(text: string): Mistake {
    return mistakeAt(this.#line.args[this.#read - 1] ?? this.#line, `plugin/${this.#plugin}: ${text}`);
  }

  #value<T>(parseWord: (word: string) => T, explain: Explain = (problem) => this.error(problem)): T {
    const word = this.arg();
    try {
      return parseWord(word);
    } catch (error) {
      if (error instanceof GoValueError) throw explain(error.message, word);
      throw error;
    }
  }
}

/** Reads a directive: its own words, then the lines of its block, each with a cursor of its own. */
export class DirectiveCursor extends LineCursor {
  readonly #directive: Directive;
  readonly #block: PluginBlock;
  readonly #mistakes: Mistake[] = [];
  #blockRead = false;

  constructor(directive: Directive, block: PluginBlock) {
    super(directive.name, directive, block);
    this.#directive = directive;
    this.#block = block;
  }

  /** Does a part of the reading whose mistakes shall not keep the rest from being read. */
  attempt(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof CorefileError)) throw error;
      this.#mistakes.push(...error.mistakes);
    }
  }

  /**
   * Reads each line of the block with the entry of `table` that has its name, or with `other`; without `other` such a
   * line is an unknown property. Throws after the last line when there were mistakes, so that nothing is judged by
   * half of the options.
   */
  options(
    table: Readonly<Record<string, (option: LineCursor) => void>>,
    other: (option: LineCursor) => void = (option) => {
      throw option.unknownProperty(Object.keys(table));
    },
  ): void {
    for (const option of this.lines()) {
      const read = Object.hasOwn(table, option.name) ? table[option.name] : undefined;
      this.attempt(() => {
        (read ?? other)(option);
        option.end();
      });
    }
    this.#throwMistakes();
  }

  /** The lines of the block, for a plugin that reads them as a whole. */
  lines(): LineCursor[] {
    this.#blockRead = true;
    return this.#directive.options.map((option) => new LineCursor(this.name, option, this.#block));
  }

  /** Throws what `attempt` kept; else when a word is unread, or when there is a block that was not asked for. */
  override end(): void {
    this.#throwMistakes();
    super.end();
    if (this.#blockRead || this.#directive.brace === undefined) return;
    throw this.parseError(`Unexpected token '{', expecting argument; '${this.name}' has no block`);
  }

  /** Lets `read` read it, and gives every mistake that it met. */
  readBy(read: (directive: DirectiveCursor) => void): readonly Mistake[] {
    this.attempt(() => {
      read(this);
      this.end();
    });
    return this.#mistakes;
  }

  #throwMistakes(): void {
    const mistakes = this.#mistakes.splice(0);
    if (mistakes.length > 0) throw new CorefileError(mistakes);
  }
}

/**
 * Reads each of a plugin's directives in a block, in file order: what `read` leaves unread of one is a mistake. Throws
 * one `CorefileError` with the mistakes of all.
 */
export function readEach(
  directives: readonly Directive[],
  block: PluginBlock,
  read: (directive: DirectiveCursor) => void,
): void {
  const mistakes = directives.flatMap((directive) => new DirectiveCursor(directive, block).readBy(read));
  if (mistakes.length > 0) throw new CorefileError(mistakes);
}

/** Like `readEach`, for a plugin that a block has once: a second directive is a mistake. */
export function readOnce(
  directives: readonly Directive[],
  block: PluginBlock,
  read: (directive: DirectiveCursor) => void,
): void {
  const [first, ...others] = directives;
  if (first === undefined) return;
  const mistakes = [...new DirectiveCursor(first, block).readBy(read)];
  const text = `this plugin can only be used once per Server Block; the first is on line ${first.line}`;
  for (const other of others) mistakes.push(...new DirectiveCursor(other, block).error(text).mistakes);
  if (mistakes.length > 0) throw new CorefileError(mistakes);
}
