import { readdirSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FileKind, Files } from './files.ts';

/** The machine's own files. Reading is synchronous: a Corefile and its imports are few, small and local. */
export const systemFiles: Files = {
  absolute: (path) => resolve(path),
  kind: kindOf,
  read: (path) => readFileSync(path, 'utf8'),
  list(directory) {
    try {
      return readdirSync(directory);
    } catch {
      return [];
    }
  },
};

function kindOf(path: string): FileKind {
  try {
    const status = statSync(path);
    if (status.isFile()) return 'file';
    return status.isDirectory() ? 'directory' : 'other';
  } catch {
    return 'missing';
  }
}
