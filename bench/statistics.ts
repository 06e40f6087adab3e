export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** `undefined` for no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Nearest rank: the smallest value that at least this share of the values does not exceed. */
export function quantileOf(values: readonly number[], share: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** Value by value, where both have one: rounds are compared with their own round. */
export function ratiosOf(
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): number[] {
  return values.flatMap((value, round) => {
    const reference = references[round];
    return value === undefined || reference === undefined || reference === 0 ? [] : [value / reference];
  });
}

/** As the ratios. */
export function differencesOf(
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): number[] {
  return values.flatMap((value, round) => {
    const reference = references[round];
    return value === undefined || reference === undefined ? [] : [value - reference];
  });
}
