import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Kind } from '../../src/kube/objects.ts';

/** One answer of a real API server, word for word. */
export interface Recording {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The lines of a watch, without their newline. */
  readonly lines?: readonly string[];
}

/** What a watcher of one kind saw in a scenario. */
export interface Replay {
  /** A LIST before the watch, where there was one. */
  readonly first?: string;
  readonly lines: readonly string[];
  /** A LIST when all was over. */
  readonly final: string;
}

export function dataFile(name: string): string {
  return new URL(`./data/${name}`, import.meta.url).pathname;
}

function load(name: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(dataFile(name))).toString('utf8'));
}

const recordings = load('recorded.json.gz') as Readonly<Record<string, Recording>>;

export function recorded(name: string): Recording {
  const recording = recordings[name];
  if (recording === undefined) throw new Error(`nothing is recorded as '${name}'`);
  return recording;
}

export function linesOf(name: string): readonly string[] {
  const { lines } = recorded(name);
  if (lines === undefined) throw new Error(`'${name}' is no watch`);
  return lines;
}

export function replays(scenario: string): ReadonlyMap<Kind, Replay> {
  return new Map(Object.entries(load(`${scenario}.json.gz`) as Record<Kind, Replay>) as [Kind, Replay][]);
}
