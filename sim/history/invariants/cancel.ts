import type { CheckOptions } from "../check-options.ts";
import type { Execution, History } from "../history.ts";
import type { RecordOf } from "../history-record.ts";
import type { Violation } from "../violation.ts";

/** C10: an accepted cancel stops the work and the request behind it, and is what the end says. */
export function checkCancel(history: History, options: CheckOptions): Violation[] {
  return [...history.executions.values()].flatMap((execution) => {
    const cancel = execution.cancels[0];
    if (cancel === undefined) return [];
    return [
      ...lateChunks(execution, cancel, options),
      ...lateAbort(history, execution, cancel, options),
      ...wrongEnd(execution, cancel),
    ];
  });
}

type Cancel = RecordOf<"cancel.ok">;

function lateChunks({ gen, appends }: Execution, cancel: Cancel, options: CheckOptions): Violation[] {
  const limitMs = cancel.timeMs + options.cancelChunkGraceMs;
  const late = appends.find((append) => append.kind === "gen.chunk" && append.timeMs > limitMs);
  if (late === undefined) return [];
  const text = `${gen} appended a chunk ${late.timeMs - cancel.timeMs} ms after its cancel was accepted`;
  return [{ invariant: "C10", text, records: [cancel, late] }];
}

function lateAbort(
  history: History,
  { gen, appends, upstream }: Execution,
  cancel: Cancel,
  options: CheckOptions,
) {
  const sent = upstream.find(({ kind }) => kind === "llm.sent");
  const limitMs = cancel.timeMs + options.cancelAbortMs;
  const hadEnded = appends.some((append) => append.kind === "gen.terminal" && append.timeMs <= cancel.timeMs);
  if (sent === undefined || hadEnded || sent.timeMs > cancel.timeMs || history.endMs < limitMs) return [];
  const abort = upstream.find(({ kind }) => kind === "llm.abort");
  if (abort !== undefined && abort.timeMs <= limitMs) return [];
  const text = `the request of ${gen} was not aborted within ${options.cancelAbortMs} ms of its cancel`;
  const violation: Violation = {
    invariant: "C10",
    text,
    records: abort === undefined ? [sent, cancel] : [cancel, abort],
  };
  return [violation];
}

function wrongEnd({ gen, written }: Execution, cancel: Cancel): Violation[] {
  // The first one, also where the store has lost it: the cancel did its part.
  const end = written.find((append) => append.kind === "gen.terminal");
  // An end that was on its way when the cancel came stands.
  if (end === undefined || end.timeMs <= cancel.timeMs || end.outcome === "cancelled") return [];
  const text = `${gen} was cancelled and ended as ${end.outcome}`;
  return [{ invariant: "C10", text, records: [cancel, end] }];
}
