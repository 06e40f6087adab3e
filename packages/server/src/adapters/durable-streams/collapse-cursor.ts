/**
 * Numbers that caches between server and clients collapse requests by: all who wait during one interval ask for the same URL. A
 * client that brings the number of now or a later one gets one beyond it, so that no cache answers it with itself for ever.
 */
import type { Random } from "../../core/ports.ts";

const INTERVAL_MS = 20_000;
/** 9 October 2024, as the protocol has it. */
const EPOCH_MS = Date.UTC(2024, 9, 9);
const MAX_JITTER_MS = 3_600_000;
const MAX_CURSOR_CHARS = 15;

/** @param given what the client brought, whatever that is */
export function nextCursor(given: string | undefined, nowMs: number, random: Random): string {
  const current = Math.max(0, Math.floor((nowMs - EPOCH_MS) / INTERVAL_MS));
  const client =
    given !== undefined && given.length <= MAX_CURSOR_CHARS && /^\d+$/.test(given) ? Number(given) : -1;
  if (client < current) return String(current);
  const jitterMs = random.fraction() * MAX_JITTER_MS;
  return String(client + Math.max(1, Math.floor(jitterMs / INTERVAL_MS)));
}
