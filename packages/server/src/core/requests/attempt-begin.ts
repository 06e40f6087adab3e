/**
 * Finds where what counts of an execution begins. All of it that stands before its newest `execution_started` or
 * `execution_restarted` is void (EXE-3, EXE-11): a reader who shapes an execution into a form that cannot take anything back has
 * to know that before it begins.
 */
import type { Position } from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { LogHub } from "../log/log-hub.ts";
import { positionAt, recordsBetween, WINDOW_RECORDS } from "./last-execution.ts";

export interface AttemptBegin {
  /** Of the record with which the attempt begins. */
  readonly seq: number;
  /** Right before that record; `undefined` when that is not retained. */
  readonly before: Position | undefined;
  /** Of the channel's last record when it was looked at. */
  readonly headSeq: number;
}

/** @returns `undefined` when the log does not retain the begin of the execution, or never had it */
export async function attemptBegin(
  hub: LogHub,
  key: LogKey,
  executionId: string,
): Promise<AttemptBegin | undefined> {
  const { base, head } = await hub.state(key);
  for (let endSeq = head.seq; endSeq > base.seq; ) {
    const afterSeq = Math.max(base.seq, endSeq - WINDOW_RECORDS);
    const records = await recordsBetween(hub, key, afterSeq, endSeq);
    const begin = records.findLast(
      ({ type, executionId: id }) =>
        id === executionId && (type === "execution_started" || type === "execution_restarted"),
    );
    if (begin !== undefined) {
      return { seq: begin.seq, before: await positionAt(hub, key, begin.seq - 1), headSeq: head.seq };
    }
    endSeq = afterSeq;
  }
  return undefined;
}
