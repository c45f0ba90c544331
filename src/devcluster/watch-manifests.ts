import { createHash } from 'node:crypto';
import { statSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { every, type Clock, type Timer } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Cluster } from './cluster.ts';
import {
  applyManifests,
  ManifestError,
  manifestKey,
  parseManifests,
  readManifestFiles,
  type Manifest,
  type ManifestFile,
} from './manifests.ts';

export interface WatchManifestsOptions {
  readonly cluster: Cluster;
  /** Files, or directories whose .yaml, .yml and .json files count. */
  readonly paths: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface WatchedManifests {
  close(): void;
}

const CHECK_EVERY_MS = 2_000;
/** An editor writes a file in several steps: a change counts once two looks so far apart have seen the same. */
const QUIET_MS = 100;

/**
 * Applies the manifests at `paths` and follows their changes: new objects are created, changed ones updated, and those
 * that vanished from the files deleted, if they were created from there. The system tells of most changes at once; a
 * check of the contents every two seconds finds the others. Throws ManifestError, or as node:fs does, when the
 * manifests cannot be applied at first; later mistakes are logged and the cluster stays as it is.
 */
export function watchManifests(options: WatchManifestsOptions): WatchedManifests {
  return new ManifestWatcher(options);
}

class ManifestWatcher implements WatchedManifests {
  readonly #options: WatchManifestsOptions;
  readonly #created = new Map<string, Manifest>();
  readonly #checks: Timer;
  readonly #watchers: readonly FSWatcher[];
  /** Of the contents that were applied last, and of those seen last. */
  #applied = '';
  #seen = '';
  /** What is wrong with the files now, told once. */
  #fault = '';
  #soon: Timer | undefined;

  constructor(options: WatchManifestsOptions) {
    this.#options = options;
    const files = readManifestFiles(options.paths);
    this.#applied = hashOf(files);
    const problems = this.#apply(parseManifests(files, options.log));
    if (problems.length > 0) throw new ManifestError(problems);
    this.#checks = every(options.clock, CHECK_EVERY_MS, () => this.#check());
    this.#watchers = options.paths.flatMap((path) => this.#watchDirectory(path));
  }

  close(): void {
    this.#checks.cancel();
    this.#soon?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  /** The directory is watched, not the file: a file that is replaced is no longer the one watched. */
  #watchDirectory(path: string): readonly FSWatcher[] {
    const { log } = this.#options;
    try {
      const directory = statSync(path).isDirectory() ? path : dirname(path);
      const watcher = watch(directory, { persistent: false }, () => this.#checkSoon());
      watcher.on('error', ({ message }) => log.debug(`devcluster: ${path} is looked at every 2 s only: ${message}`));
      return [watcher];
    } catch {
      // Not every file system can be watched; the regular check remains.
      return [];
    }
  }

  #checkSoon(): void {
    this.#soon?.cancel();
    this.#soon = this.#options.clock.after(QUIET_MS, () => this.#check());
  }

  #check(): void {
    const { paths, log } = this.#options;
    try {
      const files = readManifestFiles(paths);
      this.#fault = '';
      const hash = hashOf(files);
      const steady = hash === this.#seen;
      this.#seen = hash;
      if (hash === this.#applied) return;
      if (!steady) return this.#checkSoon();
      this.#applied = hash;
      const problems = this.#apply(parseManifests(files, log));
      for (const problem of problems) log.error(`devcluster: ${problem}`);
      log.info(`devcluster: the manifests changed and were applied${problems.length > 0 ? ' in part' : ''}`);
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (fault === this.#fault) return;
      this.#fault = fault;
      log.error(`devcluster: the manifests cannot be applied, the cluster stays as it is: ${fault}`);
    }
  }

  /** Returns the problems. */
  #apply(manifests: readonly Manifest[]): readonly string[] {
    const { created, problems } = applyManifests(this.#options.cluster, manifests);
    for (const manifest of created) this.#created.set(manifestKey(manifest), manifest);
    const wanted = new Set(manifests.map(manifestKey));
    const vanished = [...this.#created.values()].filter((manifest) => !wanted.has(manifestKey(manifest)));
    // In the opposite order of their creation: a namespace goes after what is in it.
    for (const manifest of vanished.reverse()) this.#delete(manifest);
    return problems;
  }

  #delete(manifest: Manifest): void {
    const { cluster } = this.#options;
    const { resource, namespace, name } = manifest;
    this.#created.delete(manifestKey(manifest));
    // Someone may have deleted it by hand.
    if (cluster.store.get(resource.kind, namespace, name)) cluster.delete(resource.kind, namespace, name);
  }
}

function hashOf(files: readonly ManifestFile[]): string {
  const hash = createHash('sha256');
  for (const { name, text } of files) hash.update(JSON.stringify([name, text]));
  return hash.digest('hex');
}
