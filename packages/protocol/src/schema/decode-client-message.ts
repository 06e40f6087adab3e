import type { z } from "zod";
import { MAX_NESTING_LEVELS } from "../limits.ts";
import { isNestedDeeperThan } from "../nesting.ts";
import { fromWireNames } from "../wire-names.ts";
import { type ClientMessage, clientMessage } from "./client-messages.ts";
import { requestId } from "./common.ts";

/** Longest part of a refusal that quotes the message, in characters. */
const MAX_DETAIL_CHARS = 200;
const MAX_QUOTED_CHARS = 40;

export type DecodedClientMessage =
  | { readonly ok: true; readonly message: ClientMessage }
  | {
      readonly ok: false;
      readonly code: "INVALID_MESSAGE" | "UNKNOWN_TYPE";
      readonly detail: string;
      /** Id of the request that was refused, where it could be read. */
      readonly ref?: string;
    };

const KNOWN_TYPES: ReadonlySet<unknown> = new Set(
  clientMessage.options.map((option) => option.shape.type.value),
);

/** Reads one text frame from a client. Never throws: what cannot be read is described. */
export function decodeClientMessage(text: string): DecodedClientMessage {
  if (isNestedDeeperThan(text, MAX_NESTING_LEVELS)) {
    const detail = `Message is nested in more than ${MAX_NESTING_LEVELS} levels`;
    return { ok: false, code: "INVALID_MESSAGE", detail };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: "INVALID_MESSAGE", detail: "Message is not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, code: "INVALID_MESSAGE", detail: "Message is not a JSON object" };
  }
  return decodeEnvelope(value);
}

function decodeEnvelope(value: object): DecodedClientMessage {
  const ref = readableId(value);
  const refusal = ref === undefined ? {} : { ref };
  const type = "type" in value ? value.type : undefined;
  if (typeof type !== "string") {
    return { ok: false, code: "INVALID_MESSAGE", detail: "Message has no type", ...refusal };
  }
  if (!KNOWN_TYPES.has(type)) {
    return {
      ok: false,
      code: "UNKNOWN_TYPE",
      detail: `Message type ${quote(type)} is not known`,
      ...refusal,
    };
  }
  const parsed = clientMessage.safeParse(fromWireNames(value));
  if (parsed.success) return { ok: true, message: parsed.data };
  return { ok: false, code: "INVALID_MESSAGE", detail: describe(type, parsed.error), ...refusal };
}

function readableId(value: object): string | undefined {
  const id = "id" in value ? value.id : undefined;
  return requestId.safeParse(id).success ? (id as string) : undefined;
}

function describe(type: string, error: z.ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.join(".") ?? "";
  return shorten(
    path === "" ? `${type}: ${issue?.message}` : `${type}.${path}: ${issue?.message}`,
    MAX_DETAIL_CHARS,
  );
}

function quote(text: string): string {
  return JSON.stringify(shorten(text, MAX_QUOTED_CHARS));
}

function shorten(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}...` : text;
}
