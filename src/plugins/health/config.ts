import { readEach } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface HealthConfig {
  /** `HOST:PORT`, the host empty for every address. */
  readonly address: string;
  /** How long the server goes on answering after it was told to end; 0 or less: not at all. */
  readonly lameduckMs: number;
}

/** Of several directives in a block, each says what it names anew. Throws CorefileError. */
export function parseHealth(directives: readonly Directive[], scope: BlockScope): HealthConfig {
  let address = ':8080';
  let lameduckMs = 0;
  readEach(directives, scope, (directive) => {
    const word = directive.peek();
    if (word !== undefined) {
      directive.hostPort();
      address = word;
    }
    directive.options({
      lameduck(option) {
        lameduckMs = option.duration((problem, value) =>
          option.error(`unable to parse lameduck duration value: '${value}' : ${problem}`),
        );
      },
    });
  });
  return { address, lameduckMs };
}
