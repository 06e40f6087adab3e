/** `/api/channels/:channel/messages`: publishing and reading back over plain HTTP, with the positions of the WebSocket. */
import { formatPosition, MAX_ID_CHARS, TachikomaError } from "@tachikoma/protocol";
import { buildPage } from "../../core/delivery/page.ts";
import type { Verb } from "../../core/identity.ts";
import { ChannelLog } from "../../core/log/channel-log.ts";
import type { Framing } from "../../core/ports.ts";
import { placeFor } from "../../core/resume-place.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { asObject, readJsonBody } from "./json-body.ts";
import type { Route, RouteRequest, RouteResponse } from "./route.ts";

const PATH = "/api/channels/:channel/messages";

export const channelRoutes: readonly Route[] = [
  { method: "POST", path: PATH, answer: postMessage },
  { method: "GET", path: PATH, answer: getMessages },
];

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const MAX_PAGE_BYTES = 1024 * 1024;

/** One JSON text after the other, for a page that is an answer and not a frame. */
const jsonFraming: Framing = { id: "json", frame: (text) => Buffer.from(`${text},`) };

async function postMessage(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const channel = await allowedChannel(core, request, "publish");
  const body = asObject(await readJsonBody(request.incoming, request.maxBodyBytes));
  if (!("data" in body)) throw new TachikomaError("INVALID_MESSAGE", "The body has no data");
  const { id } = body;
  if (id !== undefined && (typeof id !== "string" || id === "" || id.length > MAX_ID_CHARS)) {
    throw new TachikomaError("INVALID_MESSAGE", `id is not a text of 1 to ${MAX_ID_CHARS} characters`);
  }
  const { tenant, clientId } = request.identity;
  const position = await core.publish({
    tenant,
    channel,
    data: body["data"],
    sender: clientId,
    commandId: id,
  });
  return { status: 200, json: JSON.stringify({ position }) };
}

async function getMessages(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const channel = await allowedChannel(core, request, "history");
  const limit = limitOf(request.url);
  const key = { tenant: request.identity.tenant, channel };
  const state = await core.hub.state(key);
  const position = request.url.searchParams.get("after") || undefined;
  const place = await placeFor(core.hub, key, { head: state.head, state }, { position, since: "start" });
  const read = await core.hub.read(key, place.from.seq, limit, MAX_PAGE_BYTES);
  const records = read?.records ?? [];
  const head = read?.state.head ?? state.head;
  const last = records.at(-1);
  const end = last === undefined ? place.from : { epoch: head.epoch, seq: last.seq, tag: last.tag };
  const answer = {
    channel,
    position: formatPosition(end),
    has_more: end.seq < head.seq,
    ...(place.resetReason === undefined ? {} : { reset: place.resetReason }),
  };
  const texts =
    records.length === 0 ? "" : recordTexts(new ChannelLog(key, { base: head, head }, NO_RING, 0), records);
  return { status: 200, json: `{"records":[${texts}],${JSON.stringify(answer).slice(1)}` };
}

const NO_RING = { maxRecords: 0, maxBytes: 0 };

type Records = Parameters<typeof buildPage>[1];

/** The records as the WebSocket would send them, adjacent deltas merged. */
function recordTexts(log: ChannelLog, records: Records): string {
  const reader = { sessionId: "", transport: { framing: jsonFraming } };
  const page = buildPage(log, records, reader, Number.POSITIVE_INFINITY);
  return Buffer.from(page.bytes).toString("utf8").slice(0, -1);
}

async function allowedChannel(core: SessionServer, request: RouteRequest, verb: Verb): Promise<string> {
  const channel = request.parameters["channel"] ?? "";
  await core.requests.require(request.identity, verb, channel);
  return channel;
}

function limitOf(url: URL): number {
  const text = url.searchParams.get("limit");
  if (text === null) return DEFAULT_LIMIT;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new TachikomaError(
    "INVALID_MESSAGE",
    `limit is ${JSON.stringify(text.slice(0, 20))}, allowed are 1 to ${MAX_LIMIT}`,
  );
}
