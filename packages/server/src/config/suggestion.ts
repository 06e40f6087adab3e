/** The candidate that someone who wrote `name` most likely meant; `undefined` when none is near. */
export function closestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(name);
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = distanceTo(wanted, plain(candidate));
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  if (best === undefined) return undefined;
  const isNear = best.distance <= Math.max(1, Math.floor(wanted.length / 3));
  return isNear ? best.candidate : undefined;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_\s]/g, "");
}

/** Edit distance, except that the beginning of a name (`ping_interval` for `ping_interval_secs`) counts as near. */
function distanceTo(wanted: string, candidate: string): number {
  if (wanted.length >= 4 && (candidate.startsWith(wanted) || wanted.startsWith(candidate))) return 1;
  return editDistance(wanted, candidate);
}

/** Insertions, deletions, substitutions and swaps of two neighbours, each counted as one. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1];
      const isSwap = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const edit = Math.min(
        previous[column - 1]! + (isSame ? 0 : 1),
        previous[column]! + 1,
        current[column - 1]! + 1,
      );
      current.push(isSwap ? Math.min(edit, beforePrevious[column - 2]! + 1) : edit);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length]!;
}
