/** No plugin's or option's name comes near this; it bounds the work. */
const LONGEST_WORD = 40;

/**
 * Which of `candidates` a misspelt word may have been meant as: those at most two typing mistakes away (a letter
 * missing, too many, wrong, or two swapped) and less than half rewritten, the nearest first, three at most.
 */
export function nearest(word: string, candidates: readonly string[]): string[] {
  if (word.length > LONGEST_WORD) return [];
  return candidates
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .filter(({ distance }) => distance <= 2 && distance * 2 < word.length)
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** `did you mean 'cache'?`, or undefined when nothing is near. */
export function suggestion(word: string, candidates: readonly string[]): string | undefined {
  const found = nearest(word, candidates).map((candidate) => `'${candidate}'`);
  return found.length === 0 ? undefined : `did you mean ${found.join(' or ')}?`;
}

/** The optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const options = [(current[j - 1] ?? 0) + 1, (previous[j] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1)];
      if (swapped) options.push((beforePrevious[j - 2] ?? 0) + 1);
      current.push(Math.min(...options));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? a.length;
}
