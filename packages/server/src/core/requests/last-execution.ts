/** Finds the newest execution of a channel by reading its log from the end. */
import type { Position } from "@tachikoma/protocol";
import type { LogKey, LogRecord } from "../../stores/store.ts";
import { isTerminal } from "../delivery/page.ts";
import type { LogHub } from "../log/log-hub.ts";

export interface LastExecution {
  readonly executionId: string;
  /** Of its terminal record; `undefined` while it runs. */
  readonly endSeq: number | undefined;
  /** When its terminal record was stored, in milliseconds since 1970; `undefined` while it runs. */
  readonly endedAtMs: number | undefined;
  /** Right before its `execution_started`; `undefined` when that is not retained. */
  readonly before: Position | undefined;
}

/** Records looked at in one reading. Long answers take several. */
const WINDOW_RECORDS = 2_048;
const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * Of several that run at once it is the one that was started last; where no start is retained, the one that wrote last.
 *
 * @returns `undefined` when no execution is in what the log retains
 */
export async function lastExecution(hub: LogHub, key: LogKey): Promise<LastExecution | undefined> {
  const state = await hub.state(key);
  const ends = new Map<string, LogRecord>();
  let endSeq = state.head.seq;
  let wroteLast: string | undefined;
  while (endSeq > state.base.seq) {
    const afterSeq = Math.max(state.base.seq, endSeq - WINDOW_RECORDS);
    for (const record of (await recordsBetween(hub, key, afterSeq, endSeq)).reverse()) {
      const { executionId } = record;
      if (executionId === undefined) continue;
      wroteLast ??= executionId;
      if (isTerminal(record)) ends.set(executionId, record);
      if (record.type === "execution_started") {
        return { ...foundAs(executionId, ends), before: await positionAt(hub, key, record.seq - 1) };
      }
    }
    endSeq = afterSeq;
  }
  return wroteLast === undefined ? undefined : { ...foundAs(wroteLast, ends), before: undefined };
}

function foundAs(executionId: string, ends: ReadonlyMap<string, LogRecord>): Omit<LastExecution, "before"> {
  const end = ends.get(executionId);
  return { executionId, endSeq: end?.seq, endedAtMs: end?.timeMs };
}

async function positionAt(hub: LogHub, key: LogKey, seq: number): Promise<Position | undefined> {
  const { base } = await hub.state(key);
  if (seq <= base.seq) return seq === base.seq ? base : undefined;
  const tag = await hub.tagAt(key, seq);
  return tag === undefined ? undefined : { epoch: base.epoch, seq, tag };
}

async function recordsBetween(
  hub: LogHub,
  key: LogKey,
  afterSeq: number,
  endSeq: number,
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let seq = afterSeq; seq < endSeq; ) {
    const read = await hub.read(key, seq, endSeq - seq, WINDOW_BYTES);
    const last = read?.records.at(-1);
    if (read === undefined || last === undefined) break;
    records.push(...read.records.filter((record) => record.seq <= endSeq));
    seq = last.seq;
  }
  return records;
}
