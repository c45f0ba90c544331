import { readAddresses, type Address } from '../corefile/address.ts';
import { CorefileError, type Mistake } from '../corefile/mistake.ts';
import type { BlockText, Directive } from '../corefile/parser.ts';
import type { BlockScope, Env, Instance, Plugin } from '../core/plugin.ts';

/** A Corefile that can be run: what each block serves, and its plugins in chain order, their directives understood. */
export interface Plan {
  readonly blocks: readonly BlockPlan[];
}

export interface BlockPlan {
  readonly text: BlockText;
  readonly addresses: readonly Address[];
  readonly scope: BlockScope;
  readonly plugins: readonly PreparedPlugin[];
}

export interface PreparedPlugin {
  readonly plugin: Plugin;
  readonly create: (env: Env) => Instance;
}

export interface PlanOptions {
  /** In chain order. */
  readonly plugins: readonly Plugin[];
  /** The port of addresses that name none. */
  readonly dnsPort: number;
  /** What relative file names count from. */
  readonly directory: string;
  /** What to say of a directive that is not among `plugins`. */
  readonly explain: (directive: string) => string;
}

/** Plans every block; all mistakes of all blocks come back together, and then the plan is not for use. */
export function makePlan(
  blocks: readonly BlockText[],
  options: PlanOptions,
): { readonly plan: Plan; readonly errors: readonly Mistake[]; readonly warnings: readonly Mistake[] } {
  const errors: Mistake[] = [];
  const warnings: Mistake[] = [];
  const plans = blocks.map((text) => planBlock(text, options, errors, warnings));
  return { plan: { blocks: plans.filter((block) => block.addresses.length > 0) }, errors, warnings };
}

function planBlock(text: BlockText, options: PlanOptions, errors: Mistake[], warnings: Mistake[]): BlockPlan {
  const { addresses, errors: addressErrors } = readAddresses(text.keys, options.dnsPort);
  errors.push(...addressErrors, ...unserved(addresses));
  const byName = Map.groupBy(text.directives, (directive) => directive.name);
  const scope: BlockScope = {
    zones: [...new Set(addresses.map((address) => address.zone))],
    port: addresses[0]?.port ?? options.dnsPort,
    directory: options.directory,
    plugins: new Set(byName.keys()),
    warn: (warning) => void warnings.push(warning),
  };
  const known = new Set(options.plugins.map((plugin) => plugin.name));
  for (const [name, [first]] of byName) {
    if (first === undefined || known.has(name)) continue;
    errors.push({ file: first.file, line: first.line, message: options.explain(name) });
  }
  const plugins = options.plugins.flatMap((plugin) => prepare(plugin, byName.get(plugin.name), scope, errors));
  return { text, addresses, scope, plugins };
}

function prepare(
  plugin: Plugin,
  directives: readonly Directive[] | undefined,
  scope: BlockScope,
  errors: Mistake[],
): PreparedPlugin[] {
  if (directives === undefined) return [];
  try {
    return [{ plugin, create: plugin.prepare(directives, scope) }];
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    errors.push(...error.mistakes);
    return [];
  }
}

/** Only plain DNS is listened for so far; an address of another transport must not be taken for it. */
function unserved(addresses: readonly Address[]): Mistake[] {
  return addresses
    .filter((address) => address.transport !== 'dns')
    .map(({ transport, token }) => ({
      file: token.file,
      line: token.line,
      message: `${transport}:// listeners are not built in yet; serve this zone over plain DNS, or remove the address`,
    }));
}
