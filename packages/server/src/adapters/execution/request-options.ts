/** What a request may say beside its body: what becomes of it when nobody watches, and the id that makes it safe to repeat. */
import { randomUUID } from "node:crypto";
import { MAX_CANCEL_AFTER_SECS, type OnUnwatched, TachikomaError } from "@tachikoma/protocol";
import type { RouteRequest } from "../../gateway/http/route.ts";

const MAX_KEY_CHARS = 100;
const KEY_PATTERN = /^[\x21-\x7e]+$/;
const SHOWN_CHARS = 40;

/** `?on_unwatched=keep`, `cancel`, or a number of seconds. @default "keep" */
export function onUnwatchedOf(url: URL): OnUnwatched {
  const text = url.searchParams.get("on_unwatched") ?? "keep";
  if (text === "keep" || text === "cancel") return text;
  const cancelAfter = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (cancelAfter >= 1 && cancelAfter <= MAX_CANCEL_AFTER_SECS) return { cancelAfter };
  throw new TachikomaError(
    "INVALID_MESSAGE",
    `on_unwatched is ${shown(text)}; it must be keep, cancel, or 1 to ${MAX_CANCEL_AFTER_SECS} seconds`,
  );
}

/** The command id of a request: its `Idempotency-Key` where it has one. Each kind of request has ids of its own. */
export function commandIdOf(request: RouteRequest, kind: string): string {
  const key = request.incoming.headers["idempotency-key"];
  if (key === undefined) return `${kind}:${randomUUID()}`;
  const text = String(key);
  if (text.length <= MAX_KEY_CHARS && KEY_PATTERN.test(text)) return `${kind}:${text}`;
  throw new TachikomaError(
    "INVALID_MESSAGE",
    `Idempotency-Key is ${shown(text)}; it must have 1 to ${MAX_KEY_CHARS} characters, none of them white space`,
  );
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_CHARS));
}
