/** `POST /v1/messages`: Anthropic's Messages API. `model` names a handler, and each request is an execution of its own. */
import { type FoldedMessage, isToolPart, type MessagePart } from "@tachikoma/protocol";
import type { SessionServer } from "../../core/session-server.ts";
import type { Route, RouteRequest, RouteResponse } from "../../gateway/http/route.ts";
import { type ExecutionReading, executionFrames } from "../execution/execution-frames.ts";
import { foldedExecution } from "../execution/folded-execution.ts";
import { readBody } from "../execution/request-body.ts";
import { commandIdOf, onUnwatchedOf } from "../execution/request-options.ts";
import { SSE_HEADERS, SSE_KEEP_ALIVE, sseEvent } from "../execution/server-sent-events.ts";
import { readAttempt, withStarted } from "../execution/started-execution.ts";
import { anthropicError, anthropicRefusal } from "./anthropic-error.ts";
import { MessageTranslation, messageUsage, STOP_REASONS } from "./message-translation.ts";
import { messagesRequest } from "./messages-request.ts";

export const anthropicRoutes: readonly Route[] = [
  { method: "POST", path: "/v1/messages", answer: createMessage, refusalJson: anthropicRefusal },
];

const PING = { ...SSE_KEEP_ALIVE, text: sseEvent("ping", { type: "ping" }) };

async function createMessage(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, signal, url } = request;
  const { model, input, isStream } = await readBody(request, messagesRequest);
  const execution = {
    commandId: commandIdOf(request, "messages"),
    handler: model,
    input,
    onUnwatched: onUnwatchedOf(url),
  };
  return withStarted(core, identity, execution, async (started) => {
    const { executionId } = started;
    const { reader } = await readAttempt(core, identity, started, "merged");
    const reading = { reader, executionId, signal };
    if (!isStream) return whole(model, reading);
    return {
      status: 200,
      headers: { ...SSE_HEADERS, "request-id": executionId },
      stream: events(model, reading),
      keepAlive: PING,
    };
  });
}

async function* events(model: string, reading: ExecutionReading): AsyncGenerator<string, void, undefined> {
  const translation = new MessageTranslation();
  const message = { ...messageOf(model, reading), content: [], stop_reason: null, usage: messageUsage({}) };
  yield sseEvent("message_start", { type: "message_start", message });
  for await (const frame of executionFrames(reading)) {
    for (const event of translation.accept(frame)) yield sseEvent(event.type, event);
    if (translation.isEnded) return;
  }
}

async function whole(model: string, reading: ExecutionReading): Promise<RouteResponse> {
  const folded = await foldedExecution(reading);
  if ("fault" in folded) {
    const json = JSON.stringify(anthropicError(folded.fault));
    return { status: folded.fault.httpStatus, json, headers: { "x-should-retry": "false" } };
  }
  const { message, usage } = folded;
  const answer = {
    ...messageOf(model, reading),
    content: blocksOf(message),
    stop_reason: STOP_REASONS[message.finishReason ?? "stop"],
    usage: messageUsage(usage),
  };
  return { status: 200, json: JSON.stringify(answer), headers: { "request-id": reading.executionId } };
}

function messageOf(model: string, { executionId }: ExecutionReading): object {
  return { id: `msg_${executionId}`, type: "message", role: "assistant", model, stop_sequence: null };
}

function blocksOf({ parts }: FoldedMessage): object[] {
  return parts.flatMap(blockOf);
}

function blockOf(part: MessagePart): object[] {
  if (part.type === "text") return [{ type: "text", text: part.text }];
  if (part.type === "reasoning") return [{ type: "thinking", thinking: part.text, signature: "" }];
  if (!isToolPart(part) || part.providerExecuted === true) return [];
  const input = "input" in part ? (part.input ?? {}) : {};
  return [{ type: "tool_use", id: part.toolCallId, name: part.toolName, input }];
}
