/** An execution that is answered in one piece: read to its end, and folded into one message. */
import { type FoldedMessage, MessageFold, TachikomaError, type Usage } from "@tachikoma/protocol";
import { type ExecutionFault, faultOf } from "./execution-end.ts";
import { type ExecutionReading, executionFrames, isEnd } from "./execution-frames.ts";

export type FoldedExecution =
  | { readonly message: FoldedMessage; readonly usage: Usage }
  | { readonly fault: ExecutionFault };

/** @throws NOT_FOUND, STORE_UNAVAILABLE */
export async function foldedExecution(reading: ExecutionReading): Promise<FoldedExecution> {
  let fold = new MessageFold();
  for await (const frame of executionFrames(reading)) {
    if (frame.type === "chunk") fold.add(frame.chunk);
    else if (!isEnd(frame)) fold = new MessageFold();
    else {
      const fault = faultOf(frame) ?? faultOfMessage(fold.message);
      return fault === undefined ? { message: fold.message, usage: frame.usage } : { fault };
    }
  }
  // Whoever asked is gone, and nobody reads this.
  throw new TachikomaError("SERVER_GOING_AWAY");
}

function faultOfMessage({ finishReason }: FoldedMessage): ExecutionFault | undefined {
  return finishReason === "error" ? ENDED_WITH_ERROR : undefined;
}

/** The handler came to its end, and said that it was none. */
export const ENDED_WITH_ERROR: ExecutionFault = {
  code: "HANDLER_FAILED",
  message: "The answer ended with an error",
  httpStatus: 500,
};
