import { Capability } from './capability.ts';
import type { Query } from './query.ts';

/**
 * Labels: what plugins know about a query besides what its packet says, as `kubernetes/client-namespace`, for plugins that
 * print it or decide by it.
 *
 *     a source (kubernetes, forward)     provides itself
 *     `metadata`, where it is written    finds the sources, provides `Metadata`
 *     a consumer (log)                   finds `Metadata`, or none, and asks it by label
 *
 * A value is worked out when somebody asks for it, and not before. It is asked for with the query that came in: one that a
 * plugin makes from it is another query.
 */
export interface Metadata {
  /** The label's value for a query; undefined, and to be printed as `-`, where there is none. '' is a value. */
  value(query: Query, label: string): string | undefined;
  /** Why the label has a value for no query of this block, as a clause, with what to do; undefined when it may have one. */
  obstacle(label: string): string | undefined;
}

/** What a block knows of its queries; nobody provides it where the block has no `metadata`. */
export const metadata = new Capability<Metadata>();

interface SourceBase {
  /** What its labels begin with, up to the first slash: the plugin's name. */
  readonly prefix: string;
  /** Its labels in full; one with a slash at its end stands for all that begin so. */
  readonly labels: readonly string[];
  /** As `Metadata.value`, for one of its labels. */
  value(query: Query, label: string): string | undefined;
  /** As `Metadata.obstacle`, for one of its labels. */
  obstacle?(label: string): string | undefined;
}

/** Works its values out of the query: only for names in the zones of `metadata`. */
export interface DerivedLabels extends SourceBase {
  readonly kind: 'derived';
}

/** Notes its values while queries are answered, whatever their names. */
export interface NotedLabels extends SourceBase {
  readonly kind: 'noted';
  /** Called before each query is answered: what was noted for the one that the object held before is void. */
  forget(query: Query): void;
  /** What was noted for `asked` goes for `query` too, in whose place a plugin has asked it. */
  carry(asked: Query, query: Query): void;
}

export type MetadataSource = DerivedLabels | NotedLabels;

export const metadataSources = new Capability<MetadataSource>();
