import type { CheckOptions } from "../check-options.ts";
import type { History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C8: what a publisher sends after an acknowledgement lies behind what was acknowledged. */
export function checkPublisherOrder(history: History, { areNumbersUnique }: CheckOptions): Violation[] {
  if (!areNumbersUnique) return [];
  const violations: Violation[] = [];
  const highest = new Map<string, RecordOf<"pub.ok">>();
  const floorByOp = new Map<string, RecordOf<"pub.ok"> | undefined>();
  const usedKeys = new Set<string>();
  for (const record of history.records) {
    if (record.kind === "pub.invoke") {
      // A retry is answered with the place of the first attempt, which may lie before anything.
      const key = `${record.stream} ${record.idem}`;
      const isRetry = record.idem !== undefined && usedKeys.has(key);
      usedKeys.add(key);
      floorByOp.set(record.op, isRetry ? undefined : highest.get(publisherKey(record)));
    }
    if (record.kind !== "pub.ok") continue;
    const { invoke } = history.publishes.get(record.op)!;
    const floor = floorByOp.get(record.op);
    if (floor !== undefined && floor.epoch === record.epoch && floor.seq >= record.seq) {
      const text = `${record.stream} ${record.seq} was invoked after ${floor.seq} was acknowledged, and lies before it`;
      violations.push({ invariant: "C8", text, records: [floor, invoke, record] });
    }
    const top = highest.get(publisherKey(invoke));
    const isNewer = top === undefined || top.epoch !== record.epoch || top.seq < record.seq;
    if (isNewer) highest.set(publisherKey(invoke), record);
  }
  return violations;
}

function publisherKey(invoke: RecordOf<"pub.invoke">): string {
  return `${invoke.stream} ${invoke.publisher ?? ""}`;
}
