import type { BackOffOptions } from "../options.ts";

/** Full jitter: a herd that lost its server together does not come back together. */
export function backOffDelayMs(
  failureCount: number,
  options: Pick<BackOffOptions, "baseDelayMs" | "maxDelayMs">,
  fraction: number,
): number {
  const ceilingMs = Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** failureCount);
  return Math.floor(fraction * ceilingMs);
}
