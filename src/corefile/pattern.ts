import { RE2JS, RE2JSException } from 're2js';

/** The longest that CoreDNS takes, in bytes. */
const LONGEST_PATTERN = 10_000;

/** A pattern that is none; the message is Go's, without `error parsing regexp: `. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

export interface PatternOptions {
  /** Letter case makes no difference. */
  readonly ignoreCase?: boolean;
}

/**
 * A regular expression as Corefiles write them: in the syntax of Go (RE2), matched as there. Whatever pattern and text are
 * like, a match takes time in proportion to their lengths, which JavaScript's own expressions do not promise.
 */
export class Pattern {
  readonly #expression: RE2JS;

  /** Throws PatternError. */
  constructor(text: string, { ignoreCase = false }: PatternOptions = {}) {
    try {
      this.#expression = RE2JS.compile(text, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      const problem = error.message.replace('error parsing regexp: ', '');
      // That case is ignored is something that the package puts in front of the pattern.
      throw new PatternError(ignoreCase ? problem.replace('`(?i)', '`') : problem, { cause: error });
    }
  }

  /** How many groups it has. */
  get groups(): number {
    return this.#expression.groupCount();
  }

  /** Whether it matches somewhere in `text`. */
  matches(text: string): boolean {
    return this.#expression.test(text);
  }

  /** The texts of the whole match and of each group, '' for one that took no part; undefined without a match. */
  find(text: string): readonly string[] | undefined {
    const matcher = this.#expression.matcher(text);
    if (!matcher.find()) return undefined;
    return Array.from({ length: this.groups + 1 }, (_, i) => matcher.group(i) ?? '');
  }
}

/** How a mistake of a pattern is told: what it begins with, and what makes an error of it. */
export interface PatternMistakes {
  readonly tooLong: string;
  readonly invalid: string;
  readonly fail: (message: string) => Error;
}

/** A word of a Corefile as a pattern. Throws what `fail` makes. */
export function readPattern(text: string, told: PatternMistakes, options?: PatternOptions): Pattern {
  const bytes = Buffer.byteLength(text);
  if (bytes > LONGEST_PATTERN) throw told.fail(`${told.tooLong}: ${bytes} > ${LONGEST_PATTERN}`);
  try {
    return new Pattern(text, options);
  } catch (error) {
    if (error instanceof PatternError) throw told.fail(`${told.invalid}: ${error.message}`);
    throw error;
  }
}
