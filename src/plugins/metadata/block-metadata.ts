import { suggestion } from '../../corefile/nearest.ts';
import { type Metadata, type MetadataSource, metadataSources } from '../../core/metadata.ts';
import type { BlockScope } from '../../core/plugin.ts';
import type { Query } from '../../core/query.ts';
import { ZoneSet } from '../../core/zone-name.ts';

/** The labels of one block, each from the source that has its prefix. */
export class BlockMetadata implements Metadata {
  readonly #zones: ZoneSet;
  readonly #scope: BlockScope;

  constructor(zones: readonly string[], scope: BlockScope) {
    this.#zones = new ZoneSet(zones);
    this.#scope = scope;
  }

  value(query: Query, label: string): string | undefined {
    const source = this.#sourceOf(label);
    if (source === undefined || !has(source, label)) return undefined;
    if (source.kind === 'derived' && !this.#zones.covers(query)) return undefined;
    return source.value(query, label);
  }

  obstacle(label: string): string | undefined {
    const source = this.#sourceOf(label);
    if (source === undefined) return 'no plugin of this block provides it';
    if (has(source, label)) return source.obstacle?.(label);
    return `'${source.prefix}' does not have it; ${suggestion(label, source.labels) ?? `it has ${list(source.labels)}`}`;
  }

  #sourceOf(label: string): MetadataSource | undefined {
    return metadataSources.find(this.#scope).find(({ prefix }) => label.startsWith(`${prefix}/`));
  }
}

function has({ labels }: MetadataSource, label: string): boolean {
  return labels.some((known) => (known.endsWith('/') ? label.startsWith(known) : label === known));
}

function list(labels: readonly string[]): string {
  return labels.map((label) => (label.endsWith('/') ? `${label}KEY` : label)).join(', ');
}
