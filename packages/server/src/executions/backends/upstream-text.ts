import { asObject, type JsonObject, textAt } from "./json-fields.ts";

/** Turns what an endpoint said about an error into something that may be shown. */
export type CleanText = (text: string) => string;

const MAX_SHOWN_CHARS = 300;
/** Replacing shorter ones would tear ordinary words apart; no real key is that short. */
const MIN_SECRET_CHARS = 6;
/** Keys that endpoints like to quote, and credentials in general. */
const LOOKS_SECRET = /\bsk-[\w*-]{6,}|\bBearer\s+[\w.~+/=*-]+/gi;
const REDACTED = "[redacted]";

/** Takes out the secrets, everything unprintable, and whatever is too long. */
export function textCleaner(secrets: readonly string[]): CleanText {
  const known = secrets.filter((secret) => secret.length >= MIN_SECRET_CHARS);
  return (text) => {
    const open = known.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
    const line = open
      .replace(LOOKS_SECRET, REDACTED)
      .replace(/[\p{C}\s]+/gu, " ")
      .trim();
    return line.length <= MAX_SHOWN_CHARS ? line : `${line.slice(0, MAX_SHOWN_CHARS).trimEnd()}…`;
  };
}

export interface ErrorBody {
  /** The most telling name of the error: its code, else its type. */
  readonly type: string;
  readonly text: string;
}

/** `{"error": {"message", "type", "code"}}` and its variations: `{"error": "text"}`, `{"message": "text"}`. */
export function readErrorBody(body: unknown, clean: CleanText): ErrorBody {
  const outer = asObject(body);
  if (outer === undefined) return { type: "", text: "" };
  const inner = outer["error"];
  if (typeof inner === "string") return { type: "", text: clean(inner) };
  const error = asObject(inner) ?? outer;
  return { type: clean(errorName(error)), text: clean(textAt(error, "message") ?? "") };
}

function errorName(error: JsonObject): string {
  const code = error["code"];
  if (typeof code === "number") return String(code);
  return typeof code === "string" && code !== "" ? code : (textAt(error, "type") ?? "");
}
