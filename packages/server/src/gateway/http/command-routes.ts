/**
 * `/api/commands`: what a client asks for over plain HTTP, in the words of the WebSocket.
 *
 *   without a connection      one command; its receipt is the answer
 *   ?connection_id=ID         messages for a connection over `/events`, which answers them; here they are only taken
 */
import {
  type ClientMessage,
  type ClientMessageOf,
  ERRORS,
  type ErrorEntry,
  encodeMessage,
  errorCodeOf,
  formatPosition,
  MAX_NESTING_LEVELS,
  type ServerMessageOf,
  TachikomaError,
} from "@tachikoma/protocol";
import { decodeClientMessage } from "@tachikoma/protocol/schema";
import type { GivenCommand } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { idParameter } from "../id-parameter.ts";
import { readJsonBody } from "./json-body.ts";
import type { Route, RouteRequest, RouteResponse } from "./route.ts";

export const commandRoutes: readonly Route[] = [
  { method: "POST", path: "/api/commands", answer: postCommands },
];

/** Messages that one request may bring for a connection. */
const MAX_POSTED_MESSAGES = 256;
/** Messages may be gathered up to here, however small the limit of each is. */
const GATHERED_BYTES = 512 * 1024;
/** How long a request waits for the final receipt at most; then it gets the one that there is. */
const MAX_WAIT_MS = 30_000;

type Receipt = Omit<ServerMessageOf<"receipt">, "type" | "ref">;

function postCommands(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const connectionId = idParameter(request.url, "connection_id");
  return connectionId === undefined ? carryOut(core, request) : passOn(core, request, connectionId);
}

async function passOn(
  core: SessionServer,
  { url, incoming, maxBodyBytes, credential }: RouteRequest,
  connectionId: string,
): Promise<RouteResponse> {
  const seq = seqOf(url);
  const body = await readJsonBody(incoming, maxBodyBytes + GATHERED_BYTES, MAX_NESTING_LEVELS + 1);
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (messages.length > MAX_POSTED_MESSAGES) {
    throw invalid(`The body has ${messages.length} messages, the limit is ${MAX_POSTED_MESSAGES}`);
  }
  const texts = messages.map((message) => JSON.stringify(message));
  checkSizes(texts, maxBodyBytes);
  await core.posted.post({ credential, connectionId, texts, seq });
  return { status: 202 };
}

function checkSizes(texts: readonly string[], maxBytes: number): void {
  for (const text of texts) {
    const byteCount = Buffer.byteLength(text);
    if (byteCount <= maxBytes) continue;
    const limit = `${byteCount} bytes, the limit is ${maxBytes}`;
    throw new TachikomaError("MESSAGE_TOO_LARGE", `A message has ${limit}`);
  }
}

async function carryOut(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const isPatient = isWaiting(request.url);
  const body = await readJsonBody(request.incoming, request.maxBodyBytes);
  const decoded = decodeClientMessage(JSON.stringify(body));
  if (!decoded.ok) throw invalid(decoded.detail);
  const { message } = decoded;
  if (message.type === "signal") {
    await core.requests.signal(request.identity, message);
    return { status: 204 };
  }
  if (!isCommand(message)) throw invalid(`${message.type} needs a connection: name it by connection_id`);
  const receipt = await receiptOf(core, request, message, isPatient).catch(rejection);
  const json = encodeMessage({ type: "receipt", ref: message.id, ...receipt });
  return { status: statusOf(receipt), json };
}

type Command = ClientMessageOf<"publish" | "execute" | "cancel" | "input">;

const COMMAND_TYPES: ReadonlySet<string> = new Set(["publish", "execute", "cancel", "input"]);

function isCommand(message: ClientMessage): message is Command {
  return COMMAND_TYPES.has(message.type);
}

async function receiptOf(
  { requests }: SessionServer,
  { identity }: RouteRequest,
  message: Command,
  isPatient: boolean,
): Promise<Receipt> {
  const commandId = message.id;
  const outcomeOf = (given: GivenCommand) =>
    isPatient ? requests.finalWithin(given, MAX_WAIT_MS) : given.receipt;
  switch (message.type) {
    case "publish":
      return { status: "applied", position: await requests.publish(identity, { ...message, commandId }) };
    case "execute": {
      const { executionId, channel, before } = await requests.execute(identity, { ...message, commandId });
      return { status: "accepted", executionId, channel, position: formatPosition(before) };
    }
    case "cancel":
      return outcomeOf(await requests.cancel(identity, { ...message, commandId }));
    case "input":
      return outcomeOf(await requests.input(identity, { ...message, commandId }));
  }
}

/** What is not allowed was not stored, and is refused like any other request. */
const REFUSED: ReadonlySet<unknown> = new Set(["FORBIDDEN", "INVALID_CHANNEL", undefined]);

function rejection(cause: unknown): Receipt {
  const code = errorCodeOf(cause);
  if (code === undefined || REFUSED.has(code) || !(cause instanceof Error)) throw cause;
  return { status: "rejected", error: { code, message: cause.message } };
}

function statusOf({ status, error }: Receipt): number {
  if (status === "accepted") return 202;
  if (error === undefined) return 200;
  const code = errorCodeOf(error);
  const entry: ErrorEntry | undefined = code === undefined ? undefined : ERRORS[code];
  return entry?.httpStatus ?? 409;
}

function isWaiting(url: URL): boolean {
  const wait = url.searchParams.get("wait") ?? "";
  if (wait === "" || wait === "final") return wait === "final";
  throw invalid(`wait is ${JSON.stringify(wait.slice(0, 20))}, it can be "final"`);
}

function seqOf(url: URL): number | undefined {
  const text = url.searchParams.get("seq") ?? "";
  if (text === "") return undefined;
  const seq = Number(text);
  if (Number.isSafeInteger(seq) && seq >= 1) return seq;
  throw invalid(`seq is ${JSON.stringify(text.slice(0, 20))}, allowed are whole numbers from 1`);
}

function invalid(text: string): TachikomaError {
  return new TachikomaError("INVALID_MESSAGE", text);
}
