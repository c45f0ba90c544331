import { zonesOfWord } from '../../corefile/address.ts';
import { type DirectiveCursor, readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

export interface AutopathConfig {
  /** Only names in these zones are searched for. */
  readonly zones: readonly string[];
  readonly source: SearchSource;
}

/** Where the search list of clients comes from. */
export type SearchSource = { readonly from: 'plugin'; readonly name: string } | FileSource;

export interface FileSource {
  readonly from: 'file';
  readonly path: string;
  /** Of the directive. */
  readonly place: Pick<Directive, 'file' | 'line'>;
}

/** Throws CorefileError. */
export function parseAutopath(directives: readonly Directive[], scope: BlockScope): AutopathConfig {
  const { file = '', line = 0 } = directives[0] ?? {};
  let zones: readonly string[] = [];
  let source: SearchSource = { from: 'plugin', name: '' };
  readOnce(directives, scope, (directive) => {
    const words = directive.args();
    const last = words.pop();
    if (last === undefined) {
      throw directive.error(`no resolv-conf specified; write 'autopath @kubernetes' or the name of a file`);
    }
    zones = words.length === 0 ? scope.zones : words.flatMap((word) => zonesOf(word, directive));
    source = last.startsWith('@')
      ? { from: 'plugin', name: last.slice(1) }
      : { from: 'file', path: last, place: { file, line } };
    if (source.from === 'plugin' && !scope.plugins.has(source.name)) {
      directive.warn(`'${last}' searches nothing: this server block has no plugin '${source.name}'`);
    }
  });
  return { zones, source };
}

function zonesOf(word: string, directive: DirectiveCursor): readonly string[] {
  const zones = zonesOfWord(word);
  if (zones.length === 0) directive.warn(`'${word}' is not a valid domain name and is ignored`);
  return zones;
}
