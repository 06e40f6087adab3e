/** What one execution wrote, as frames, up to its end. */
import { parsePosition, TachikomaError } from "@tachikoma/protocol";
import type { ChannelFrame, ChannelReader } from "../../core/requests/channel-reader.ts";

export type ExecutionFrame = Exclude<ChannelFrame, { type: "message" | "skip" | "reset" }>;
export type EndFrame = Exclude<
  ExecutionFrame,
  { type: "chunk" | "execution_started" | "execution_restarted" }
>;

export interface ExecutionReading {
  readonly reader: ChannelReader;
  readonly executionId: string;
  /** Aborted when nobody takes the frames any more. */
  readonly signal: AbortSignal;
  /** The last record of the channel that is of interest. @default none: up to the end of the execution */
  readonly untilSeq?: number;
}

/**
 * Ends after the terminal frame, after `untilSeq`, or when the signal is aborted. Closes its reader in any case.
 *
 * @throws NOT_FOUND when the log has lost what would come next, STORE_UNAVAILABLE
 */
export async function* executionFrames(
  reading: ExecutionReading,
): AsyncGenerator<ExecutionFrame, void, undefined> {
  const { reader, executionId, signal, untilSeq = Number.POSITIVE_INFINITY } = reading;
  const close = () => reader.close();
  if (signal.aborted) close();
  signal.addEventListener("abort", close);
  try {
    for await (const frame of reader) {
      if (frame.type === "reset") throw notRetained();
      const isOwn = "executionId" in frame && frame.executionId === executionId;
      if (isOwn) yield frame;
      if ((isOwn && isEnd(frame)) || seqOf(frame) >= untilSeq) return;
    }
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

export function isEnd(frame: ExecutionFrame): frame is EndFrame {
  return frame.type !== "chunk" && frame.type !== "execution_started" && frame.type !== "execution_restarted";
}

/** Of the last record that the frame covers. */
export function seqOf(frame: { readonly position: string }): number {
  return parsePosition(frame.position)?.seq ?? 0;
}

export function notRetained(): TachikomaError {
  return new TachikomaError("NOT_FOUND", "What the execution wrote is no longer retained from its beginning");
}

export function unknownExecution(executionId: string): TachikomaError {
  return new TachikomaError("UNKNOWN_EXECUTION", `There is no execution ${JSON.stringify(executionId)}`);
}
