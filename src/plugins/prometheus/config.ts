import { readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface PrometheusConfig {
  /** `HOST:PORT`, the host empty for every address. */
  readonly address: string;
}

const DEFAULT_ADDRESS = 'localhost:9153';

/** Throws CorefileError. */
export function parsePrometheus(directives: readonly Directive[], scope: BlockScope): PrometheusConfig {
  let address = DEFAULT_ADDRESS;
  readOnce(directives, scope, (directive) => {
    const word = directive.peek();
    if (word !== undefined) {
      directive.hostPort();
      address = word;
    }
    directive.options(
      {
        // The metrics of the runtime are exposed in any case.
        runtime_metrics: () => undefined,
        tls(option) {
          option.args(1, 1);
          throw option.error(`the option 'tls' is not built in yet; leave it out, or put a proxy before the metrics`);
        },
      },
      (option) => {
        throw option.parseError(`unknown option: ${option.name}`);
      },
    );
  });
  return { address };
}
