/** The body of `POST /agui`: AG-UI's RunAgentInput. */
import { MAX_ID_CHARS } from "@tachikoma/protocol";
import { z } from "zod";
import { contentSchema, type InputMessage } from "../execution/input-message.ts";
import { listOf, maybe, within } from "../execution/request-body.ts";

/** An id that becomes part of a channel's name or of a command's id. */
const id = z
  .string()
  .min(1)
  .max(MAX_ID_CHARS)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "contains control characters or half a character");

const toolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const spoken = z.looseObject({
  id: z.string(),
  role: z.enum(["developer", "system", "assistant", "user", "tool"]),
  content: contentSchema,
  toolCalls: maybe(listOf(toolCall)),
  toolCallId: maybe(z.string()),
});

/** What an interface keeps beside the conversation. */
const unspoken = z.looseObject({ id: z.string(), role: z.enum(["activity", "reasoning"]) });

export interface AgUiMessage {
  readonly id: string;
  /** As it came, for whoever is to have it back. */
  readonly original: object;
  /** As a handler takes it; absent for what is no part of the conversation. */
  readonly input?: InputMessage;
}

const message = z.unknown().transform((value, context): AgUiMessage => {
  const role = typeof value === "object" && value !== null && "role" in value ? value.role : undefined;
  if (role === "activity" || role === "reasoning") {
    const aside = within(unspoken, value, context);
    return { id: aside.id, original: aside };
  }
  const said = within(spoken, value, context);
  return said === z.NEVER ? z.NEVER : { id: said.id, original: value as object, input: inputOf(said) };
});

const resumeEntry = z.looseObject({
  interruptId: z.string(),
  status: z.enum(["resolved", "cancelled"]),
  payload: z.unknown().optional(),
});

export type ResumeEntry = z.output<typeof resumeEntry>;

const MAX_RESUME_ENTRIES = 64;

export const runInput = z.looseObject({
  threadId: id,
  runId: id,
  messages: listOf(message),
  tools: maybe(listOf(z.unknown())),
  context: maybe(listOf(z.unknown())),
  resume: maybe(listOf(resumeEntry, MAX_RESUME_ENTRIES)),
});

export type RunInput = z.output<typeof runInput>;

/** What the handler gets: messages as backends take them, and the rest of what AG-UI says about a run. */
export function handlerInput(run: RunInput): object {
  const { messages, resume: _, ...rest } = run;
  return { ...rest, messages: messages.flatMap(({ input }) => (input === undefined ? [] : [input])) };
}

function inputOf({ role, content, toolCalls, toolCallId }: z.output<typeof spoken>): InputMessage {
  switch (role) {
    case "assistant":
      return { role, content, ...(toolCalls === undefined ? {} : { tool_calls: toolCalls.map(callOf) }) };
    case "tool":
      return { role: "user", content, ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }) };
    case "user":
      return { role, content };
    default:
      return { role: "system", content };
  }
}

function callOf({ id: callId, function: { name, arguments: args } }: z.output<typeof toolCall>) {
  return { id: callId, type: "function" as const, function: { name, arguments: args } };
}
