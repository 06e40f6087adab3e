/** `POST /api/chat` and what belongs to it: what a stock `useChat` asks of its server. */
import { randomUUID } from "node:crypto";
import { MAX_ID_CHARS, TachikomaError } from "@tachikoma/protocol";
import type { GivenCommand } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { asObject, readJsonBody } from "../../gateway/http/json-body.ts";
import type { Route, RouteRequest, RouteResponse } from "../../gateway/http/route.ts";
import type { Answer } from "./answer.ts";
import { readChatId, readChatRequest } from "./chat-request.ts";
import { Chats } from "./chats.ts";
import { commandIdFor } from "./command-id.ts";
import { EVENT_STREAM_HEADERS, EVENT_STREAM_KEEP_ALIVE, eventStream } from "./event-stream.ts";
import { noteNextRequest, watchForLateCut } from "./late-cut.ts";
import { unwatchedParameter } from "./unwatched-parameter.ts";

export const aiSdkRoutes: readonly Route[] = [
  { method: "POST", path: "/api/chat", answer: postChat },
  { method: "GET", path: "/api/chat/:id/stream", answer: getStream },
  { method: "POST", path: "/api/chat/:id/stop", answer: postStop },
  { method: "POST", path: "/api/chat/:id/input", answer: postInput },
];

async function postChat(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { url, identity } = request;
  const onUnwatched = unwatchedParameter(url);
  const fields = asObject(await readJsonBody(request.incoming, request.maxBodyBytes));
  const { id, messages, trigger, messageId, ...body } = fields;
  const handler = url.searchParams.get("handler") ?? undefined;
  const chat = readChatRequest({ id, messages, trigger, messageId, body, handler });
  const commandId = commandIdFor(chat, idempotencyKeyOf(request));
  const answer = await Chats.of(core).start(identity, chat, { commandId, onUnwatched });
  return streamOf(core, request, answer);
}

async function getStream(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const answer = await Chats.of(core).resume(request.identity, chatIdOf(request));
  return answer === undefined ? { status: 204 } : streamOf(core, request, answer);
}

async function postStop(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  return receiptOf(await Chats.of(core).stop(request.identity, chatIdOf(request)));
}

async function postInput(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const chatId = chatIdOf(request);
  const body = asObject(await readJsonBody(request.incoming, request.maxBodyBytes));
  if (!("data" in body)) throw new TachikomaError("INVALID_MESSAGE", "The body has no data");
  const commandId = idempotencyKeyOf(request) ?? randomUUID();
  return receiptOf(await Chats.of(core).input(request.identity, chatId, body["data"], commandId));
}

function streamOf(core: SessionServer, request: RouteRequest, answer: Answer): RouteResponse {
  const { identity, signal, incoming } = request;
  const { ends } = Chats.of(core);
  const { channel, executionId } = answer;
  const reader = { ...identity, channel };
  const { socket } = incoming;
  noteNextRequest(socket);
  return {
    status: 200,
    headers: { ...EVENT_STREAM_HEADERS, "x-tachikoma-execution-id": executionId },
    keepAlive: EVENT_STREAM_KEEP_ALIVE,
    stream: eventStream(answer, signal, (isGiven) => {
      if (!isGiven) return ends.noteCut(reader, executionId);
      ends.noteGiven(reader, executionId);
      watchForLateCut(socket, () => ends.noteCut(reader, executionId));
    }),
  };
}

/** As on the WebSocket. A rejection is an answer like any other: the request itself was in order. */
function receiptOf({ receipt }: GivenCommand): RouteResponse {
  const { status, executionId, channel, error } = receipt;
  return {
    status: 200,
    json: JSON.stringify({ type: "receipt", status, execution_id: executionId, channel, error }),
  };
}

function chatIdOf({ parameters }: RouteRequest): string {
  return readChatId(parameters["id"]);
}

function idempotencyKeyOf({ incoming }: RouteRequest): string | undefined {
  const key = incoming.headers["idempotency-key"];
  if (key === undefined || key === "") return undefined;
  if (typeof key === "string" && key.length <= MAX_ID_CHARS) return key;
  throw new TachikomaError(
    "INVALID_MESSAGE",
    `Idempotency-Key is not a text of 1 to ${MAX_ID_CHARS} characters`,
  );
}
