import type { RecordOf } from "../history/history-record.ts";

/** A cancel that was accepted, and what became of it. */
export interface WatchedCancel {
  readonly op: string;
  readonly gen: string;
  acceptedAtMs: number | undefined;
  status: string | undefined;
}

/**
 * Only cancels that took effect are held against the end of their execution: one that came while the end was being stored, or
 * whose server died before it could stop anything, is answered so.
 */
export function cancelRecords(cancels: readonly WatchedCancel[]): RecordOf<"cancel.ok">[] {
  return cancels.flatMap(({ op, gen, acceptedAtMs, status }) =>
    status === "applied" && acceptedAtMs !== undefined
      ? [{ kind: "cancel.ok" as const, op, gen, timeMs: acceptedAtMs }]
      : [],
  );
}
