import { TachikomaError } from "@tachikoma/protocol";
import type { Fence } from "./store.ts";

/** What an append is refused with when its lease carries another token, or is not held at all. */
export function fencedError(fence: Fence, currentToken: number | undefined): TachikomaError {
  const found = currentToken === undefined ? "is held by nobody" : `now carries token ${currentToken}`;
  return new TachikomaError(
    "FENCED",
    `Lease ${fence.lease} ${found}; the append carried token ${fence.token}`,
  );
}
