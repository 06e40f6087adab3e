/** The vocabulary of `../chunk.ts` in zod. Fields that carry anything may be absent: JSON has no `undefined`. */
import { z } from "zod";
import { type Chunk, FINISH_REASONS } from "../chunk.ts";

const anything = z.unknown().optional();
const flag = z.boolean().optional();
const text = z.string().optional();
const fields = z.record(z.string(), z.unknown()).optional();

const provider = { providerMetadata: fields };
const part = { id: z.string(), ...provider };
const delta = { ...part, delta: z.string() };
const file = { url: z.string(), mediaType: z.string(), ...provider };
const tool = {
  toolCallId: z.string(),
  providerExecuted: flag,
  toolMetadata: fields,
  dynamic: flag,
  ...provider,
};
const toolInput = { ...tool, toolName: z.string(), title: text };

function chunkOf<const Type extends string, Shape extends z.core.$ZodLooseShape>(type: Type, shape: Shape) {
  return z.looseObject({ type: z.literal(type), ...shape });
}

const steeringPart = z.discriminatedUnion("type", [
  chunkOf("text", { text: z.string(), ...provider }),
  chunkOf("file", { ...file, filename: text }),
]);

const fixedChunk = z.discriminatedUnion("type", [
  chunkOf("start", { messageId: text, messageMetadata: anything }),
  chunkOf("finish", { finishReason: z.enum(FINISH_REASONS).optional(), messageMetadata: anything }),
  chunkOf("abort", { reason: text }),
  chunkOf("error", { errorText: z.string() }),
  chunkOf("message-metadata", { messageMetadata: anything }),
  chunkOf("start-step", {}),
  chunkOf("finish-step", {}),
  chunkOf("reset-step", {}),
  chunkOf("text-start", part),
  chunkOf("text-delta", delta),
  chunkOf("text-end", { ...part, citations: z.array(z.unknown()).optional() }),
  chunkOf("reasoning-start", part),
  chunkOf("reasoning-delta", delta),
  chunkOf("reasoning-end", part),
  chunkOf("tool-input-start", { ...toolInput, inputEncoding: z.enum(["json", "text"]).optional() }),
  chunkOf("tool-input-delta", { toolCallId: z.string(), inputTextDelta: z.string() }),
  chunkOf("tool-input-available", { ...toolInput, input: anything }),
  chunkOf("tool-input-error", { ...toolInput, input: anything, errorText: z.string() }),
  chunkOf("tool-approval-request", {
    approvalId: z.string(),
    toolCallId: z.string(),
    approvalDescriptor: anything,
    inputSchemaInput: anything,
    reason: text,
    isAutomatic: flag,
    signature: text,
  }),
  chunkOf("tool-approval-response", {
    approvalId: z.string(),
    approved: z.boolean(),
    reason: text,
    providerExecuted: flag,
    ...provider,
  }),
  chunkOf("tool-output-available", { ...tool, output: anything, preliminary: flag }),
  chunkOf("tool-output-error", { ...tool, errorText: z.string() }),
  chunkOf("tool-output-denied", { toolCallId: z.string() }),
  chunkOf("source-url", { sourceId: z.string(), url: z.string(), title: text, ...provider }),
  chunkOf("source-document", {
    sourceId: z.string(),
    mediaType: z.string(),
    title: z.string(),
    filename: text,
    ...provider,
  }),
  chunkOf("file", file),
  chunkOf("reasoning-file", file),
  chunkOf("custom", { kind: z.string(), ...provider }),
  chunkOf("steering-message", { id: z.string(), parts: z.array(steeringPart) }),
]);

const dataChunk = z.looseObject({
  type: z.templateLiteral(["data-", z.string()]),
  id: text,
  data: anything,
  transient: flag,
});

// The inferred type and the hand-written one say the same, but for `undefined` in optional fields, which JSON cannot carry.
export const chunkSchema = z.union([fixedChunk, dataChunk]) as unknown as z.ZodType<Chunk, Chunk>;
