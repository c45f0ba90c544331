/**
 * `metadata`: labels for the plugins of its block, from the plugins of its block.
 *
 *     log asks for `kubernetes/namespace` -> BlockMetadata -> the source with the prefix `kubernetes` -> its value
 *
 * A query costs nothing here but that sources which note values on the way forget those of the query before.
 */
import { readOnce } from '../../corefile/cursor.ts';
import type { Handler } from '../../core/handler.ts';
import { metadata, metadataSources } from '../../core/metadata.ts';
import { type BlockScope, definePlugin } from '../../core/plugin.ts';
import { BlockMetadata } from './block-metadata.ts';

export const metadataPlugin = definePlugin<readonly string[]>({
  name: 'metadata',
  parse(directives, scope) {
    let zones: readonly string[] = [];
    readOnce(directives, scope, (directive) => {
      zones = directive.zones();
    });
    return zones;
  },
  create(zones, { scope }) {
    metadata.provide(scope, new BlockMetadata(zones, scope));
    return { wrap: (next) => forgettingHandler(scope, next) };
  },
});

function forgettingHandler(scope: BlockScope, next: Handler): Handler {
  const noted = metadataSources.find(scope).filter((source) => source.kind === 'noted');
  if (noted.length === 0) return next;
  return (query) => {
    for (const source of noted) source.forget(query);
    return next(query);
  };
}
