import type { AnswerEvent } from "@tachikoma/protocol";
import type { ChannelFrame } from "../../core/requests/channel-reader.ts";

/** What a frame of its channel says about one execution; `undefined` when it says nothing. */
export function answerEventOf(frame: ChannelFrame, executionId: string): AnswerEvent | undefined {
  if (frame.type === "reset") return { type: "reset" };
  if (!("executionId" in frame) || frame.executionId !== executionId) return undefined;
  switch (frame.type) {
    case "execution_started":
      return { type: "started" };
    case "execution_restarted":
      return { type: "restarted" };
    case "chunk":
      return { type: "chunk", chunk: frame.chunk };
    case "execution_completed":
      return { type: "ended", outcome: "completed", usage: frame.usage };
    case "execution_failed":
      return { type: "ended", outcome: "failed", usage: frame.usage, error: frame.error };
    case "execution_cancelled":
      return { type: "ended", outcome: "cancelled", usage: frame.usage, reason: frame.reason };
    case "execution_interrupted":
      return { type: "ended", outcome: "interrupted", usage: frame.usage, reason: frame.reason };
  }
}
