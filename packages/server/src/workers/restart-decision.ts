/** When a process that has died is started again, and when there is no use in that any more. */

/** As many deaths within this time are no accidents. */
export const MAX_DEATHS = 8;
export const DEATHS_WITHIN_MS = 60_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number; readonly deathTimesMs: readonly number[] }
  | { readonly kind: "give-up" };

/** @param earlierDeathTimesMs those that led to earlier decisions */
export function decideRestart(earlierDeathTimesMs: readonly number[], nowMs: number): RestartDecision {
  const recent = earlierDeathTimesMs.filter((timeMs) => nowMs - timeMs < DEATHS_WITHIN_MS);
  const deathTimesMs = [...recent, nowMs];
  if (deathTimesMs.length >= MAX_DEATHS) return { kind: "give-up" };
  // The first one is replaced at once: its clients are on their way back.
  const delayMs = recent.length === 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (recent.length - 1));
  return { kind: "restart", delayMs, deathTimesMs };
}
