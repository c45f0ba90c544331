import { readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface ReloadConfig {
  readonly intervalMs: number;
  /** The width of the range, around the interval, from which the real one is drawn. */
  readonly jitterMs: number;
}

const LEAST_INTERVAL_MS = 2000;
const LEAST_JITTER_MS = 1000;

/** Of several directives in a block the first one counts, as in the reference. Throws CorefileError. */
export function parseReload(directives: readonly Directive[], scope: BlockScope): ReloadConfig {
  let intervalMs = 30_000;
  let jitterMs = 15_000;
  const [first, ...others] = directives;
  for (const { file, line } of others) {
    scope.warn({ file, line, message: 'plugin/reload: only the first reload of a server block has an effect' });
  }
  readOnce(first === undefined ? [] : [first], scope, (directive) => {
    if (directive.left > 0) intervalMs = directive.duration();
    if (intervalMs < LEAST_INTERVAL_MS) throw directive.error('interval value must be greater or equal to 2s');
    if (directive.left > 0) jitterMs = directive.duration();
    if (jitterMs !== 0 && jitterMs < LEAST_JITTER_MS) {
      throw directive.error('jitter value must be 0 or greater or equal to 1s');
    }
  });
  return { intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) };
}
