/** Who may write a session: the connection that took it last, and nothing that it wrote before what is stored. */
import type { StoredSession } from "./store.ts";

export type WriteOutcome = "newer" | "older" | "taken";

type Written = Pick<StoredSession, "holder" | "revision">;

/** What becomes of a write over what is stored. */
export function writeOutcome(session: Written, stored: Written | undefined): WriteOutcome {
  if (stored === undefined || session.holder > stored.holder) return "newer";
  if (session.holder < stored.holder) return "taken";
  return session.revision > stored.revision ? "newer" : "older";
}

/** The session as it is once another connection has taken it. */
export function claimed(stored: StoredSession, nodeId: string): StoredSession {
  return { ...stored, holder: stored.holder + 1, nodeId, revision: 0 };
}
