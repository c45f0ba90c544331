import { isJsonList, isJsonObject } from './json.ts';

/**
 * What a JSON value must look like, as data, so that what comes in over HTTP or from a file is checked once, at the
 * door, and typed from there on. Members a shape does not name are let through and kept.
 */
export interface Shape<T> {
  /** The first thing wrong with `value`, with its place below `path`; undefined when nothing is. */
  problem(value: unknown, path: string): string | undefined;
  conforms(value: unknown): value is T;
}

/** The type of the values that conform to the shape `S`. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

type Problem = (value: unknown, path: string) => string | undefined;

function shape<T>(problem: Problem): Shape<T> {
  return { problem, conforms: (value): value is T => problem(value, '') === undefined };
}

function wanted(what: string, value: unknown, path: string): string {
  const found =
    value === null ? 'null' : isJsonList(value) ? 'a list' : isJsonObject(value) ? 'an object' : typeof value;
  return `${path === '' ? 'the value' : path} must be ${what}, not ${found}`;
}

export const text = shape<string>((value, path) =>
  typeof value === 'string' ? undefined : wanted('a string', value, path),
);
export const flag = shape<boolean>((value, path) =>
  typeof value === 'boolean' ? undefined : wanted('a boolean', value, path),
);
export const whole = shape<number>((value, path) =>
  Number.isInteger(value) ? undefined : wanted('an integer', value, path),
);

/** A target port: a number, or the name of one of the pod's ports. */
export const textOrWhole = shape<string | number>((value, path) =>
  typeof value === 'string' || Number.isInteger(value) ? undefined : wanted('a string or an integer', value, path),
);

export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  return shape((value, path) => {
    if (!isJsonList(value)) return wanted('a list', value, path);
    return first(
      value.map((member, index) => [member, `${path}[${index}]`]),
      item,
    );
  });
}

export function mapOf<T>(member: Shape<T>): Shape<{ readonly [key: string]: T }> {
  return shape((value, path) => {
    if (!isJsonObject(value)) return wanted('an object', value, path);
    return first(
      Object.entries(value).map(([key, found]) => [found, below(path, key)]),
      member,
    );
  });
}

/** An object whose members, where present, have these shapes. */
export function fields<F extends { readonly [name: string]: Shape<unknown> }>(
  members: F,
): Shape<{ readonly [K in keyof F]?: Shaped<F[K]> }> {
  return shape((value, path) => {
    if (!isJsonObject(value)) return wanted('an object', value, path);
    for (const [name, member] of Object.entries(members)) {
      const found = value[name];
      const problem = found === undefined ? undefined : member.problem(found, below(path, name));
      if (problem !== undefined) return problem;
    }
    return undefined;
  });
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function first(members: readonly (readonly [unknown, string])[], member: Shape<unknown>): string | undefined {
  for (const [value, path] of members) {
    const problem = member.problem(value, path);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
