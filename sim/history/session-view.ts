import type { History } from "./history.ts";
import type { RecordOf } from "./history-record.ts";
import { type Place, PlaceMap } from "./place-map.ts";

export type ViewEvent = RecordOf<"sub"> | RecordOf<"unsub"> | RecordOf<"reset"> | RecordOf<"apply">;

/** What one session did and saw on one stream, in order. */
export interface SessionView {
  readonly session: string;
  readonly stream: string;
  readonly events: readonly ViewEvent[];
}

/** Collects the views of a history. */
export class ViewIndex {
  readonly views: { readonly session: string; readonly stream: string; readonly events: ViewEvent[] }[] = [];
  readonly #bySession = new Map<string, Map<string, ViewEvent[]>>();

  add(event: ViewEvent): void {
    const { session, stream } = event;
    const ofSession = this.#bySession.get(session) ?? new Map<string, ViewEvent[]>();
    if (ofSession.size === 0) this.#bySession.set(session, ofSession);
    const events = ofSession.get(stream);
    if (events !== undefined) {
      events.push(event);
      return;
    }
    const first = [event];
    ofSession.set(stream, first);
    this.views.push({ session, stream, events: first });
  }
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
export function exclusions(history: History): (session: string, place: Place) => boolean {
  const excluded = new PlaceMap<readonly string[]>();
  for (const { invoke, answer } of history.publishes.values()) {
    if (invoke.exclude !== undefined && answer?.kind === "pub.ok") excluded.set(answer, invoke.exclude);
  }
  for (const { stream, epoch, entries } of history.ofKind("log.dump")) {
    for (const { seq, exclude } of entries) {
      if (exclude !== undefined) excluded.set({ stream, epoch, seq }, exclude);
    }
  }
  return (session, place) => excluded.get(place)?.includes(session) ?? false;
}
