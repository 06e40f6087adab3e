import type { CheckOptions } from "../check-options.ts";
import type { Dump, History, Publish } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import { standingAt } from "../session-view.ts";
import { isBehind, listenersAt, owedAt } from "../stream-head.ts";
import type { Violation } from "../violation.ts";

/** C5: an acknowledged value is in the log at the end, and every session that is there has got it. */
export function checkNoLostWrite(history: History, options: CheckOptions): Violation[] {
  const inLog = options.isDurable ? missingFromLog(history) : [];
  return [...inLog, ...missingFromSessions(history)];
}

function missingFromLog(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const { invoke, answer } of history.publishes.values()) {
    if (answer?.kind !== "pub.ok") continue;
    const dump = history.dumps.get(answer.stream);
    if (dump === undefined || isInLog(dump, invoke, answer)) continue;
    const text = `the acknowledged value at ${answer.stream} ${answer.epoch} ${answer.seq} is not in the log`;
    violations.push({ invariant: "C5", text, records: [invoke, answer, dump.record] });
  }
  return violations;
}

function isInLog(dump: Dump, invoke: Publish["invoke"], ack: RecordOf<"pub.ok">): boolean {
  // A log that goes on under another epoch keeps its numbers.
  if (ack.seq <= dump.record.baseSeq) return true;
  return dump.bySeq.get(ack.seq)?.val === invoke.val;
}

/** Only where the history says that there was time to deliver: after `quiescent`, and watched up to `end`. */
function missingFromSessions(history: History): Violation[] {
  const phases = history.ofKind("phase");
  const quiescent = phases.find(({ phase }) => phase === "quiescent");
  const end = phases.find(({ phase }) => phase === "end");
  if (quiescent === undefined || end === undefined) return [];
  const owedTo = owedAt(history, quiescent.timeMs);
  const isListening = listenersAt(history, end.timeMs);
  return history.views.flatMap((view): Violation[] => {
    const owed = owedTo(view);
    if (owed === undefined || !isListening(view)) return [];
    if (!isBehind(history, standingAt(view, end.timeMs), owed)) return [];
    const text = `${view.session} never got ${view.stream} ${owed.ack.epoch} ${owed.ack.seq}`;
    return [{ invariant: "C5", text, records: [owed.invoke, owed.ack, end] }];
  });
}
