/**
 * The Corefile: from text to server blocks whose directives plugins can read. Pure but for the files that an `import`
 * reaches, which come through the interface `Files`, like the environment.
 *
 *     text --lexer--> words --environment--> words --expand--> words --parser--> blocks --address--> Corefile
 *                       ^                              |
 *                       +---------- imported files ----+
 *     a plugin's directives --cursor--> its configuration        known: what to say of a directive that is not there
 *
 * Invariants:
 * - What the reference starts with starts here and means the same. Where it reads nonsense without complaint (a brace
 *   on a line of its own, a superfluous one at the end), we read what was meant and warn.
 * - All mistakes are told at once, and none that another one caused: a failed import is left out, a block whose braces
 *   do not fit is not looked into, a directive that cannot be understood is dropped after it was told of.
 * - Whatever the text is, reading it ends: imports are counted, their words too, references between variables as well.
 *
 * A mistake reads `FILE:LINE - TEXT; ADVICE`. FILE is the Corefile's name as given, or an imported file's absolute
 * path; the place comes first so that editors find it. TEXT is the reference's where it has one, with its
 * `Error during parsing: ` or `Syntax error: `, and with `plugin/NAME: ` before that when a plugin refuses something:
 *
 *     Corefile:3 - plugin/health: Error during parsing: unknown property 'lameduk'; did you mean 'lameduck'?
 *
 * ADVICE, what to do about it, is there where it helps. A warning is a mistake that does not keep the file from being
 * used; the reference prints its own one, `No files matching import glob pattern: X`, without a place.
 */
import { readAddresses, type Address } from './address.ts';
import type { Environment } from './environment.ts';
import { expand, type Source } from './expand.ts';
import type { Files } from './files.ts';
import { fingerprint } from './fingerprint.ts';
import { explainDirective } from './known.ts';
import { CorefileError, inOrder, mistakeAt, type Mistake } from './mistake.ts';
import { overlaps, type Listener } from './overlaps.ts';
import { parse, type BlockText, type Directive } from './parser.ts';

/** A server block: what it serves and the directives that say how. */
export interface ServerBlock extends BlockText {
  /** One at least. */
  readonly addresses: readonly Address[];
  /** The zones of the addresses, each once: what a plugin of the block serves when it names none. */
  readonly zones: readonly string[];
}

export interface Corefile {
  readonly blocks: readonly ServerBlock[];
}

export interface ReadOptions {
  /** The names of the plugins that are there; any other directive is a mistake. */
  readonly plugins: readonly string[];
  /** The port of a `dns` address without one. */
  readonly dnsPort: number;
}

export interface Reading {
  /** What could be read; fit for use when there are no errors, else for looking for the plugins' mistakes. */
  readonly corefile: Corefile;
  readonly warnings: readonly Mistake[];
  readonly errors: readonly Mistake[];
  /** The SHA-512 that `reload` compares, 128 hex digits; undefined when the structure could not be made out. */
  readonly fingerprint: string | undefined;
}

/** What is served without a Corefile, and with one that has no server block. */
export function defaultCorefile(dnsPort: number): Source {
  return { path: 'Corefile', text: `.:${dnsPort} {\nwhoami\nlog\n}\n` };
}

/** Reads a Corefile with everything it imports. Never throws for what a file holds: mistakes are in `errors`. */
export function readCorefile(source: Source, environment: Environment, files: Files, options: ReadOptions): Reading {
  try {
    const expanded = expand(source, environment, files);
    const parsed = parse(expanded.tokens);
    const structureErrors = [...expanded.errors, ...parsed.errors];
    const sound = structureErrors.length === 0;
    const { blocks, ...found } = readBlocks(parsed.blocks, options);
    if (blocks.length === 0 && sound && found.errors.length === 0) {
      const builtIn = parse(expand(defaultCorefile(options.dnsPort), {}, files).tokens);
      blocks.push(...readBlocks(builtIn.blocks, options).blocks);
    }
    return {
      corefile: { blocks },
      warnings: inOrder([...expanded.warnings, ...parsed.warnings, ...found.warnings]),
      errors: inOrder([...structureErrors, ...found.errors]),
      fingerprint: sound ? fingerprint(parsed.blocks, source.path) : undefined,
    };
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    return { corefile: { blocks: [] }, warnings: [], errors: error.mistakes, fingerprint: undefined };
  }
}

interface Blocks {
  readonly blocks: ServerBlock[];
  readonly warnings: readonly Mistake[];
  readonly errors: readonly Mistake[];
}

function readBlocks(texts: readonly BlockText[], options: ReadOptions): Blocks {
  const blocks: ServerBlock[] = [];
  const warnings: Mistake[] = [];
  const errors: Mistake[] = [];
  const unbound: Listener[] = [];
  for (const text of texts) {
    const directives = text.directives.filter((directive) => {
      const mistake = mistakeOf(directive, options.plugins);
      if (mistake !== undefined) errors.push(mistake);
      return mistake === undefined;
    });
    const read = readAddresses(text.keys, options.dnsPort);
    const { addresses } = read;
    errors.push(...read.errors);
    if (text.keys.length === 0) warnings.push(mistakeAt(text, 'a server block without an address is ignored'));
    if (addresses.length === 0) continue;
    const zones = [...new Set(addresses.map((address) => address.zone))];
    blocks.push({ ...text, directives, addresses, zones });
    // Blocks with `bind` or `view` may share an address: whether they do is known when these are read.
    if (text.directives.some(({ name }) => name === 'bind' || name === 'view')) continue;
    unbound.push(...addresses.map((address) => ({ address, host: '', filtered: false })));
  }
  return { blocks, warnings, errors: [...errors, ...overlaps(unbound)] };
}

/** Why a directive is of no use, if it is: a name that nobody knows explains its braces too. */
function mistakeOf(directive: Directive, plugins: readonly string[]): Mistake | undefined {
  if (plugins.includes(directive.name)) return directive.fault;
  return mistakeAt(directive, explainDirective(directive.name, plugins));
}
