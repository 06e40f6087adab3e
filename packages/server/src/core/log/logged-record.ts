import type { LogRecord, NewRecord } from "../../stores/store.ts";

/** A record in its place. Spelled out because it runs for every record: copying fields by a spread costs several times as much. */
export function loggedRecord(record: NewRecord, seq: number, tag: string, timeMs: number): LogRecord {
  const { type, body, sender, executionId, exclude } = record;
  if (sender === undefined && exclude === undefined) {
    return executionId === undefined
      ? { type, body, seq, tag, timeMs }
      : { type, body, executionId, seq, tag, timeMs };
  }
  return { ...record, seq, tag, timeMs };
}
