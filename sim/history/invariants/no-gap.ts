import type { History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import { AWAY, advance, exclusions, firstSeqOf, type Standing } from "../session-view.ts";
import type { Violation } from "../violation.ts";

/** C3: between resets a session sees each next record, in order, in one epoch. Going back is C4's matter. */
export function checkNoGap(history: History): Violation[] {
  const isExcluded = exclusions(history);
  const violations: Violation[] = [];
  for (const view of history.views) {
    let standing = AWAY;
    for (const event of view.events) {
      const text = event.kind === "apply" ? gapText(standing, event, isExcluded) : undefined;
      if (text !== undefined && standing.kind === "at") {
        violations.push({ invariant: "C3", text: `${view.session}: ${text}`, records: [standing.by, event] });
      }
      standing = advance(standing, event);
    }
  }
  return violations;
}

function gapText(standing: Standing, apply: RecordOf<"apply">, isExcluded: ReturnType<typeof exclusions>) {
  if (standing.kind !== "at") return undefined;
  const { session, stream, epoch } = apply;
  if (standing.epoch !== epoch)
    return `${stream} went from epoch ${standing.epoch} to ${epoch} without a reset`;
  const firstSeq = firstSeqOf(apply);
  for (let seq = standing.seq + 1; seq < firstSeq; seq += 1) {
    if (isExcluded(session, { stream, epoch, seq })) continue;
    return `${stream} went from ${standing.seq} to ${firstSeq}: ${seq} is missing`;
  }
  return undefined;
}
