/** The body of `POST /v1/chat/completions`. */
import { z } from "zod";
import { contentSchema, type InputMessage } from "../execution/input-message.ts";
import { listOf, maybe } from "../execution/request-body.ts";

const MAX_MODEL_CHARS = 256;

export const modelName = z.string().min(1).max(MAX_MODEL_CHARS);

const toolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const message = z
  .looseObject({
    role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
    content: contentSchema,
    tool_calls: maybe(listOf(toolCall)),
    tool_call_id: maybe(z.string()),
  })
  .transform(({ role, content, tool_calls, tool_call_id }): InputMessage => {
    switch (role) {
      case "developer":
      case "system":
        return { role: "system", content };
      case "assistant":
        return { role, content, ...(tool_calls === undefined ? {} : { tool_calls: tool_calls.map(callOf) }) };
      case "tool":
      case "function":
        return { role: "user", content, ...(tool_call_id === undefined ? {} : { tool_call_id }) };
      case "user":
        return { role, content };
    }
  });

export const chatRequest = z
  .looseObject({
    model: modelName,
    messages: listOf(message).min(1, { error: "has no message" }),
    stream: maybe(z.boolean()),
    stream_options: maybe(z.looseObject({ include_usage: maybe(z.boolean()) })),
    n: maybe(z.literal(1, { error: "must be 1: an execution gives one answer" })),
  })
  .transform(({ model, messages, stream, stream_options, n: _, ...parameters }) => ({
    model,
    isStream: stream === true,
    isUsageAsked: stream_options?.include_usage === true,
    /** What the handler gets. Everything else that was asked for is in `parameters`, for handlers that care. */
    input: { messages, parameters },
  }));

function callOf({ id, function: { name, arguments: args } }: z.output<typeof toolCall>) {
  return { id, type: "function" as const, function: { name, arguments: args } };
}
