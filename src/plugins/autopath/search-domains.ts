import { keyOf, absolute } from '../../dns/name.ts';

/**
 * The search list of a resolv.conf (resolv.conf(5)): absolute names in lower case, without the root. Of several `search` and
 * `domain` lines the last counts.
 */
export function readSearchDomains(text: string): readonly string[] {
  let domains: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'search') domains = words;
    if (keyword === 'domain') domains = words.slice(0, 1);
  }
  return [...new Set(domains.map((domain) => keyOf(absolute(domain))))].filter((domain) => domain !== '.');
}
