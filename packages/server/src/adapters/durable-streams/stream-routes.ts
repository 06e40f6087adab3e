/** The methods of `/v1/stream/*`: what each request asks for, and the answer in the headers of the protocol. */
import type { TLSSocket } from "node:tls";
import type { Requests } from "../../core/requests/requests.ts";
import { readBody } from "../../gateway/http/json-body.ts";
import type { RouteRequest, RouteResponse, WholeResponse } from "../../gateway/http/route.ts";
import {
  CLOSED,
  EXPIRES_AT,
  NEXT_OFFSET,
  PRODUCER_EPOCH,
  PRODUCER_SEQ,
  SECURITY_HEADERS,
  TTL,
} from "./header-names.ts";
import { formatOffset, parseOffset } from "./offset.ts";
import { piecesOf } from "./request-content.ts";
import { badRequest } from "./stream-fault.ts";
import { contentTypeOf, forkOf, isClosing, lifetimeOf, producerOf, streamSeqOf } from "./stream-headers.ts";
import type { StreamName } from "./stream-logs.ts";
import { permissionChannel, streamPath } from "./stream-path.ts";
import type { StreamReads } from "./stream-reads.ts";
import type { Appended, StreamService } from "./stream-service.ts";
import type { StreamState } from "./stream-state.ts";

export interface StreamParts {
  readonly service: StreamService;
  readonly reads: StreamReads;
  readonly requests: Requests;
}

export async function putStream(parts: StreamParts, request: RouteRequest): Promise<RouteResponse> {
  const name = await allowed(parts, request, "publish");
  const { headers } = request.incoming;
  const contentType = contentTypeOf(headers);
  const lifetime = lifetimeOf(headers);
  const asked = forkOf(headers);
  const fork = asked && { ...asked, sourcePath: await readableSource(parts, request, asked.from) };
  const body = await readBody(request.incoming, request.maxBodyBytes);
  const { state, isNew } = await parts.service.create(name, {
    contentType,
    lifetime,
    isClosed: isClosing(headers),
    fork,
    pieces: (type) => piecesOf(body, type),
  });
  return {
    status: isNew ? 201 : 200,
    headers: {
      ...SECURITY_HEADERS,
      ...stateHeaders(state),
      "content-type": state.config.contentType,
      ...(isNew ? { location: locationOf(request) } : {}),
    },
  };
}

export async function postStream(parts: StreamParts, request: RouteRequest): Promise<RouteResponse> {
  const name = await allowed(parts, request, "publish");
  const { headers } = request.incoming;
  const contentType = contentTypeOf(headers);
  const [producer, streamSeq, isToClose] = [producerOf(headers), streamSeqOf(headers), isClosing(headers)];
  const body = await readBody(request.incoming, request.maxBodyBytes);
  const isEmpty = body.length === 0;
  if (isEmpty && !isToClose) throw badRequest("The body is empty: there is nothing to append");
  if (!isEmpty && contentType === undefined) throw badRequest("Content-Type is missing");
  const pieces = isEmpty ? [] : piecesOf(body, contentType!);
  if (!isEmpty && pieces.length === 0) throw badRequest("The array is empty: there is nothing to append");
  const appended = await parts.service.append(name, {
    producer,
    streamSeq,
    isClosing: isToClose,
    contentType: isEmpty ? undefined : contentType,
    byteCount: body.length,
    pieces,
  });
  const isNews = appended.decision === "append" && producer !== undefined && !isEmpty;
  return {
    status: isNews ? 200 : 204,
    headers: { ...SECURITY_HEADERS, ...appendedHeaders(appended, producer) },
  };
}

export async function getStream(parts: StreamParts, request: RouteRequest): Promise<RouteResponse> {
  const { searchParams } = request.url;
  const live = searchParams.get("live");
  const name = await allowed(parts, request, live === null ? "history" : "subscribe");
  const offsets = searchParams.getAll("offset");
  if (offsets.length > 1) throw badRequest(`offset is given ${offsets.length} times`);
  if (live !== null && offsets.length === 0) throw badRequest("A live read needs an offset");
  const read = {
    name,
    offset: parseOffset(offsets[0] ?? "-1"),
    cursor: searchParams.get("cursor") ?? undefined,
    ifNoneMatch: request.incoming.headers["if-none-match"],
    signal: request.signal,
  };
  switch (live) {
    case null:
      return parts.reads.catchUp(read);
    case "long-poll":
      return parts.reads.longPoll(read);
    case "sse":
      return parts.reads.events(read);
    default:
      throw badRequest(`live is ${JSON.stringify(live.slice(0, 20))}, allowed are long-poll and sse`);
  }
}

export async function headStream(parts: StreamParts, request: RouteRequest): Promise<RouteResponse> {
  const name = await allowed(parts, request, "history");
  const { state } = await parts.service.look(name);
  const { contentType, ttlSecs, expiresAt } = state.config;
  return {
    status: 200,
    headers: {
      ...SECURITY_HEADERS,
      ...stateHeaders(state),
      "content-type": contentType,
      "cache-control": "no-store",
      ...(ttlSecs === undefined ? {} : { [TTL]: String(ttlSecs) }),
      ...(expiresAt === undefined ? {} : { [EXPIRES_AT]: expiresAt }),
    },
  };
}

export async function deleteStream(parts: StreamParts, request: RouteRequest): Promise<WholeResponse> {
  await parts.service.delete(await allowed(parts, request, "publish"));
  return { status: 204, headers: SECURITY_HEADERS };
}

async function allowed(
  { requests }: StreamParts,
  { identity, url }: RouteRequest,
  verb: "publish" | "history" | "subscribe",
): Promise<StreamName> {
  const path = streamPath(url.pathname);
  await requests.require(identity, verb, permissionChannel(path));
  return { tenant: identity.tenant, path };
}

/** A fork shows what its source holds: whoever makes one has to be allowed to read that. */
async function readableSource({ requests }: StreamParts, { identity }: RouteRequest, from: string) {
  const url = URL.parse(from, "http://localhost");
  if (url === null) throw badRequest("Stream-Forked-From is not the path of a stream");
  const path = streamPath(url.pathname);
  await requests.require(identity, "history", permissionChannel(path));
  return path;
}

function stateHeaders({ tail, isClosed }: StreamState): Record<string, string> {
  return { [NEXT_OFFSET]: formatOffset(tail), ...(isClosed ? { [CLOSED]: "true" } : {}) };
}

function appendedHeaders(
  { state }: Appended,
  producer: ReturnType<typeof producerOf>,
): Record<string, string> {
  const known = producer && state.producers.get(producer.id);
  return {
    ...stateHeaders(state),
    ...(known && { [PRODUCER_EPOCH]: String(known.epoch), [PRODUCER_SEQ]: String(known.seq) }),
  };
}

function locationOf({ incoming, url }: RouteRequest): string {
  const scheme = (incoming.socket as Partial<TLSSocket>).encrypted === true ? "https" : "http";
  return `${scheme}://${incoming.headers.host ?? "localhost"}${url.pathname}`;
}
