import type { History } from "../history.ts";
import type { HistoryRecord } from "../history-record.ts";
import { contentByPlace, coveredContent } from "../stream-content.ts";
import type { Violation } from "../violation.ts";

/** C2: nothing is applied that nobody wrote to this stream, or whose author was told that it failed. */
export function checkNoPhantom(history: History): Violation[] {
  const origins = indexOrigins(history);
  const content = contentByPlace(history);
  const violations: Violation[] = [];
  for (const record of history.records) {
    if (record.kind !== "apply") continue;
    const isMerged = record.fromSeq !== undefined && record.fromSeq !== record.seq;
    const values = isMerged ? (coveredContent(content, record)?.map(({ val }) => val) ?? []) : [record.val];
    for (const val of values) {
      const fault = originFault(origins.get(`${record.stream} ${val}`));
      if (fault === undefined) continue;
      const text = `a value at ${record.stream} ${record.epoch} ${record.seq} ${fault.text}`;
      violations.push({ invariant: "C2", text, records: [...fault.records, record] });
    }
  }
  return violations;
}

/** Attempts to write a value to a stream; `fail` is there when the attempt was refused for certain. */
interface Attempt {
  readonly invoke: HistoryRecord;
  readonly fail: HistoryRecord | undefined;
}

function indexOrigins(history: History): Map<string, Attempt[]> {
  const origins = new Map<string, Attempt[]>();
  const add = (stream: string, val: string | undefined, attempt: Attempt) => {
    if (val === undefined) return;
    const key = `${stream} ${val}`;
    origins.set(key, [...(origins.get(key) ?? []), attempt]);
  };
  for (const { invoke, answer } of history.publishes.values()) {
    add(invoke.stream, invoke.val, { invoke, fail: answer?.kind === "pub.fail" ? answer : undefined });
  }
  for (const { start, appends } of history.executions.values()) {
    if (start === undefined) continue;
    for (const record of [start, ...appends])
      add(start.stream, record.val, { invoke: record, fail: undefined });
  }
  return origins;
}

function originFault(attempts: readonly Attempt[] | undefined) {
  if (attempts === undefined) return { text: "was written by nobody", records: [] };
  const failures = attempts.flatMap(({ invoke, fail }) => (fail === undefined ? [] : [invoke, fail]));
  const hasFailed = failures.length === attempts.length * 2;
  return hasFailed ? { text: "was applied although its publish failed", records: failures } : undefined;
}
