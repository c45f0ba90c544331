/** Where something stands: the file as the reader was told of it (imported files: absolute), and the line, from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** A mistake in a Corefile, or something that looks like one (a warning), with its place. */
export interface Mistake extends Place {
  readonly message: string;
}

export function mistakeAt({ file, line }: Place, message: string): Mistake {
  return { file, line, message };
}

/** What a person reads: `FILE:LINE - MESSAGE`, the place first, so that an editor or a terminal can jump to it. */
export function mistakeText(mistake: Mistake): string {
  return `${mistake.file}:${mistake.line} - ${mistake.message}`;
}

/** A file, a block or a directive that cannot be used, with every mistake found in it: one at least. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError';
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(mistakeText).join('\n'));
    this.mistakes = mistakes;
  }
}

/** The mistakes by file, then by line, those of one line as they come; a snippet's own only once. */
export function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  const distinct = new Map(mistakes.map((mistake) => [mistakeText(mistake), mistake]));
  return [...distinct.values()].sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

/** The reference's form for what its parser, or a plugin through it, refuses. */
export function parseError(text: string): string {
  return `Error during parsing: ${text}`;
}

/** The reference's form for a word where another one belongs. */
export function syntaxError(found: string, expected: string): string {
  return `Syntax error: Unexpected token '${shown(found)}', expecting '${expected}'`;
}

/** The reference's form for too few or too many words; `after` is the last word that was read. */
export function wrongArgumentCount(after: string): string {
  return parseError(`Wrong argument count or unexpected line ending after '${shown(after)}'`);
}

const LONGEST_SHOWN = 80;

/** A word as a message shows it: on one line, and not longer than a line. */
export function shown(word: string): string {
  const line = word.replaceAll('\r', String.raw`\r`).replaceAll('\n', String.raw`\n`);
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}...` : line;
}
