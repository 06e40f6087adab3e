/** The frames of the SDK's `WebSocketChatTransport`. */
import type { Chunk } from "@tachikoma/protocol";
import { isNestedDeeperThan, MAX_ID_CHARS, MAX_NESTING_LEVELS } from "@tachikoma/protocol";

type Fields = Readonly<Record<string, unknown>>;

export interface SendFrame {
  readonly type: "send";
  readonly requestId: string;
  readonly id: unknown;
  readonly trigger: unknown;
  readonly messageId: unknown;
  readonly messages: unknown;
  readonly body: Fields;
  readonly metadata: unknown;
}

export interface ResumeFrame {
  readonly type: "resume";
  readonly requestId: string;
  readonly id: unknown;
  /** Of the last chunk that the client has of the answer; without it the answer is given from its beginning. */
  readonly lastSequence: number | undefined;
}

export interface AbortFrame {
  readonly type: "abort";
  readonly requestId: string;
}

export type ClientFrame = SendFrame | ResumeFrame | AbortFrame;

export type ServerFrame =
  | { readonly type: "start" | "end" | "no-active"; readonly requestId: string }
  | { readonly type: "chunk"; readonly requestId: string; readonly sequence: number; readonly chunk: Chunk }
  | { readonly type: "error"; readonly requestId: string; readonly errorText: string };

export type ReadFrame =
  | { readonly frame: ClientFrame }
  /** `requestId` where the frame has one that can be answered. */
  | { readonly fault: string; readonly requestId: string | undefined };

/** Reads what a client sent. What the fields of a `send` mean is looked at where they are used. */
export function readClientFrame(text: string): ReadFrame {
  const fields = parsed(text);
  if (fields === undefined) return { fault: "The frame is not a JSON object", requestId: undefined };
  const { type, requestId, id, lastSequence, trigger, messageId, messages, metadata, body = {} } = fields;
  if (typeof requestId !== "string" || requestId === "" || requestId.length > MAX_ID_CHARS) {
    return { fault: `requestId is not a text of 1 to ${MAX_ID_CHARS} characters`, requestId: undefined };
  }
  const fault = (what: string): ReadFrame => ({ fault: what, requestId });
  if (type === "abort") return { frame: { type, requestId } };
  if (!isFields(body)) return fault("body is not an object");
  if (type === "send") {
    return { frame: { type, requestId, id, trigger, messageId, messages, body, metadata } };
  }
  if (type !== "resume") return fault(`type is ${shown(type)}; it must be send, resume or abort`);
  if (lastSequence === undefined || lastSequence === null) {
    return { frame: { type, requestId, id, lastSequence: undefined } };
  }
  if (typeof lastSequence !== "number" || !Number.isSafeInteger(lastSequence) || lastSequence < 0) {
    return fault(`lastSequence is ${shown(lastSequence)}; it must be an integer from 0 on`);
  }
  return { frame: { type, requestId, id, lastSequence } };
}

function parsed(text: string): Fields | undefined {
  if (isNestedDeeperThan(text, MAX_NESTING_LEVELS)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "missing").slice(0, 40);
}
