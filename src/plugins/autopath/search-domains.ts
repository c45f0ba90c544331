import { absolute, isName, keyOf } from '../../dns/name.ts';

/**
 * The search list of a resolv.conf (resolv.conf(5)): absolute names in lower case, without the root and what is no name. Of
 * several `search` and `domain` lines the last counts.
 */
export function readSearchDomains(text: string): readonly string[] {
  let words: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...rest] = line.trim().split(/\s+/);
    if (keyword === 'search') words = rest;
    if (keyword === 'domain') words = rest.slice(0, 1);
  }
  const domains = new Set(words.map((word) => keyOf(absolute(word))));
  return [...domains].filter((domain) => domain !== '.' && isName(domain));
}
