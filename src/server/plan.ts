import type { Environment } from '../corefile/environment.ts';
import type { Source } from '../corefile/expand.ts';
import type { Files } from '../corefile/files.ts';
import { type Corefile, readCorefile, type ServerBlock } from '../corefile/index.ts';
import { CorefileError, inOrder, type Mistake } from '../corefile/mistake.ts';
import type { Directive } from '../corefile/parser.ts';
import type { BlockScope, Env, Instance, Plugin } from '../core/plugin.ts';

/** A Corefile that can be run: each block with its plugins in chain order, their directives understood. */
export interface Plan {
  readonly blocks: readonly BlockPlan[];
}

export interface BlockPlan {
  readonly text: ServerBlock;
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
  readonly environment: Environment;
  readonly files: Files;
  /** The port of addresses that name none. */
  readonly dnsPort: number;
  /** What relative file names count from. */
  readonly directory: string;
}

export interface Planned {
  readonly plan: Plan;
  /** In the order of the file; where there are any, the plan is not for use. */
  readonly errors: readonly Mistake[];
  readonly warnings: readonly Mistake[];
  /** What `reload` compares; undefined where the file's structure could not be made out. */
  readonly fingerprint: string | undefined;
}

/** Reads a Corefile down to the directives of every plugin. Pure but for the files that it imports. */
export function makePlan(source: Source, options: PlanOptions): Planned {
  const { plugins, environment, files, dnsPort } = options;
  const names = plugins.map((plugin) => plugin.name);
  const reading = readCorefile(source, environment, files, { plugins: names, dnsPort });
  const errors: Mistake[] = [...reading.errors];
  const warnings: Mistake[] = [...reading.warnings];
  const blocks = planBlocks(reading.corefile, options, errors, warnings);
  return {
    plan: { blocks },
    errors: inOrder(errors),
    warnings: inOrder(warnings),
    fingerprint: reading.fingerprint,
  };
}

function planBlocks(corefile: Corefile, options: PlanOptions, errors: Mistake[], warnings: Mistake[]): BlockPlan[] {
  return corefile.blocks.map((text) => {
    errors.push(...unserved(text));
    const byName = Map.groupBy(text.directives, (directive) => directive.name);
    const scope: BlockScope = {
      zones: text.zones,
      port: text.addresses[0]?.port ?? options.dnsPort,
      directory: options.directory,
      plugins: new Set(byName.keys()),
      warn: (warning) => void warnings.push(warning),
    };
    const plugins = options.plugins.flatMap((plugin) => prepare(plugin, byName.get(plugin.name), scope, errors));
    return { text, scope, plugins };
  });
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
function unserved(block: ServerBlock): Mistake[] {
  return block.addresses
    .filter((address) => address.transport !== 'dns')
    .map(({ transport, token }) => ({
      file: token.file,
      line: token.line,
      message: `${transport}:// listeners are not built in yet; serve this zone over plain DNS, or remove the address`,
    }));
}
