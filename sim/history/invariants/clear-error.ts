import type { CheckOptions } from "../check-options.ts";
import type { History } from "../history.ts";
import type { HistoryRecord } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** The close code that stands for "no close frame came". */
const ABNORMAL_CLOSURE = 1006;

/** C15: every refusal and every close has a documented code, and no process has an error that nobody handled. */
export function checkClearError(history: History, options: CheckOptions): Violation[] {
  const violations: Violation[] = [];
  const activeFaults = new Set<string>();
  let lastFaultMs = Number.NEGATIVE_INFINITY;
  for (const record of history.records) {
    if (record.kind === "fault.on") activeFaults.add(record.fault);
    if (record.kind === "fault.off") activeFaults.delete(record.fault);
    if (record.kind === "fault.on" || record.kind === "fault.off") lastFaultMs = record.timeMs;
    const isExcused = activeFaults.size > 0 || record.timeMs <= lastFaultMs + options.faultAftermathMs;
    const text = unclearText(record, isExcused, options);
    if (text !== undefined) violations.push({ invariant: "C15", text, records: [record] });
  }
  return violations;
}

function unclearText(record: HistoryRecord, isExcused: boolean, options: CheckOptions): string | undefined {
  switch (record.kind) {
    case "pub.fail":
    case "call.fail":
      return options.errorCodes.has(record.code)
        ? undefined
        : `a call failed with ${record.code}, which is not documented`;
    case "close":
      if (record.code === ABNORMAL_CLOSURE)
        return isExcused ? undefined : `${record.conn} ended with 1006 without a cause`;
      return options.closeCodes.has(record.code)
        ? undefined
        : `${record.conn} ended with ${record.code}, which is not documented`;
    case "process.error":
      return `${record.process}: ${record.text}`;
    default:
      return undefined;
  }
}
