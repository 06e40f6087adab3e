/** The body of `POST /v1/messages`. */
import { z } from "zod";
import {
  contentSchema,
  type InputMessage,
  type InputPart,
  type InputToolCall,
  partSchema,
} from "../execution/input-message.ts";
import { listOf, maybe, textOr, within } from "../execution/request-body.ts";

const MAX_MODEL_CHARS = 256;

const toolUse = z.looseObject({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.unknown(),
});

const toolResult = z.looseObject({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: contentSchema,
});

/** What a model thought before is not asked of anyone again. */
const THOUGHTS: ReadonlySet<unknown> = new Set(["thinking", "redacted_thinking"]);

type Block =
  | { readonly kind: "part"; readonly part: InputPart }
  | { readonly kind: "call"; readonly call: InputToolCall }
  | { readonly kind: "result"; readonly result: InputMessage }
  | { readonly kind: "thought" };

const block = z.unknown().transform((value, context): Block => {
  const type = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
  if (THOUGHTS.has(type)) return { kind: "thought" };
  if (type === "tool_use") {
    const used = within(toolUse, value, context);
    if (used === z.NEVER) return z.NEVER;
    const call = { name: used.name, arguments: JSON.stringify(used.input ?? {}) };
    return { kind: "call", call: { id: used.id, type: "function", function: call } };
  }
  if (type === "tool_result") {
    const given = within(toolResult, value, context);
    if (given === z.NEVER) return z.NEVER;
    return {
      kind: "result",
      result: { role: "user", content: given.content, tool_call_id: given.tool_use_id },
    };
  }
  const part = within(partSchema, value, context);
  return part === z.NEVER ? z.NEVER : { kind: "part", part };
});

const message = z
  .looseObject({ role: z.enum(["user", "assistant", "system"]), content: textOr(listOf(block)) })
  .transform(({ role, content }): readonly InputMessage[] => {
    if (typeof content === "string") return [{ role, content }];
    const parts = content.flatMap((given) => (given.kind === "part" ? [given.part] : []));
    const calls = content.flatMap((given) => (given.kind === "call" ? [given.call] : []));
    const results = content.flatMap((given) => (given.kind === "result" ? [given.result] : []));
    if (parts.length === 0 && calls.length === 0) return results;
    return [...results, { role, content: parts, ...(calls.length === 0 ? {} : { tool_calls: calls }) }];
  });

export const messagesRequest = z
  .looseObject({
    model: z.string().min(1).max(MAX_MODEL_CHARS),
    messages: listOf(message).min(1, { error: "has no message" }),
    system: maybe(contentSchema),
    stream: maybe(z.boolean()),
  })
  .transform(({ model, messages, system, stream, ...parameters }) => ({
    model,
    isStream: stream === true,
    input: {
      messages: [
        ...(system === undefined || system === "" ? [] : [{ role: "system" as const, content: system }]),
        ...messages.flat(),
      ],
      parameters,
    },
  }));
