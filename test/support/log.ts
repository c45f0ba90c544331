import { createLog, type RootLog } from '../../src/runtime/log.ts';

/** A log that keeps its text lines, without their newlines, for a test to look at. */
export function memoryLog(): RootLog & { readonly lines: string[] } {
  const lines: string[] = [];
  const log = createLog({ write: (line) => void lines.push(line.trimEnd()) });
  return { ...log, lines };
}
