import { Capability } from './capability.ts';
import type { Query } from './query.ts';

/** Whoever knows the search list of clients: the domains that a resolver puts behind a name, one after the other. */
export interface SearchPath {
  /** The plugin that knows it, as a Corefile names it. */
  readonly plugin: string;
  /**
   * The list that the question's name seems to come from: absolute names in lower case, first the one that it ends in.
   * Undefined for a name that no search has made.
   */
  pathOf(query: Query): readonly string[] | undefined;
}

export const searchPaths = new Capability<SearchPath>();
