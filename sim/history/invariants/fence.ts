import type { Execution, History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

type Written = Execution["written"][number];

/** C11: once a newer owner has written, an older one writes no more. */
export function checkFence(history: History): Violation[] {
  const fromRecords = [...history.executions.values()].flatMap(checkAppends);
  const fromLogs = history.ofKind("log.dump").flatMap(checkDump);
  return [...fromRecords, ...fromLogs];
}

function checkAppends({ gen, start, appends, written }: Execution): Violation[] {
  const violations: Violation[] = [];
  const kept = new Set<Written>(appends);
  if (start !== undefined) kept.add(start);
  let newest: Written | undefined;
  // In the order of the writing: a start that a failover took is written again by a newer owner, behind what an older one wrote.
  for (const append of written) {
    if (!kept.has(append)) continue;
    if (newest !== undefined && append.fence < newest.fence) {
      const text = `${gen}: owner ${append.fence} appended after owner ${newest.fence}`;
      violations.push({ invariant: "C11", text, records: [newest, append] });
    } else {
      newest = append;
    }
  }
  return violations;
}

function checkDump(record: RecordOf<"log.dump">): Violation[] {
  const violations: Violation[] = [];
  const newest = new Map<string, number>();
  for (const { gen, fence, seq } of record.entries) {
    if (gen === undefined || fence === undefined) continue;
    const newestFence = newest.get(gen) ?? fence;
    if (fence < newestFence) {
      const text = `${record.stream} ${seq}: owner ${fence} of ${gen} stands behind owner ${newestFence}`;
      violations.push({ invariant: "C11", text, records: [record] });
    }
    newest.set(gen, Math.max(fence, newestFence));
  }
  return violations;
}
