/** Longest name compared: the distance is quadratic in it, and real names are far shorter. */
const comparedLengthMax = 64;

/** The candidate that `name` is probably a misspelling of: at most two edits away, one if it is short. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > comparedLengthMax) return undefined;
  const wanted = squash(name);
  const distanceMax = wanted.length <= 3 ? 1 : 2;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    if (candidate.length > comparedLengthMax) continue;
    const distance = editDistance(wanted, squash(candidate));
    if (distance <= distanceMax && (best === undefined || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** `max_length`, `max-length` and `MaxLength` are all meant as `maxLength`. */
function squash(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Levenshtein's distance, by the two rows of Wagner and Fischer (1974). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
