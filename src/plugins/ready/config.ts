import { readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

/** Whether a plugin that was ready once is asked again. */
export type Monitor = 'until-ready' | 'continuously';

export interface ReadyConfig {
  /** `HOST:PORT`, the host empty for every address. */
  readonly address: string;
  readonly monitor: Monitor;
}

/** Throws CorefileError. */
export function parseReady(directives: readonly Directive[], scope: BlockScope): ReadyConfig {
  let address = ':8181';
  let monitor: Monitor = 'until-ready';
  readOnce(directives, scope, (directive) => {
    const word = directive.peek();
    if (word !== undefined) {
      directive.hostPort();
      address = word;
    }
    directive.options({
      monitor(option) {
        const [type = ''] = option.args(1, 1);
        if (type !== 'until-ready' && type !== 'continuously') {
          throw option.parseError(`monitor type '${type}' not supported; write 'until-ready' or 'continuously'`);
        }
        monitor = type;
      },
    });
  });
  return { address, monitor };
}
