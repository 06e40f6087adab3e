import type { AppendRequest } from "./store.ts";

/** Throws on a request that only a programming mistake can make. */
export function assertAppendable(request: AppendRequest): void {
  if (request.records.length === 0) throw new RangeError("An append needs at least one record");
  if (!Number.isSafeInteger(request.nowMs)) throw new RangeError(`nowMs is not an integer: ${request.nowMs}`);
}
