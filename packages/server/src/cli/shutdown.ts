/**
 * What a signal means to something that runs. The first one asks it to stop; another asks it to stop at once.
 *
 * A terminal sends Ctrl-C to every process of its group and a launcher (npm, a shell script) often passes it on, so one
 * press can arrive twice: what comes within REPEAT_WINDOW_MS is the same request.
 */
const REPEAT_WINDOW_MS = 300;

export interface ShutdownState {
  readonly requestedAtMs: number | undefined;
}

export type SignalDecision = "stop" | "stop-at-once" | "ignore";

export const RUNNING: ShutdownState = { requestedAtMs: undefined };

export function decideSignal(
  state: ShutdownState,
  nowMs: number,
): { readonly state: ShutdownState; readonly decision: SignalDecision } {
  if (state.requestedAtMs === undefined) return { state: { requestedAtMs: nowMs }, decision: "stop" };
  return { state, decision: nowMs - state.requestedAtMs < REPEAT_WINDOW_MS ? "ignore" : "stop-at-once" };
}

/** What a shell reports for a process that ended by this signal. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return signal === "SIGINT" ? 130 : 143;
}
