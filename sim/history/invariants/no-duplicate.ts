import type { History } from "../history.ts";
import type { HistoryRecord } from "../history-record.ts";
import { firstSeqOf, sessionViews } from "../session-view.ts";
import type { Violation } from "../violation.ts";

/** C4: between resets an application sees each record once, and each published value once. */
export function checkNoDuplicate(history: History): Violation[] {
  const publishedValues = new Set([...history.publishes.values()].map(({ invoke }) => invoke.val));
  const violations: Violation[] = [];
  for (const view of sessionViews(history.records)) {
    const seen = new Map<string, HistoryRecord>();
    for (const event of view.events) {
      // A reset may lead back to before what was seen; a new subscription starts a new reading.
      if (event.kind === "reset" || event.kind === "unsub") seen.clear();
      if (event.kind !== "apply") continue;
      const keys: string[] = [];
      for (let seq = firstSeqOf(event); seq <= event.seq; seq += 1) keys.push(`${event.epoch} ${seq}`);
      if (publishedValues.has(event.val)) keys.push(`value ${event.val}`);
      const repeated = keys.find((key) => seen.has(key));
      if (repeated !== undefined) {
        const text = `${view.session} applied ${view.stream} ${event.epoch} ${event.seq} twice`;
        violations.push({ invariant: "C4", text, records: [seen.get(repeated)!, event] });
      }
      for (const key of keys) seen.set(key, event);
    }
  }
  return violations;
}
