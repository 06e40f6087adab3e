import type { Chunk, ChunkType } from "./chunk.ts";

/** The field of each type that carries a value of the application, which may be `undefined` in memory. */
const VALUE_FIELDS: ReadonlyMap<ChunkType, string> = new Map<ChunkType, string>([
  ["tool-input-available", "input"],
  ["tool-input-error", "input"],
  ["tool-output-available", "output"],
  ["message-metadata", "messageMetadata"],
]);

/**
 * JSON text of a chunk, as it is logged. Where a tool returned nothing its `output` is `null` and not absent: JSON has no
 * `undefined`, and the AI SDK's client refuses a chunk without the field.
 */
export function encodeChunk(chunk: Chunk): string {
  return JSON.stringify(withValue(chunk));
}

/** The same chunk, with the field that carries its value. */
export function withValue(chunk: Chunk): Chunk {
  const field = chunk.type.startsWith("data-") ? "data" : VALUE_FIELDS.get(chunk.type);
  const isMissing = field !== undefined && chunk[field] === undefined;
  return isMissing ? { ...chunk, [field]: null } : chunk;
}
