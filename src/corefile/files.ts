import { basename, dirname, join } from 'node:path';

export type FileKind = 'file' | 'directory' | 'other' | 'missing';

/** The files that an `import` may reach. */
export interface Files {
  /** The path made absolute against the working directory; symbolic links stay. */
  absolute(path: string): string;
  /** What stands there, symbolic links followed; never throws. */
  kind(path: string): FileKind;
  /** The text of a file. Throws an `Error` that says why it cannot be read. */
  read(path: string): string;
  /** The names in a directory, hidden ones too, in any order; none when it cannot be read. */
  list(directory: string): readonly string[];
}

/**
 * The paths that fit `pattern`, in lexical order per directory: `*` stands for any characters of one name, leading
 * dots included, `?` for one character. A pattern without them is a path, which fits when something is there.
 */
export function glob(pattern: string, files: Files): string[] {
  if (!/[*?]/.test(pattern)) return files.kind(pattern) === 'missing' ? [] : [pattern];
  const name = nameMatcher(basename(pattern));
  return glob(dirname(pattern), files).flatMap((directory) => {
    const names = files.list(directory).filter((entry) => name.test(entry));
    return names.sort().map((entry) => join(directory, entry));
  });
}

function nameMatcher(pattern: string): RegExp {
  const literal = pattern.replace(/[\\^$.|+()[\]{}]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll('?', '.').replaceAll('*', '.*')}$`, 'su');
}
