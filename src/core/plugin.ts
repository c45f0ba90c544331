/**
 * What a plugin is: a name, a parser for its directives, and a factory for what runs.
 *
 *     Corefile  --parse-->  config  --create-->  Instance { wrap, start, stop ... }
 *        pure, all mistakes      no I/O            start opens, stop closes
 *
 * A whole Corefile is parsed and every instance created before anything is started, so that a mistake in the last line
 * disturbs nothing that runs. Instances of a block are started in plugin order and stopped in the reverse.
 */
import type { PluginBlock } from '../corefile/cursor.ts';
import type { Directive } from '../corefile/parser.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Http } from '../runtime/http.ts';
import type { LineOutput } from '../runtime/line-writer.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import type { Handler, Wrap } from './handler.ts';

/** The server block that a plugin stands in; its zones are keys, CIDRs expanded: `.`, `10.in-addr.arpa.`. */
export interface BlockScope extends PluginBlock {
  /** The port that the block's first address names. */
  readonly port: number;
  /** The directory that relative file names count from. */
  readonly directory: string;
  /** The names of all plugins in the block. */
  readonly plugins: ReadonlySet<string>;
}

/** What the process lends to its plugins. */
export interface Host extends LineOutput {
  /** Portolan's own, such as `0.1.0`. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly http: Http;
  /** The addresses by which others know this host, so without loopback. */
  readonly ownAddresses: () => readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly control: Control;
}

/** The running configuration, for the plugin that renews it and the one that switches debugging on. */
export interface Control {
  /** SHA-512 of what runs, in hex; from the moment that the next configuration starts, that of the next one. */
  readonly fingerprint: () => string;
  /** The fingerprint of the Corefile as it is on disk now. Throws CorefileError, or the error of reading the file. */
  readonly readFingerprint: () => string;
  /** Puts the Corefile on disk in the place of what runs. Rejects, and leaves all as it was, when that fails. */
  readonly reload: () => Promise<void>;
  readonly setDebug: (on: boolean) => void;
}

export interface Env extends Host {
  /** The process as such, the same for all instances of all configurations. */
  readonly host: Host;
  readonly scope: BlockScope;
  /** Its lines name the plugin. */
  readonly log: Log;
  /** Asks the whole server, as a client would: block by zone, then its chain. */
  readonly resolve: Handler;
}

/** What a plugin asks of the sockets of its block. */
export interface ListenWishes {
  /** Addresses in place of all addresses of the host. */
  readonly addresses?: readonly string[];
}

/** One plugin at work in one block; every part is optional. */
export interface Instance {
  readonly wrap?: Wrap;
  readonly listen?: ListenWishes;
  /**
   * Opens what it needs; the block's sockets open when all have. `replacing`: another configuration answers meanwhile, so
   * that it may take its time. Rejects with an error that says what to do.
   */
  start?(replacing: boolean): Promise<void>;
  /** The process is about to end: resolves when it may. Queries are answered meanwhile. Not called on a reload. */
  drain?(): Promise<void>;
  /** Closes what `start` opened; called once, also when `start` failed halfway. */
  stop?(): Promise<void>;
}

export interface PluginSpec<C> {
  readonly name: string;
  /** Whether queries of other classes than IN may come to a listener because of it. */
  readonly anyClass?: boolean;
  /**
   * Reads the plugin's directives of one block, at least one, in file order. Pure.
   * Throws CorefileError with all mistakes.
   */
  parse(directives: readonly Directive[], scope: BlockScope): C;
  /** Makes the instance; no I/O. */
  create(config: C, env: Env): Instance;
}

/** A plugin whose config type nobody else needs to know. */
export interface Plugin {
  readonly name: string;
  readonly anyClass: boolean;
  /** Parses, and returns what creates the instance. Throws CorefileError. */
  prepare(directives: readonly Directive[], scope: BlockScope): (env: Env) => Instance;
}

export function definePlugin<C>(spec: PluginSpec<C>): Plugin {
  return {
    name: spec.name,
    anyClass: spec.anyClass ?? false,
    prepare(directives, scope) {
      const config = spec.parse(directives, scope);
      return (env) => spec.create(config, env);
    },
  };
}
