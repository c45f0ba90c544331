import type { ListReason } from './events.ts';
import type { Kind, KubeObject, ObjectName } from './objects.ts';

/** What happened to one object. */
export type Change = { readonly put: KubeObject } | { readonly gone: ObjectName };

/**
 * What the watch hands to the store, in order, for each kind on its own. Changes between `listing` and `listed` are the parts
 * of one atomic change: they wait until `listed`, and are void when another `listing` comes first. All others are atomic each.
 * A list brings only what differs from the store, so that a relist of an unchanged cluster changes nothing.
 */
export type Batch =
  | { readonly type: 'listing'; readonly kind: Kind; readonly reason: ListReason }
  | { readonly type: 'changes'; readonly kind: Kind; readonly changes: readonly Change[] }
  | { readonly type: 'listed'; readonly kind: Kind }
  /** The API server confirmed that the kind is current. */
  | { readonly type: 'alive'; readonly kind: Kind };

/** `namespace/name`, the key of an object among those of its kind. */
export function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

/** The name that `keyOf` made a key of: neither of its parts can hold a slash. */
export function nameOf(key: string): ObjectName {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
