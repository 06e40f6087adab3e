/** What a request says in its headers. */
import type { IncomingHttpHeaders } from "node:http";
import { CLOSED, EXPIRES_AT, PRODUCER_EPOCH, PRODUCER_SEQ, TTL } from "./header-names.ts";
import { badRequest } from "./stream-fault.ts";

export const DEFAULT_CONTENT_TYPE = "application/octet-stream";
const MAX_CONTENT_TYPE_CHARS = 256;
const CONTENT_TYPE_PATTERN = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+ *(;[\x20-\x7e]*)?$/;
const MAX_PRODUCER_ID_CHARS = 256;
const MAX_STREAM_SEQ_CHARS = 256;
/** A hundred years. */
const MAX_TTL_SECS = 3_155_760_000;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** How long a stream is there: since it was used last, or until a moment. */
export interface Lifetime {
  readonly ttlSecs?: number;
  /** As it was given. */
  readonly expiresAt?: string;
}

export interface Producer {
  readonly id: string;
  readonly epoch: number;
  readonly seq: number;
}

export interface ForkRequest {
  /** Path of the URL of the source. */
  readonly from: string;
  readonly offset: string | undefined;
  readonly subOffset: number;
}

export function contentTypeOf(headers: IncomingHttpHeaders): string | undefined {
  const text = headers["content-type"];
  if (text === undefined || text === "") return undefined;
  if (text.length > MAX_CONTENT_TYPE_CHARS || !CONTENT_TYPE_PATTERN.test(text)) {
    throw badRequest(`Content-Type ${JSON.stringify(text.slice(0, 60))} is not a media type`);
  }
  return text;
}

/** The media type without its parameters: by it content types are compared. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(";")[0]!.trim().toLowerCase();
}

export function isJson(contentType: string): boolean {
  return mediaTypeOf(contentType) === "application/json";
}

/** Content that stands in server-sent events as it is. */
export function isTextual(contentType: string): boolean {
  return isJson(contentType) || mediaTypeOf(contentType).startsWith("text/");
}

export function isClosing(headers: IncomingHttpHeaders): boolean {
  return single(headers, CLOSED)?.toLowerCase() === "true";
}

export function streamSeqOf(headers: IncomingHttpHeaders): string | undefined {
  const text = single(headers, "stream-seq");
  if (text !== undefined && text.length > MAX_STREAM_SEQ_CHARS) {
    throw badRequest(`Stream-Seq has ${text.length} characters, allowed are ${MAX_STREAM_SEQ_CHARS}`);
  }
  return text;
}

export function lifetimeOf(headers: IncomingHttpHeaders): Lifetime {
  const [ttl, expiresAt] = [single(headers, TTL), single(headers, EXPIRES_AT)];
  if (ttl !== undefined && expiresAt !== undefined) {
    throw badRequest("Stream-TTL and Stream-Expires-At exclude each other");
  }
  if (ttl !== undefined) return { ttlSecs: ttlOf(ttl) };
  if (expiresAt === undefined) return {};
  if (!RFC_3339.test(expiresAt) || !Number.isFinite(Date.parse(expiresAt))) {
    throw badRequest(`Stream-Expires-At ${JSON.stringify(expiresAt.slice(0, 60))} is no time of RFC 3339`);
  }
  return { expiresAt };
}

function ttlOf(text: string): number {
  const ttlSecs = numberOf(text, "Stream-TTL");
  if (ttlSecs <= MAX_TTL_SECS) return ttlSecs;
  throw badRequest(`Stream-TTL is ${ttlSecs} seconds, allowed are ${MAX_TTL_SECS}`);
}

export function producerOf(headers: IncomingHttpHeaders): Producer | undefined {
  const id = single(headers, "producer-id");
  const [epoch, seq] = [single(headers, PRODUCER_EPOCH), single(headers, PRODUCER_SEQ)];
  if (id === undefined && epoch === undefined && seq === undefined) return undefined;
  if (id === undefined || epoch === undefined || seq === undefined) {
    throw badRequest("Producer-Id, Producer-Epoch and Producer-Seq belong together");
  }
  if (id === "" || id.length > MAX_PRODUCER_ID_CHARS) {
    throw badRequest(`Producer-Id has ${id.length} characters, allowed are 1 to ${MAX_PRODUCER_ID_CHARS}`);
  }
  return { id, epoch: numberOf(epoch, "Producer-Epoch"), seq: numberOf(seq, "Producer-Seq") };
}

export function forkOf(headers: IncomingHttpHeaders): ForkRequest | undefined {
  const from = single(headers, "stream-forked-from");
  const offset = single(headers, "stream-fork-offset");
  const sub = single(headers, "stream-fork-sub-offset");
  const subOffset = sub === undefined ? 0 : numberOf(sub, "Stream-Fork-Sub-Offset");
  if (from === undefined) {
    if (offset === undefined && sub === undefined) return undefined;
    throw badRequest("Stream-Fork-Offset and Stream-Fork-Sub-Offset need Stream-Forked-From");
  }
  if (subOffset > 0 && offset === undefined) {
    throw badRequest("Stream-Fork-Sub-Offset needs Stream-Fork-Offset");
  }
  return { from, offset, subOffset };
}

/** A whole number as the protocol writes them: digits without a leading zero. */
function numberOf(text: string, name: string): number {
  const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw badRequest(`${name} is ${JSON.stringify(text.slice(0, 40))}: not a whole number without sign`);
}

function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
