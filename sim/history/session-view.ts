import { type History, placeKey, viewKey } from "./history.ts";
import type { HistoryRecord, RecordOf } from "./history-record.ts";

export type ViewEvent = RecordOf<"sub"> | RecordOf<"unsub"> | RecordOf<"reset"> | RecordOf<"apply">;

/** What one session did and saw on one stream, in order. */
export interface SessionView {
  readonly session: string;
  readonly stream: string;
  readonly events: readonly ViewEvent[];
}

export function sessionViews(records: readonly HistoryRecord[]): SessionView[] {
  const views = new Map<string, { session: string; stream: string; events: ViewEvent[] }>();
  for (const record of records) {
    if (!isViewEvent(record)) continue;
    const { session, stream } = record;
    const key = viewKey(session, stream);
    const view = views.get(key) ?? { session, stream, events: [] };
    view.events.push(record);
    views.set(key, view);
  }
  return [...views.values()];
}

function isViewEvent(record: HistoryRecord): record is ViewEvent {
  return (
    record.kind === "sub" || record.kind === "unsub" || record.kind === "reset" || record.kind === "apply"
  );
}

/** Where a session stands on a stream: after which record everything is owed to it. */
export type Standing =
  | { readonly kind: "away" }
  /** Subscribed at a head that the history does not name: the first delivery tells. */
  | { readonly kind: "waiting"; readonly since: RecordOf<"sub"> }
  | { readonly kind: "at"; readonly epoch: string; readonly seq: number; readonly by: ViewEvent };

export const AWAY: Standing = { kind: "away" };

export function advance(standing: Standing, event: ViewEvent): Standing {
  switch (event.kind) {
    case "sub":
      // A session that is there already resumes: nothing is forgiven that it has missed.
      if (standing.kind !== "away") return standing;
      if (event.epoch === undefined || event.seq === undefined) return { kind: "waiting", since: event };
      return { kind: "at", epoch: event.epoch, seq: event.seq, by: event };
    case "unsub":
      return AWAY;
    case "reset":
      return { kind: "at", epoch: event.epoch, seq: event.seq, by: event };
    case "apply": {
      const isBehind = standing.kind === "at" && standing.epoch === event.epoch && standing.seq >= event.seq;
      return isBehind ? standing : { kind: "at", epoch: event.epoch, seq: event.seq, by: event };
    }
  }
}

/** Where the session stood at a time. */
export function standingAt(view: SessionView, timeMs: number): Standing {
  let standing = AWAY;
  for (const event of view.events) {
    if (event.timeMs > timeMs) break;
    standing = advance(standing, event);
  }
  return standing;
}

/** First record that a delivery covers. */
export function firstSeqOf(delivery: { readonly seq: number; readonly fromSeq?: number }): number {
  return delivery.fromSeq ?? delivery.seq;
}

/** Tells which records a session must not get, because their author excluded it. */
export function exclusions(
  history: History,
): (session: string, stream: string, epoch: string, seq: number) => boolean {
  const excluded = new Map<string, readonly string[]>();
  for (const { invoke, answer } of history.publishes.values()) {
    if (invoke.exclude === undefined || answer?.kind !== "pub.ok") continue;
    excluded.set(placeKey(answer.stream, answer.epoch, answer.seq), invoke.exclude);
  }
  for (const { record } of history.dumps.values()) {
    for (const entry of record.entries) {
      if (entry.exclude !== undefined)
        excluded.set(placeKey(record.stream, record.epoch, entry.seq), entry.exclude);
    }
  }
  return (session, stream, epoch, seq) =>
    excluded.get(placeKey(stream, epoch, seq))?.includes(session) ?? false;
}
