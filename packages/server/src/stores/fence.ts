import type { Fence } from "./store.ts";

/** Why an append is refused whose lease carries another token, or is not held at all. */
export function fencedMessage(fence: Fence, currentToken: number | undefined): string {
  const found = currentToken === undefined ? "is held by nobody" : `now carries token ${currentToken}`;
  return `Lease ${fence.lease} ${found}; the append carried token ${fence.token}`;
}

/** Why an append is refused that comes after a later one under the same fence. */
export function staleWriteMessage(fence: Fence, lastWrite: number): string {
  return `Lease ${fence.lease} has seen write ${lastWrite}; the append carried number ${fence.write}`;
}
