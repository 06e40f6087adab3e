import type { ServerSentEvent } from "./event-stream.ts";
import { asObject, type JsonObject } from "./json-fields.ts";
import { UpstreamError } from "./upstream-fault.ts";

/** The JSON object that an event carries. Its text is never quoted: it is part of somebody's conversation. */
export function readEventObject(event: ServerSentEvent): JsonObject {
  const object = asObject(parse(event.data));
  if (object === undefined) throw unreadable("an event is not a JSON object");
  return object;
}

export function unreadable(detail: string): UpstreamError {
  return new UpstreamError({ kind: "invalid", detail });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
