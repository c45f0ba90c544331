import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RawObject, StaticObjects } from '../support/static-api.ts';

/** What the reference answered to a list of questions, and all it takes to ask them again. */
export interface Recording {
  readonly name: string;
  /** As it was recorded; its addresses are replaced by those of the replay. */
  readonly corefile: string;
  readonly world: StaticObjects;
  readonly answers: readonly RecordedAnswer[];
}

export interface RecordedAnswer {
  readonly name: string;
  readonly type: string;
  /** As `answerText` writes it. */
  readonly answer: string;
}

const HERE = import.meta.dirname;
/** Where recordings are looked for: all of them beside a checkout, a sample of them within. */
const SHARED = resolve(HERE, '../../../shared/golden');
export const SAMPLE = join(HERE, 'data');

/** The whole recordings where they are at hand, else the sample. */
export function dataDirectory(): string {
  return existsSync(SHARED) ? SHARED : SAMPLE;
}

/**
 * The recordings of a directory, by name. One is a file `ANYTHING-NAME.json.gz` beside a `Corefile.NAME`; all share the
 * cluster in `world.json`. Throws an Error where there are none.
 */
export function readRecordings(directory: string): Recording[] {
  const files = readdirSync(directory).toSorted();
  const world = readWorld(directory);
  const recordings = files.flatMap((file) => {
    const name = /-([^-]+)\.json\.gz$/.exec(file)?.[1];
    if (name === undefined || !files.includes(`Corefile.${name}`)) return [];
    const corefile = readFileSync(join(directory, `Corefile.${name}`), 'utf8');
    return [{ name, corefile, world, answers: readJson(join(directory, file)) as RecordedAnswer[] }];
  });
  if (recordings.length === 0) throw new Error(`no recordings in ${directory}: *-NAME.json.gz beside Corefile.NAME`);
  return recordings;
}

/** Reads `world.json`, whose collections are named as the API server names them. */
function readWorld(directory: string): StaticObjects {
  return readJson(join(directory, 'world.json')) as Readonly<Record<string, readonly RawObject[]>>;
}

/** A JSON file, or the same with `.gz` behind its name, or compressed under its own name. */
export function readJson(path: string): unknown {
  const bytes = readFileSync(existsSync(path) ? path : `${path}.gz`);
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return JSON.parse((isCompressed ? gunzipSync(bytes) : bytes).toString('utf8'));
}
