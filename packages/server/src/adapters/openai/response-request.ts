/** The body of `POST /v1/responses`. */
import { z } from "zod";
import { contentSchema, type InputMessage } from "../execution/input-message.ts";
import { listOf, maybe, textOr, within } from "../execution/request-body.ts";
import { modelName } from "./chat-request.ts";

const message = z.looseObject({
  type: maybe(z.literal("message")),
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: contentSchema,
});

const functionCall = z.looseObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});

const functionCallOutput = z.looseObject({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: contentSchema,
});

/** What a model thought before is not asked of anyone again. */
const reasoning = z.looseObject({ type: z.literal("reasoning") });

const typedItem = z.discriminatedUnion("type", [functionCall, functionCallOutput, reasoning], {
  error: "must be a message, function_call, function_call_output or reasoning",
});

/** Told apart by hand, so that what is wrong in a message is told of the message. */
const item = z.unknown().transform((value, context): readonly InputMessage[] => {
  const type = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
  const schema = type === undefined || type === null || type === "message" ? message : typedItem;
  const parsed = within<z.ZodType<Item>>(schema, value, context);
  return parsed === z.NEVER ? z.NEVER : messagesOf(parsed);
});

const input = textOr(listOf(item)).transform((given): readonly InputMessage[] =>
  typeof given === "string" ? [{ role: "user", content: given }] : given.flat(),
);

const MAX_METADATA = 16;

export const responseRequest = z
  .looseObject({
    model: modelName,
    input,
    instructions: maybe(z.string()),
    stream: maybe(z.boolean()),
    background: maybe(z.boolean()),
    store: maybe(z.boolean()),
    previous_response_id: maybe(z.string()),
    metadata: maybe(
      z.record(z.string(), z.string()).refine((given) => Object.keys(given).length <= MAX_METADATA, {
        error: `has more than ${MAX_METADATA} keys`,
      }),
    ),
  })
  .transform(
    ({
      model,
      input: messages,
      instructions,
      stream,
      background,
      store,
      previous_response_id,
      metadata,
      ...parameters
    }) => ({
      model,
      messages,
      instructions,
      isStream: stream === true,
      isBackground: background === true,
      isStored: store !== false,
      previousId: previous_response_id,
      metadata: metadata ?? {},
      parameters,
    }),
  );

export type ResponseRequest = z.output<typeof responseRequest>;

type Item = z.output<typeof message> | z.output<typeof typedItem>;

function messagesOf(given: Item): readonly InputMessage[] {
  switch (given.type) {
    case "reasoning":
      return [];
    case "function_call": {
      const call = { name: given.name, arguments: given.arguments };
      return [
        {
          role: "assistant",
          content: "",
          tool_calls: [{ id: given.call_id, type: "function", function: call }],
        },
      ];
    }
    case "function_call_output":
      return [{ role: "user", content: given.output, tool_call_id: given.call_id }];
    default:
      return [{ role: given.role === "developer" ? "system" : given.role, content: given.content }];
  }
}
