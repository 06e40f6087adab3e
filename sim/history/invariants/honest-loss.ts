import type { Dump, History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C6: a session that has seen what the log then lost sees a reset before anything of what remained. */
export function checkHonestLoss(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const view of history.views) {
    const dump = history.dumps.get(view.stream);
    if (dump === undefined) continue;
    let lost: RecordOf<"apply"> | undefined;
    for (const event of view.events) {
      if (event.kind === "reset" || event.kind === "unsub") lost = undefined;
      if (event.kind !== "apply") continue;
      if (isLost(dump, event)) {
        lost = event;
      } else if (lost !== undefined) {
        const text = `${view.session} went on with ${view.stream} ${event.seq} although ${lost.seq} was lost, without a reset`;
        violations.push({ invariant: "C6", text, records: [lost, event, dump.record] });
        lost = undefined;
      }
    }
  }
  return violations;
}

function isLost(dump: Dump, apply: RecordOf<"apply">): boolean {
  if (dump.record.epoch !== apply.epoch || apply.seq > dump.headSeq) return true;
  if (apply.seq <= dump.record.baseSeq) return false;
  return dump.bySeq.get(apply.seq)?.tag !== apply.tag;
}
