import { type LineCursor, readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import { type Pattern, readPattern } from '../../corefile/pattern.ts';
import type { BlockScope } from '../../core/plugin.ts';

export type Level = 'debug' | 'info' | 'warning' | 'error';

/** Errors that are counted for a while instead of being logged one by one. */
export interface ConsolidateRule {
  readonly periodMs: number;
  /** As written. */
  readonly text: string;
  readonly pattern: Pattern;
  readonly level: Level;
  /** The first of a period is logged like any other. */
  readonly showFirst: boolean;
}

export interface ErrorsConfig {
  /** Defects of ours are logged with the place in the program. */
  readonly stacktrace: boolean;
  /** The first that matches an error applies. */
  readonly rules: readonly ConsolidateRule[];
}

const LEVELS: readonly Level[] = ['debug', 'info', 'warning', 'error'];

/** Throws CorefileError. */
export function parseErrors(directives: readonly Directive[], scope: BlockScope): ErrorsConfig {
  let stacktrace = false;
  const rules: ConsolidateRule[] = [];
  readOnce(directives, scope, (directive) => {
    const [target = 'stdout'] = directive.args(0, 1);
    if (target !== 'stdout') throw directive.parseError(`invalid log file: ${target}`);
    directive.options(
      {
        stacktrace: () => void (stacktrace = true),
        consolidate: (option) => void rules.push(readRule(option)),
      },
      (option) => {
        throw option.syntaxError(`Unknown field ${option.name}`);
      },
    );
  });
  return { stacktrace, rules };
}

function readRule(option: LineCursor): ConsolidateRule {
  if (option.left < 2 || option.left > 4) {
    option.ignoreRest();
    throw option.wrongArgumentCount();
  }
  const periodMs = option.duration((problem) => option.parseError(problem));
  const text = option.arg();
  const fail = (message: string): Error => option.parseError(message);
  const pattern = readPattern(text, { tooLong: 'regex pattern too long', invalid: 'error parsing regexp', fail });
  return { periodMs, text, pattern, ...readManner(option) };
}

function readManner(option: LineCursor): Pick<ConsolidateRule, 'level' | 'showFirst'> {
  let level: Level | undefined;
  let showFirst = false;
  for (const word of option.args()) {
    const named = LEVELS.find((name) => name === word);
    if (named !== undefined) {
      if (level !== undefined) throw option.parseError('multiple log levels specified in consolidate');
      if (showFirst) throw option.parseError('log level must come before show_first in consolidate');
      level = named;
    } else if (word === 'show_first') {
      showFirst = true;
    } else {
      throw option.parseError(`unknown option in consolidate: ${word}`);
    }
  }
  return { level: level ?? 'error', showFirst };
}
