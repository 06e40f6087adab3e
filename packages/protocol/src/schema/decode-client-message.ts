import type { z } from "zod";
import { fromWireNames } from "../wire-names.ts";
import { type ClientMessage, clientMessage } from "./client-messages.ts";

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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: "INVALID_MESSAGE", detail: "Message is not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, code: "INVALID_MESSAGE", detail: "Message is not a JSON object" };
  }
  const ref = readableId(value);
  const refusal = ref === undefined ? {} : { ref };
  const type = "type" in value ? value.type : undefined;
  if (typeof type !== "string") {
    return { ok: false, code: "INVALID_MESSAGE", detail: "Message has no type", ...refusal };
  }
  if (!KNOWN_TYPES.has(type)) {
    return { ok: false, code: "UNKNOWN_TYPE", detail: `Message type ${quote(type)} is not known`, ...refusal };
  }
  const parsed = clientMessage.safeParse(fromWireNames(value));
  if (parsed.success) return { ok: true, message: parsed.data };
  return { ok: false, code: "INVALID_MESSAGE", detail: describe(type, parsed.error), ...refusal };
}

function readableId(value: object): string | undefined {
  return "id" in value && typeof value.id === "string" && value.id.length <= 128 ? value.id : undefined;
}

function describe(type: string, error: z.ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.join(".") ?? "";
  return path === "" ? `${type}: ${issue?.message}` : `${type}.${path}: ${issue?.message}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
