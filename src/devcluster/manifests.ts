import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll, YAMLException } from 'js-yaml';
import type { Log } from '../runtime/log.ts';
import type { Cluster } from './cluster.ts';
import { isJsonList, isJsonObject, type JsonObject } from './objects/json.ts';
import { apiVersionOf, resources, type Resource } from './objects/kinds.ts';

/** One object of a manifest file. */
export interface Manifest {
  /** Where it stands, for messages: `shop.yaml, document 2`. */
  readonly place: string;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly body: JsonObject;
}

/** A file as it was read; `name` is its path as it was given. */
export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

/** What is wrong with the manifests, all of it; every problem begins with its place. */
export class ManifestError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Reads each path: a file, or the .yaml, .yml and .json files of a directory by name. Throws as node:fs does. */
export function readManifestFiles(paths: readonly string[]): readonly ManifestFile[] {
  const files = paths.flatMap((path) => (statSync(path).isDirectory() ? filesOf(path) : [path]));
  return files.map((name) => ({ name, text: readFileSync(name, 'utf8') }));
}

function filesOf(directory: string): readonly string[] {
  const names = readdirSync(directory).filter((name) => /\.(ya?ml|json)$/.test(name));
  return names.sort().map((name) => join(directory, name));
}

/**
 * The objects of the files: several documents a file, `kind: List` opened. Kinds that have no part in DNS are passed
 * over with a word in the log. Throws ManifestError.
 */
export function parseManifests(files: readonly ManifestFile[], log: Log): readonly Manifest[] {
  const problems: string[] = [];
  const manifests: Manifest[] = [];
  for (const { place, value } of files.flatMap((file) => documentsOf(file, problems))) {
    const found = parseObject(place, value, log);
    if (typeof found === 'string') problems.push(`${place} - ${found}`);
    else if (found !== undefined) manifests.push(found);
  }
  const places = new Map<string, string>();
  for (const manifest of manifests) {
    const before = places.get(manifestKey(manifest));
    if (before !== undefined) problems.push(`${manifest.place} - ${manifestKey(manifest)} stands in ${before} already`);
    places.set(manifestKey(manifest), manifest.place);
  }
  if (problems.length > 0) throw new ManifestError(problems);
  return manifests;
}

/** `Service default/web`: by what two manifests are of the same object. */
export function manifestKey({ resource, namespace, name }: Manifest): string {
  return `${resource.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

export interface Applied {
  readonly created: readonly Manifest[];
  /** What was refused, each with its place; it does not keep the others from being applied. */
  readonly problems: readonly string[];
}

/** Creates the objects, or updates those that are there: namespaces first, the others in their order. */
export function applyManifests(cluster: Cluster, manifests: readonly Manifest[]): Applied {
  const isNamespace = ({ resource }: Manifest): boolean => resource.kind === 'Namespace';
  const created: Manifest[] = [];
  const problems: string[] = [];
  for (const manifest of [...manifests.filter(isNamespace), ...manifests.filter((one) => !isNamespace(one))]) {
    const { resource, namespace, name, body, place } = manifest;
    try {
      if (cluster.store.get(resource.kind, namespace, name)) {
        cluster.update(resource.kind, namespace, name, body);
      } else {
        cluster.create(resource.kind, namespace, body);
        created.push(manifest);
      }
    } catch (error) {
      problems.push(`${place} - ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { created, problems };
}

interface PlacedValue {
  readonly place: string;
  readonly value: JsonObject;
}

/** The documents of a file, with the items of lists as documents of their own; adds to `problems`. */
function documentsOf({ name, text }: ManifestFile, problems: string[]): readonly PlacedValue[] {
  try {
    return loadAll(text).flatMap((value, index) => itemsOf(`${name}, document ${index + 1}`, value, problems));
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    problems.push(`${name}:${(error.mark?.line ?? 0) + 1} - ${error.reason}`);
    return [];
  }
}

function itemsOf(place: string, value: unknown, problems: string[]): readonly PlacedValue[] {
  // Between two separators there may be nothing, or just a comment.
  if (value === null) return [];
  if (!isJsonObject(value)) {
    problems.push(`${place} - not an object: a manifest begins with apiVersion and kind`);
    return [];
  }
  const { kind, items } = value;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !isJsonList(items)) return [{ place, value }];
  return items.flatMap((item, index) => itemsOf(`${place}, item ${index + 1}`, item, problems));
}

/** The manifest; what is wrong with it; or undefined when its kind is none of ours. */
function parseObject(place: string, body: JsonObject, log: Log): Manifest | string | undefined {
  const { apiVersion, kind, metadata } = body;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return 'apiVersion or kind is missing';
  const resource = resources.find((one) => one.kind === kind);
  if (resource === undefined) {
    log.warning(`devcluster: ${place} - kind ${kind} has no part in DNS, it is passed over`);
    return undefined;
  }
  const wanted = apiVersionOf(resource);
  if (apiVersion !== wanted) return `a ${kind} has apiVersion ${wanted}, not ${apiVersion}`;
  const { name, namespace } = isJsonObject(metadata) ? metadata : {};
  if (typeof name !== 'string' || name === '') return 'metadata.name is missing';
  if (namespace !== undefined && typeof namespace !== 'string') return 'metadata.namespace must be a string';
  return { place, resource, namespace: resource.namespaced ? (namespace ?? 'default') : undefined, name, body };
}
