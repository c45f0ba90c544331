import { CorefileError } from '../../../src/corefile/mistake.ts';

/** What became of a case. */
export type Outcome =
  | { readonly is: 'alike' }
  /** `detail`: what was expected and what came, a line each. */
  | { readonly is: 'differs'; readonly detail: string }
  /** It differs, and is meant to. `ids`: its own or those of its steps, as `differences.ts` has them. */
  | { readonly is: 'intended'; readonly ids: readonly string[] }
  /** The server lacks something that the case is about: `plugin k8s_external`. */
  | { readonly is: 'needs'; readonly what: string }
  /** There is nothing here that it could be compared with. */
  | { readonly is: 'not applicable'; readonly why: string };

export const alike: Outcome = { is: 'alike' };

export function differs(detail: string): Outcome {
  return { is: 'differs', detail };
}

export function needs(what: string): Outcome {
  return { is: 'needs', what };
}

export function notApplicable(why: string): Outcome {
  return { is: 'not applicable', why };
}

/** Alike where both are the same. */
export function compared(expected: unknown, actual: unknown): Outcome {
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(actual)];
  return wanted === got ? alike : differs(`- ${wanted}\n+ ${got}`);
}

const MISSING = [
  [/Unknown directive '(\w+)'; CoreDNS has this plugin, which is not built into Portolan yet/, 'plugin'],
  [/^(\w+):\/\/ listeners are not built in yet/, 'listener'],
] as const;

/** What a Corefile was refused for that a later version will take; undefined where it is wrong, or nothing was refused. */
export function lacking(error: unknown): string | undefined {
  if (!(error instanceof CorefileError)) return undefined;
  for (const { message } of error.mistakes) {
    for (const [pattern, what] of MISSING) {
      const name = pattern.exec(message)?.[1];
      if (name !== undefined) return `${what} ${name}`;
    }
  }
  return undefined;
}

/** A server that does not start where the reference does. */
export function refused(error: unknown): Outcome {
  const what = lacking(error);
  return what === undefined ? differs(`+ it does not start: ${messageOf(error)}`) : needs(what);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
