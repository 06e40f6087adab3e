import {
  chunkOfDelta,
  parsePosition,
  plainDeltaOf,
  type ServerMessage,
  type ServerMessageOf,
} from "@tachikoma/protocol";
import type { Delivery, ExecutionEnd } from "../api.ts";
import type { Span } from "./channel-cursor.ts";

export type RecordFrame = ServerMessageOf<
  | "message"
  | "chunk"
  | "skip"
  | "execution_started"
  | "execution_restarted"
  | "execution_completed"
  | "execution_failed"
  | "execution_cancelled"
  | "execution_interrupted"
>;

type ChunkFrame = ServerMessageOf<"chunk">;

/** Whatever has a place in a channel's log. A type that is not known is a newer server's: it counts, and shows nothing. */
export function isRecordFrame(message: ServerMessage): message is RecordFrame {
  if (message.type === "subscribed" || message.type === "reset" || message.type === "receipt") return false;
  return "position" in message && "channel" in message;
}

/** Which records a frame covers; `undefined` when its position cannot be read. */
export function spanOf(frame: RecordFrame): Span | undefined {
  const last = parsePosition(frame.position);
  if (last === undefined) return undefined;
  const recordCount = "n" in frame ? (frame.n ?? 1) : 1;
  return { firstSeq: last.seq - recordCount + 1, last, content: contentOf(frame) };
}

function contentOf(frame: RecordFrame): Span["content"] {
  if (frame.type === "skip") return { kind: "gap" };
  const delta = frame.type === "chunk" ? plainDeltaOf(frame.chunk) : undefined;
  if (frame.type !== "chunk" || delta === undefined) return { kind: "record" };
  return {
    kind: "delta",
    run: { key: `${frame.executionId} ${delta.type} ${delta.partId}`, charCount: delta.text.length },
  };
}

/** The frame without the first characters of its delta. */
export function withoutChars(frame: RecordFrame, skipChars: number): RecordFrame {
  const delta = frame.type === "chunk" ? plainDeltaOf(frame.chunk) : undefined;
  if (delta === undefined) return frame;
  const chunk = chunkOfDelta({ ...delta, text: delta.text.slice(skipChars) });
  return { ...(frame as ChunkFrame), chunk };
}

/** What an application gets to see of a frame; nothing, where the records are not for this session. */
export function deliveryOf(frame: RecordFrame): Delivery | undefined {
  // `n` is between the server and this client: a position is all that an application needs.
  const { type, n: _, ...fields } = frame as RecordFrame & { readonly n?: number };
  const outcome = /^execution_(completed|failed|cancelled|interrupted)$/.exec(type)?.[1];
  if (outcome !== undefined) return { usage: {}, ...fields, type: "ended", outcome } as ExecutionEnd;
  const beginning = /^execution_(started|restarted)$/.exec(type)?.[1];
  if (beginning !== undefined) return { ...fields, type: beginning } as Delivery;
  // Whatever else there is comes from a newer server: it has been counted, and there is nothing to show.
  return type === "message" || type === "chunk" ? ({ ...fields, type } as Delivery) : undefined;
}
