import { type DirectiveCursor, type LineCursor, readEach } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { ZoneName } from '../../core/zone-name.ts';
import { absolute, NameError } from '../../dns/name.ts';
import type { ResponseClass } from './classify.ts';
import { COMMON_FORMAT, type Format, labelsIn, readFormat } from './format.ts';

/** What is logged of the queries for a name and all names below it. */
export interface LogRule {
  readonly name: ZoneName;
  readonly format: Format;
  /** The labels that the format prints. */
  readonly labels: readonly string[];
  readonly classes: ReadonlySet<ResponseClass>;
}

const ALL: readonly ResponseClass[] = ['success', 'denial', 'error'];

/** The rules in file order: the first whose name covers a query applies. Throws CorefileError. */
export function parseLog(directives: readonly Directive[], scope: BlockScope): readonly LogRule[] {
  const rules: LogRule[] = [];
  let isTold = scope.plugins.has('metadata');
  readEach(directives, scope, (directive) => {
    const words = directive.args();
    const last = words.at(-1);
    const hasFormat = words.length > 1 && last?.includes('{') === true;
    const format = hasFormat ? last : COMMON_FORMAT;
    if (words.length === 1 && last?.includes('{') === true) {
      directive.warn(`'${last}' is taken for a name; a format comes after one: log . ${last}`);
    }
    const labels = labelsIn(format);
    const [label] = labels;
    if (label !== undefined && !isTold) {
      directive.warn(`{/${label}} prints '-' as long as this server block has no 'metadata'; add that line to it`);
      isTold = true;
    }
    const names = hasFormat ? words.slice(0, -1) : words;
    const classes = readClasses(directive);
    for (const name of names.length === 0 ? ['.'] : names) {
      const zone = readName(directive, name);
      if (zone !== undefined) rules.push({ name: zone, format: readFormat(format), labels, classes });
    }
  });
  return rules;
}

/** A word that is no name covers no query, here as in the reference. */
function readName(directive: DirectiveCursor, word: string): ZoneName | undefined {
  try {
    return new ZoneName(absolute(word));
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    directive.warn(`'${word}' is not a valid domain name and is ignored: ${error.message}`);
    return undefined;
  }
}

function readClasses(directive: DirectiveCursor): ReadonlySet<ResponseClass> {
  const classes = new Set<ResponseClass>();
  directive.options({
    class(option) {
      for (const word of option.args(1)) for (const name of classesOf(option, word)) classes.add(name);
    },
  });
  return classes.size === 0 ? new Set(ALL) : classes;
}

function classesOf(option: LineCursor, word: string): readonly ResponseClass[] {
  if (word === 'all') return ALL;
  const found = ALL.filter((name) => name === word);
  if (found.length === 0) throw option.error(`invalid Class: ${word}; write all, success, denial or error`);
  return found;
}
