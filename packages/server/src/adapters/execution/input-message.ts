/**
 * Messages of foreign forms, in the form that backends and handlers take. Content is text, or parts of which those with text have
 * the type `text` and all others stay as they came. What a tool said becomes a message of the user that carries the id of the call.
 */
import { z } from "zod";
import { listOf, textOr } from "./request-body.ts";

export interface InputMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string | readonly InputPart[];
  readonly tool_calls?: readonly InputToolCall[];
  readonly tool_call_id?: string;
}

export interface InputPart {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface InputToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** The names that text has in the content of a message. */
const TEXT_TYPES = new Set(["text", "input_text", "output_text"]);

export const partSchema = z.looseObject({ type: z.string() }).transform((value, context): InputPart => {
  const isRefusal = value.type === "refusal";
  if (!isRefusal && !TEXT_TYPES.has(value.type)) return value;
  const field = isRefusal ? "refusal" : "text";
  const text = value[field];
  if (typeof text === "string") return { type: "text", text };
  context.addIssue({ code: "custom", path: [field], message: "must be text" });
  return z.NEVER;
});

/** Text or parts; `null` reads as no text. */
export const contentSchema = textOr(listOf(partSchema).nullish()).transform((content) => content ?? "");
