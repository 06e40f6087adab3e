import { type History, viewKey } from "./history.ts";
import type { RecordOf } from "./history-record.ts";
import { exclusions, type SessionView, type Standing } from "./session-view.ts";

/** The newest acknowledged record of a stream that is owed to a session. */
export interface OwedRecord {
  readonly ack: RecordOf<"pub.ok">;
  readonly invoke: RecordOf<"pub.invoke">;
}

/** Finds what was owed to sessions at a moment: the newest record of each stream that had been acknowledged by then. */
export function owedAt(history: History, timeMs: number): (view: SessionView) => OwedRecord | undefined {
  const isExcluded = exclusions(history);
  const acksByStream = new Map<string, OwedRecord[]>();
  for (const { invoke, answer } of history.publishes.values()) {
    if (answer?.kind !== "pub.ok" || answer.timeMs > timeMs || isGone(history, answer)) continue;
    const acks = acksByStream.get(answer.stream) ?? [];
    acks.push({ ack: answer, invoke });
    acksByStream.set(answer.stream, acks);
  }
  for (const acks of acksByStream.values()) sortNewestFirst(acks);
  return ({ session, stream }) => acksByStream.get(stream)?.find(({ ack }) => !isExcluded(session, ack));
}

/** True for what the log has lost and goes on without: nobody can get it any more. */
function isGone({ dumps }: History, { stream, epoch, seq, tag }: RecordOf<"pub.ok">): boolean {
  const dump = dumps.get(stream);
  if (dump === undefined || dump.record.epoch !== epoch || seq <= dump.record.baseSeq) return false;
  return dump.bySeq.get(seq)?.tag !== tag;
}

/** In the epoch that was acknowledged last; what was acknowledged in earlier ones lies before it. */
function sortNewestFirst(acks: OwedRecord[]): void {
  const latest = acks.reduce((a, b) => (b.ack.timeMs >= a.ack.timeMs ? b : a));
  const current = acks.filter(({ ack }) => ack.epoch === latest.ack.epoch);
  current.sort((a, b) => b.ack.seq - a.ack.seq);
  acks.splice(0, acks.length, ...current);
}

/** True when the session has not got what is owed to it. */
export function isBehind(history: History, standing: Standing, owed: OwedRecord): boolean {
  switch (standing.kind) {
    case "away":
      return false;
    case "waiting":
      // Before the subscription nothing was promised.
      return owed.invoke.timeMs > standing.since.timeMs;
    case "at": {
      if (standing.epoch === owed.ack.epoch) return standing.seq < owed.ack.seq;
      // In another epoch: fine when it is the one that remained, since a reset must have led there.
      const finalEpoch = history.dumps.get(owed.ack.stream)?.record.epoch;
      return finalEpoch !== standing.epoch;
    }
  }
}

/** Tells of a view whether its session was connected at a time, and allowed to read the stream then. */
export function listenersAt(history: History, timeMs: number): (view: SessionView) => boolean {
  const openConns = new Map<string, Set<string>>();
  const revoked = new Set<string>();
  for (const record of history.doorEvents) {
    if (record.timeMs > timeMs) break;
    if (record.kind === "grant") revoked.delete(viewKey(record.session, record.stream));
    else if (record.kind === "revoke") revoked.add(viewKey(record.session, record.stream));
    else if (record.kind === "close") openConns.get(record.session)?.delete(record.conn);
    else openConns.set(record.session, (openConns.get(record.session) ?? new Set()).add(record.conn));
  }
  return ({ session, stream }) =>
    (openConns.get(session)?.size ?? 0) > 0 && !revoked.has(viewKey(session, stream));
}
