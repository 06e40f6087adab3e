const FIRST_CEILING_MS = 100;
const MAX_CEILING_MS = 3_000;

/** How long to wait before the next try: anything up to a ceiling that doubles, so that nodes do not come back all at once. */
export function backoffMs(failedTries: number, fraction: number): number {
  return fraction * Math.min(MAX_CEILING_MS, FIRST_CEILING_MS * 2 ** failedTries);
}
