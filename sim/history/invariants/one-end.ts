import type { CheckOptions } from "../check-options.ts";
import type { Execution, History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C12: every execution ends, once, in time, and nothing comes after its end. */
export function checkOneEnd(history: History, options: CheckOptions): Violation[] {
  const lastFaultMs = history.ofKind("fault.off").at(-1)?.timeMs ?? 0;
  const graceMs = options.leaseTtlMs + options.takeoverGraceMs;
  const fromRecords = [...history.executions.values()].flatMap((execution) => [
    ...severalEnds(execution),
    ...missingEnd(history, execution, lastFaultMs, graceMs),
  ]);
  return [...fromRecords, ...history.ofKind("log.dump").flatMap(endsInLog)];
}

function severalEnds({ gen, appends }: Execution): Violation[] {
  const firstEnd = appends.findIndex((append) => append.kind === "gen.terminal");
  if (firstEnd === -1 || firstEnd === appends.length - 1) return [];
  const text = `${gen} goes on after its end`;
  return [{ invariant: "C12", text, records: appends.slice(firstEnd) }];
}

/**
 * How long a healthy execution runs is its own affair. It is overdue when its owner has been silent for longer than a
 * takeover needs, with no fault in between.
 */
function missingEnd(
  history: History,
  execution: Execution,
  lastFaultMs: number,
  graceMs: number,
): Violation[] {
  const { gen, start, appends } = execution;
  if (start === undefined) return [];
  const end = appends.find((append) => append.kind === "gen.terminal");
  const lastSign = appends.filter((append) => append.kind === "gen.chunk").at(-1) ?? start;
  const limitMs = Math.max(lastSign.timeMs, lastFaultMs) + graceMs;
  if ((end?.timeMs ?? history.endMs) <= limitMs) return [];
  const text = `${gen} had no end ${graceMs} ms after its last sign of life and the last fault`;
  return [
    { invariant: "C12", text, records: end === undefined ? [start, lastSign] : [start, lastSign, end] },
  ];
}

function endsInLog(record: RecordOf<"log.dump">): Violation[] {
  const ended = new Set<string>();
  const violations: Violation[] = [];
  for (const { gen, role, seq } of record.entries) {
    if (gen === undefined) continue;
    if (ended.has(gen)) {
      violations.push({
        invariant: "C12",
        text: `${record.stream} ${seq}: ${gen} goes on after its end`,
        records: [record],
      });
    }
    if (role === "terminal") ended.add(gen);
  }
  return violations;
}
