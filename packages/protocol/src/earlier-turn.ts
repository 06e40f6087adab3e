/**
 * A message that was written in several turns, for a client that builds it anew: what earlier turns wrote comes before the last one, as
 * if it had been one stream.
 */
import { type Chunk, isDataChunk } from "./chunk.ts";

/**
 * The chunks of an earlier turn. Its beginning stays only where it is the first, its end never does, and a tool call that the client
 * might make comes as text, so that it is shown and not made once more.
 */
export function earlierTurn(chunks: readonly Chunk[], isFirst: boolean): Chunk[] {
  return chunks.flatMap((chunk): Chunk[] => {
    if (chunk.type === "start") return isFirst ? [chunk] : metadataOf(chunk.messageMetadata);
    if (chunk.type === "finish") return metadataOf(chunk.messageMetadata);
    if (chunk.type === "abort" || chunk.type === "error") return [];
    if (isDataChunk(chunk)) return chunk.transient === true ? [] : [chunk];
    if (chunk.type !== "tool-input-available" || chunk.providerExecuted === true) return [chunk];
    const { input, type: _type, ...call } = chunk;
    return [
      { ...call, type: "tool-input-start" },
      {
        type: "tool-input-delta",
        toolCallId: call.toolCallId,
        inputTextDelta: JSON.stringify(input ?? null),
      },
    ];
  });
}

/** The chunks of the last turn, after those of earlier ones. */
export function laterTurn(chunks: readonly Chunk[]): Chunk[] {
  return chunks.flatMap((chunk) => (chunk.type === "start" ? metadataOf(chunk.messageMetadata) : [chunk]));
}

function metadataOf(messageMetadata: unknown): Chunk[] {
  return messageMetadata === undefined ? [] : [{ type: "message-metadata", messageMetadata }];
}
