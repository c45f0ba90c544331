import { posix } from 'node:path';
import type { Environment } from '../../src/corefile/environment.ts';
import type { Files } from '../../src/corefile/files.ts';
import { readCorefile, type Reading, type ServerBlock } from '../../src/corefile/index.ts';
import { REFERENCE_PLUGINS } from '../../src/corefile/known.ts';
import type { Token } from '../../src/corefile/lexer.ts';

/** Texts of files by absolute path, beside the Corefile. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** All but one, which stands for what is not built in. */
export const plugins = REFERENCE_PLUGINS.filter((name) => name !== 'etcd');

/** Reads the text as `path`, in a directory where these texts are. */
export function read(text: string, texts: Texts = {}, environment: Environment = {}, path = 'Corefile'): Reading {
  const options = { plugins, dnsPort: 53 };
  return readCorefile({ path, text }, environment, memoryFiles(texts), options);
}

/** Lines of a Corefile, without the margin they have in this file. */
export function lines(text: string): string {
  return text.replace(/^\n/, '').replace(/^ {4}/gm, '').trimEnd();
}

/** `[SCHEME://]ZONE:PORT` of each, as the start-up prints them. */
export function addresses(blocks: readonly ServerBlock[]): string[] {
  return blocks.flatMap((block) =>
    block.addresses.map(
      ({ transport, zone, port }) => `${transport === 'dns' ? '' : `${transport}://`}${zone}:${port}`,
    ),
  );
}

/** `ADDRESS... | DIRECTIVE...` with the number of lines in a directive's block. */
export function outline(block: ServerBlock): string {
  const directives = block.directives.map(
    ({ name, brace, options }) => `${name}${brace === undefined ? '' : `{${options.length}}`}`,
  );
  return `${addresses([block]).join(' ')} | ${directives.join(' ')}`;
}

export function words(tokens: readonly Token[]): string[] {
  return tokens.map((token) => token.text);
}

/** The directory in which relative paths begin. */
const workingDirectory = '/etc/coredns';

/** Files by absolute path; a path whose text is undefined stands for something that cannot be read. */
export function memoryFiles(texts: Texts = {}): Files {
  const paths = Object.keys(texts);
  const inside = (directory: string): string[] => paths.filter((path) => path.startsWith(`${directory}/`));
  return {
    absolute: (path) => posix.resolve(workingDirectory, path),
    kind(path) {
      if (paths.includes(path)) return path.endsWith('.pipe') ? 'other' : 'file';
      return inside(path).length > 0 ? 'directory' : 'missing';
    },
    read(path) {
      const text = texts[path];
      if (text === undefined) throw new Error(`EACCES: permission denied, open '${path}'`);
      return text;
    },
    // Deliberately not sorted: the order of a directory is anyone's guess.
    list: (directory) =>
      [...new Set(inside(directory).map((path) => path.slice(directory.length + 1).split('/', 1)[0] ?? ''))].reverse(),
  };
}
