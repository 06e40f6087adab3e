import type { History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import { firstSeqOf, type SessionView } from "../session-view.ts";
import type { Violation } from "../violation.ts";

type Apply = RecordOf<"apply">;

/** C4: between resets an application sees each record once, and each published value once. */
export function checkNoDuplicate(history: History): Violation[] {
  const publishedValues = new Set<string>();
  for (const { invoke } of history.publishes.values()) publishedValues.add(invoke.val);
  return history.views.flatMap((view) => repetitions(view, publishedValues));
}

function repetitions(view: SessionView, publishedValues: ReadonlySet<string>): Violation[] {
  const violations: Violation[] = [];
  const places = new Map<string, Map<number, Apply>>();
  const values = new Map<string, Apply>();
  for (const event of view.events) {
    // A reset may lead back to before what was seen; a new subscription starts a new reading.
    if (event.kind === "reset" || event.kind === "unsub") {
      places.clear();
      values.clear();
    }
    if (event.kind !== "apply") continue;
    const seen = places.get(event.epoch) ?? new Map<number, Apply>();
    if (seen.size === 0) places.set(event.epoch, seen);
    let repeated: Apply | undefined;
    for (let seq = firstSeqOf(event); seq <= event.seq; seq += 1) {
      repeated ??= seen.get(seq);
      seen.set(seq, event);
    }
    if (publishedValues.has(event.val)) {
      repeated ??= values.get(event.val);
      values.set(event.val, event);
    }
    if (repeated === undefined) continue;
    const text = `${view.session} applied ${view.stream} ${event.epoch} ${event.seq} twice`;
    violations.push({ invariant: "C4", text, records: [repeated, event] });
  }
  return violations;
}
