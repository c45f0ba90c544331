import { RE2JS, RE2JSException } from 're2js';

/** The longest that Go's users of patterns take. */
export const LONGEST_PATTERN = 10_000;

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
  readonly text: string;
  readonly #expression: RE2JS;

  /** Throws PatternError. */
  constructor(text: string, { ignoreCase = false }: PatternOptions = {}) {
    this.text = text;
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
