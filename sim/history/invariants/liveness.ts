import type { CheckOptions } from "../check-options.ts";
import type { History } from "../history.ts";
import { standingAt } from "../session-view.ts";
import { isBehind, listenersAt, owedAt } from "../stream-head.ts";
import type { Violation } from "../violation.ts";

/** C13: some time after the last fault every live session is at the head that there was at that moment. */
export function checkLiveness(history: History, options: CheckOptions): Violation[] {
  const heal = history.ofKind("phase").find(({ phase }) => phase === "heal");
  if (heal === undefined) return [];
  const deadlineMs = heal.timeMs + options.catchUpMs;
  if (history.endMs < deadlineMs) return [];
  const owedTo = owedAt(history, heal.timeMs);
  const wasListening = listenersAt(history, heal.timeMs);
  const isListening = listenersAt(history, deadlineMs);
  return history.views.flatMap((view): Violation[] => {
    const owed = owedTo(view);
    // One that connected a moment ago has not had its time.
    if (owed === undefined || !wasListening(view) || !isListening(view)) return [];
    if (!isBehind(history, standingAt(view, deadlineMs), owed)) return [];
    const text = `${view.session} is not at ${view.stream} ${owed.ack.seq} ${options.catchUpMs} ms after the last fault`;
    return [{ invariant: "C13", text, records: [owed.ack, heal] }];
  });
}
