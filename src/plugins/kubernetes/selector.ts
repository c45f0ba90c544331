/**
 * Label selectors of the Kubernetes API: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. The API server selects; here a selector is
 * only checked, since one that it refuses would leave the server without objects.
 */

const NAME = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const KEY = `(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?${NAME}`;
const VALUE = `(?:${NAME})?`;
const requirement = new RegExp(
  `^\\s*(?:!\\s*${KEY}|${KEY}(?:\\s*(?:==|=|!=)\\s*${VALUE}|\\s+(?:in|notin)\\s*\\(\\s*${VALUE}(?:\\s*,\\s*${VALUE})*\\s*\\))?)\\s*$`,
);

/** What is wrong with a selector, as a clause; undefined for nothing. */
export function checkSelector(text: string): string | undefined {
  // Commas inside parentheses belong to a set of values.
  for (const part of text.split(/,(?![^(]*\))/)) {
    if (!requirement.test(part)) return `cannot read '${part.trim()}'`;
  }
  return undefined;
}
