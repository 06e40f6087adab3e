/** Finds the highest rate that holds: doubles until one does not, then halves the gap between the two, as ratios. */
export interface CapacitySearch {
  readonly startRate: number;
  readonly maxRate: number;
  /** How often the gap is halved: each time the answer is known to the root of what it was known to before. */
  readonly halvingCount: number;
  holds(rate: number): Promise<boolean>;
}

/** How often the first rate is halved before it is given up. */
const MAX_DESCENTS = 4;

/** 0 where no rate holds. */
export async function highestRate(search: CapacitySearch): Promise<number> {
  const { startRate, maxRate, halvingCount, holds } = search;
  let low = 0;
  let high = startRate;
  while (high <= maxRate && (await holds(high))) {
    low = high;
    high *= 2;
  }
  if (low === 0) {
    for (let descent = 0; descent < MAX_DESCENTS && low === 0; descent += 1) {
      if (await holds(high / 2)) low = high / 2;
      else high /= 2;
    }
    if (low === 0) return 0;
  }
  if (high > maxRate) return low;
  for (let step = 0; step < halvingCount; step += 1) {
    const middle = Math.sqrt(low * high);
    if (await holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
