/** One request to a model endpoint, and the events of its answer. Faults come out as `UpstreamError`, a cancel as its reason. */
import type { Clock } from "../../core/ports.ts";
import { EventStreamParser, MAX_EVENT_BYTES, type ServerSentEvent } from "./event-stream.ts";
import { retryAtFromHeaders } from "./retry-decision.ts";
import { faultOfNetworkError, faultOfStatus, UpstreamError } from "./upstream-fault.ts";
import { type CleanText, readErrorBody } from "./upstream-text.ts";
import { Watchdog } from "./watchdog.ts";

export interface UpstreamRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface UpstreamLimits {
  /** From the request to the first byte of the answer's body. @default 120_000 */
  readonly firstByteTimeoutMs: number;
  /** Between two reads of the body. @default 60_000 */
  readonly idleTimeoutMs: number;
  /** @default 1 MiB */
  readonly maxEventBytes: number;
  /** @default 64 MiB */
  readonly maxResponseBytes: number;
}

export const UPSTREAM_LIMITS: UpstreamLimits = {
  firstByteTimeoutMs: 120_000,
  idleTimeoutMs: 60_000,
  maxEventBytes: MAX_EVENT_BYTES,
  maxResponseBytes: 64 * 1024 * 1024,
};

export interface UpstreamContext {
  readonly limits: UpstreamLimits;
  readonly clock: Clock;
  readonly clean: CleanText;
  readonly signal: AbortSignal;
  /** How long to wait for more after the answer is known to be complete; `undefined` while it is not. */
  readonly trailerTimeoutMs: () => number | undefined;
}

/** Longest refusal that is read: its first lines say it all. */
const MAX_REFUSAL_BYTES = 16 * 1024;

type Body = ReadableStreamDefaultReader<Uint8Array>;

/** Yields the events of each read together. Ends when the body ends; whether the answer is complete is the caller's to know. */
export async function* upstreamEvents(
  request: UpstreamRequest,
  context: UpstreamContext,
): AsyncGenerator<readonly ServerSentEvent[], void, undefined> {
  const { limits } = context;
  const watchdog = new Watchdog(context.clock);
  const signal = AbortSignal.any([context.signal, watchdog.signal]);
  try {
    watchdog.expect("answer", limits.firstByteTimeoutMs);
    const response = await whileWatched(signal, () => send(request, signal));
    const body = await acceptedBody(response, context);
    const parser = new EventStreamParser(limits.maxEventBytes);
    for (let receivedBytes = 0; ; ) {
      const bytes = await whileWatched(signal, () => readBytes(body));
      watchdog.rest();
      if (bytes === undefined) return;
      receivedBytes += bytes.length;
      if (receivedBytes > limits.maxResponseBytes) {
        throw new UpstreamError({ kind: "invalid", detail: `more than ${limits.maxResponseBytes} bytes` });
      }
      yield parser.push(bytes);
      watchdog.expect("data", context.trailerTimeoutMs() ?? limits.idleTimeoutMs);
    }
  } finally {
    watchdog.end();
  }
}

/** What ended the request counts, not how the platform words it. */
async function whileWatched<Result>(signal: AbortSignal, task: () => Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw thrown instanceof UpstreamError ? thrown : new UpstreamError(faultOfNetworkError(thrown));
  }
}

function send(request: UpstreamRequest, signal: AbortSignal): Promise<Response> {
  return fetch(request.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      // A compressing proxy would hold tokens back until its window is full.
      "accept-encoding": "identity",
      ...request.headers,
    },
    body: request.body,
    // Handed back as they are, and refused with the other statuses: the key must not travel to another place.
    redirect: "manual",
    signal,
  });
}

async function acceptedBody(response: Response, context: UpstreamContext): Promise<Body> {
  if (!response.ok) throw new UpstreamError(await refusal(response, context));
  const mediaType = (response.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "text/event-stream" || response.body === null) {
    const found = context.clean(mediaType || "no content type");
    throw new UpstreamError({ kind: "invalid", detail: `expected text/event-stream, got ${found}` });
  }
  return response.body.getReader();
}

async function readBytes(body: Body): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await body.read();
    return done ? undefined : value;
  } catch (thrown) {
    const fault = faultOfNetworkError(thrown);
    // The connection was there, so this is its end, whatever the platform calls it.
    throw new UpstreamError(fault.kind === "refused" ? { kind: "cut", detail: fault.detail } : fault);
  }
}

async function refusal(response: Response, context: UpstreamContext) {
  const retryAtMs = retryAtFromHeaders(response.headers, context.clock.nowMs());
  const { type, text } = readErrorBody(parseJson(await readStart(response)), context.clean);
  return faultOfStatus(response.status, { text, errorCode: type, retryAtMs });
}

/** The first bytes of a body. A refusal that breaks off is still a refusal. */
async function readStart(response: Response): Promise<string> {
  const body = response.body?.getReader();
  if (body === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let readCount = 0; readCount < MAX_REFUSAL_BYTES; ) {
      const { done, value } = await body.read();
      if (done) break;
      readCount += value.length;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return text;
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
