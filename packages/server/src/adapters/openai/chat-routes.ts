/** `POST /v1/chat/completions`: each request is an execution in a channel of its own, which outlives the request. */
import { type FoldedMessage, isToolPart, type ToolPart, textOf, type Usage } from "@tachikoma/protocol";
import type { ClaimedExecution } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import type { Route, RouteRequest, RouteResponse } from "../../gateway/http/route.ts";
import { type ExecutionReading, executionFrames } from "../execution/execution-frames.ts";
import { foldedExecution } from "../execution/folded-execution.ts";
import { readBody } from "../execution/request-body.ts";
import { commandIdOf, onUnwatchedOf } from "../execution/request-options.ts";
import { SSE_HEADERS, SSE_KEEP_ALIVE, sseData } from "../execution/server-sent-events.ts";
import { readAttempt, withStarted } from "../execution/started-execution.ts";
import { chatRequest } from "./chat-request.ts";
import { ChatTranslation, FINISH_REASONS } from "./chat-translation.ts";
import { namingParameters, openAiError, openAiFailure, openAiRefusal } from "./openai-error.ts";
import { completionUsage } from "./openai-usage.ts";

export const chatRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/chat/completions",
    answer: namingParameters(complete),
    refusalJson: openAiRefusal,
  },
];

/** What stands in every chunk, and in the whole. */
interface Completion {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

async function complete(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, signal, url } = request;
  const { model, input, isStream, isUsageAsked } = await readBody(request, chatRequest);
  const execution = {
    commandId: commandIdOf(request, "chat"),
    handler: model,
    input,
    onUnwatched: onUnwatchedOf(url),
  };
  return withStarted(core, identity, execution, async (started) => {
    const completion = completionOf(started, model);
    const { reader } = await readAttempt(core, identity, started, "merged");
    const reading = { reader, executionId: started.executionId, signal };
    if (!isStream) return whole(completion, reading);
    return {
      status: 200,
      headers: { ...SSE_HEADERS, "x-request-id": started.executionId },
      stream: chunks(completion, reading, isUsageAsked),
      keepAlive: SSE_KEEP_ALIVE,
    };
  });
}

function completionOf({ executionId }: ClaimedExecution, model: string): Completion {
  return { id: `chatcmpl-${executionId}`, created: Math.floor(Date.now() / 1_000), model };
}

async function* chunks(
  completion: Completion,
  reading: ExecutionReading,
  isUsageAsked: boolean,
): AsyncGenerator<string, void, undefined> {
  const translation = new ChatTranslation();
  const chunk = (choices: readonly object[], usage: Usage | null = null) =>
    sseData({
      ...completion,
      object: "chat.completion.chunk",
      choices,
      ...(isUsageAsked ? { usage: usage === null ? null : completionUsage(usage) } : {}),
    });
  yield chunk([choice({ role: "assistant", content: "" })]);
  for await (const frame of executionFrames(reading)) {
    for (const delta of translation.accept(frame)) yield chunk([choice(delta)]);
    const { end } = translation;
    if (end === undefined) continue;
    if ("finishReason" in end) yield chunk([choice({}, end.finishReason)]);
    if (isUsageAsked) yield chunk([], end.usage);
    yield "fault" in end ? sseData({ error: openAiError(end.fault) }) : "data: [DONE]\n\n";
    return;
  }
}

function choice(delta: object, finishReason: string | null = null): object {
  return { index: 0, delta, logprobs: null, finish_reason: finishReason };
}

async function whole(completion: Completion, reading: ExecutionReading): Promise<RouteResponse> {
  const folded = await foldedExecution(reading);
  if ("fault" in folded) return openAiFailure(folded.fault);
  const { message, usage } = folded;
  const answer = {
    ...completion,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: messageOf(message),
        logprobs: null,
        finish_reason: FINISH_REASONS[message.finishReason ?? "stop"],
      },
    ],
    usage: completionUsage(usage),
  };
  return {
    status: 200,
    json: JSON.stringify(answer),
    headers: { "x-request-id": reading.executionId },
  };
}

function messageOf(message: FoldedMessage): object {
  const text = textOf(message);
  const reasoning = message.parts.flatMap((part) => (part.type === "reasoning" ? [part.text] : [])).join("");
  const calls = message.parts
    .filter(isToolPart)
    .filter(({ providerExecuted }) => providerExecuted !== true)
    .map(callOf);
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function callOf(part: ToolPart): object {
  const args = "input" in part ? JSON.stringify(part.input ?? {}) : part.rawInput;
  return { id: part.toolCallId, type: "function", function: { name: part.toolName, arguments: args } };
}
