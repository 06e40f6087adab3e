/**
 * `/v1/responses`: a response is an execution in a channel of its own, and its id is that of the execution. So it goes on without
 * its request, can be read again from any event on any node, and is cancelled from anywhere.
 */
import { randomUUID } from "node:crypto";
import { parsePosition } from "@tachikoma/protocol";
import type { ClaimedExecution } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import type { Route, RouteHandler, RouteRequest, RouteResponse } from "../../gateway/http/route.ts";
import { notRetained, unknownExecution } from "../execution/execution-frames.ts";
import { InvalidParameter, readBody } from "../execution/request-body.ts";
import { commandIdOf, onUnwatchedOf } from "../execution/request-options.ts";
import { SSE_HEADERS, SSE_KEEP_ALIVE } from "../execution/server-sent-events.ts";
import { withStarted } from "../execution/started-execution.ts";
import { namingParameters, openAiRefusal } from "./openai-error.ts";
import { formerMessages } from "./response-conversation.ts";
import { responseAtEnd, responseSoFar } from "./response-reading.ts";
import {
  findResponse,
  type KnownResponse,
  keepRecord,
  RECORD_TYPE,
  type ResponseRecord,
  readRecord,
} from "./response-record.ts";
import { type ResponseRequest, responseRequest } from "./response-request.ts";
import { responseStream } from "./response-stream.ts";

export const responseRoutes: readonly Route[] = [
  route("POST", "/v1/responses", create),
  route("GET", "/v1/responses/:id", retrieve),
  route("POST", "/v1/responses/:id/cancel", cancel),
];

function route(method: Route["method"], path: string, answer: RouteHandler): Route {
  return { method, path, answer: namingParameters(answer), refusalJson: openAiRefusal };
}

async function create(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, signal, url } = request;
  const onUnwatched = onUnwatchedOf(url);
  const body = await readBody(request, responseRequest);
  checkBackground(body, onUnwatched !== "keep");
  const former =
    body.previousId === undefined ? [] : await formerMessages(core, identity, body.previousId, signal);
  const messages = [...former, ...body.messages];
  const instructions =
    body.instructions === undefined ? [] : [{ role: "system" as const, content: body.instructions }];
  const execution = {
    commandId: commandIdOf(request, "response"),
    handler: body.model,
    input: { messages: [...instructions, ...messages], parameters: body.parameters },
    onUnwatched,
    beforeStart: (claimed: ClaimedExecution) => keepRecord(core, identity, claimed, recordOf(body, messages)),
  };
  return withStarted(core, identity, execution, async (started) => {
    const response = await readRecord(core, identity, started);
    if (body.isStream) return eventsAfter(core, request, response, -1);
    const read = body.isBackground ? responseSoFar : responseAtEnd;
    return whole(response, await read(core, identity, response, signal));
  });
}

/** What asks for something that the other forbids. */
function checkBackground({ isBackground, isStored }: ResponseRequest, isCancelledUnwatched: boolean): void {
  if (!isBackground) return;
  if (!isStored)
    throw new InvalidParameter("store", "store is false, and background is true: it needs to be stored");
  if (isCancelledUnwatched) {
    throw new InvalidParameter("background", "background is true, and on_unwatched asks for a cancel");
  }
}

function recordOf(body: ResponseRequest, messages: ResponseRecord["messages"]): ResponseRecord {
  return {
    type: RECORD_TYPE,
    created_at: Math.floor(Date.now() / 1_000),
    model: body.model,
    is_background: body.isBackground,
    is_stored: body.isStored,
    instructions: body.instructions ?? null,
    previous_response_id: body.previousId ?? null,
    metadata: body.metadata,
    parameters: body.parameters,
    ...(body.isStored && messages !== undefined ? { messages } : {}),
  };
}

async function retrieve(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, signal, url, parameters } = request;
  const afterNumber = startingAfterOf(url);
  const response = await findResponse(core, identity, parameters["id"] ?? "");
  if (url.searchParams.get("stream") === "true") return eventsAfter(core, request, response, afterNumber);
  return whole(response, await responseSoFar(core, identity, response, signal));
}

/** Comes back when it has taken effect, with the response as it is then. One that has ended stays as it ended. */
async function cancel(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, signal, parameters } = request;
  const response = await findResponse(core, identity, parameters["id"] ?? "");
  const { executionId } = response;
  const { final } = await core.requests.cancel(identity, {
    commandId: `cancel:${randomUUID()}`,
    executionId,
  });
  await Promise.race([final, aborted(signal)]);
  return whole(response, await responseSoFar(core, identity, response, signal));
}

async function eventsAfter(
  core: SessionServer,
  request: RouteRequest,
  response: KnownResponse,
  afterNumber: number,
): Promise<RouteResponse> {
  const { identity, signal } = request;
  const { channel, executionId } = response;
  const begin = await core.requests.attemptBegin(identity, response);
  if (begin === undefined) throw unknownExecution(executionId);
  const { reader, position } = await core.requests.read(identity, channel, {
    since: "start",
    deltas: "single",
  });
  // The numbers of events count from the first record on.
  if (parsePosition(position)?.seq !== 0) {
    reader.close();
    throw notRetained();
  }
  return {
    status: 200,
    headers: { ...SSE_HEADERS, "x-request-id": executionId },
    stream: responseStream({
      response,
      reading: { reader, executionId, signal },
      afterNumber,
      beginSeq: begin.seq,
      headSeq: begin.headSeq,
    }),
    keepAlive: SSE_KEEP_ALIVE,
  };
}

function whole(response: KnownResponse, translation: { snapshot(): object }): RouteResponse {
  return {
    status: 200,
    json: JSON.stringify(translation.snapshot()),
    headers: { "x-request-id": response.executionId },
  };
}

function startingAfterOf(url: URL): number {
  const text = url.searchParams.get("starting_after");
  if (text === null) return -1;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new InvalidParameter(
    "starting_after",
    `starting_after is ${JSON.stringify(text.slice(0, 20))}; it must be the number of an event`,
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
