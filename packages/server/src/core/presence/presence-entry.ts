import type { EntryJudgement } from "../cluster/vouched-entries.ts";

/** What the roster of a channel says of one session that is present there. */
export interface PresenceEntry {
  readonly clientId: string;
  readonly state: unknown;
  /**
   * When the state was set, in milliseconds since 1970, but never the same twice on one node: of several sessions of a client
   * the latest is shown, and setting the same state again is a change too.
   */
  readonly setAtMs: number;
  /** Number under which the session was held: of two nodes that vouch for it the one with the higher is right. */
  readonly claimNumber: number;
}

export function formatEntry({ clientId, state, setAtMs, claimNumber }: PresenceEntry): string {
  return JSON.stringify({ clientId, state, setAtMs, claimNumber });
}

/** `undefined` for what is not an entry. */
export function parseEntry(value: string): PresenceEntry | undefined {
  try {
    const entry = JSON.parse(value) as Partial<PresenceEntry> | null;
    const { clientId, state, setAtMs, claimNumber } = entry ?? {};
    if (typeof clientId !== "string" || typeof setAtMs !== "number" || typeof claimNumber !== "number") {
      return undefined;
    }
    return { clientId, state, setAtMs, claimNumber };
  } catch {
    return undefined;
  }
}

/** Which of two nodes is right that vouch for one session: the one that took it later. */
export function judgePresence(theirs: string, ours: string): EntryJudgement {
  const hasMoved = (parseEntry(theirs)?.claimNumber ?? 0) > (parseEntry(ours)?.claimNumber ?? 0);
  return hasMoved ? "moved" : "ours";
}
