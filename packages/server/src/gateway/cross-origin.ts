/**
 * Answers for pages of other origins (CORS). The origins that may open a WebSocket may also send requests; a page of another one
 * is refused by `origin.ts`, and its browser told nothing. Origins are allowed by name only, so they may bring the credentials of
 * their browser.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

const METHODS = "GET, HEAD, POST, PUT, DELETE";
const PREFLIGHT_HOLDS_SECS = 600;
/** Names of headers as a browser lists them; anything else is not repeated. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~, -]{1,2000}$/;

/** Sets what every answer to the request has to carry, be it a refusal or a stream. */
export function shareWithOrigin(
  request: IncomingMessage,
  response: ServerResponse,
  allowedOrigins: readonly string[],
): void {
  if (allowedOrigins.length === 0) return;
  // A cache must not give one origin what was answered to another.
  response.setHeader("vary", "Origin");
  const { origin } = request.headers;
  if (origin === undefined || !allowedOrigins.includes(origin)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-allow-credentials", "true");
}

/** True for the question that a browser asks before a request that is not a simple one. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return (
    method === "OPTIONS" &&
    headers.origin !== undefined &&
    headers["access-control-request-method"] !== undefined
  );
}

/** Answers it. What makes it a yes is the origin that `shareWithOrigin` has named. */
export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  const wanted = request.headers["access-control-request-headers"] ?? "";
  response.writeHead(204, {
    "access-control-allow-methods": METHODS,
    ...(HEADER_NAMES.test(wanted) ? { "access-control-allow-headers": wanted } : {}),
    "access-control-max-age": String(PREFLIGHT_HOLDS_SECS),
    "cache-control": "no-store",
  });
  response.end();
}

/** Lets the page read these headers of an answer, where it may read the answer. */
export function exposed(
  response: ServerResponse,
  headers: Readonly<Record<string, unknown>>,
): Record<string, string> {
  if (!response.hasHeader("access-control-allow-origin")) return {};
  return { "access-control-expose-headers": Object.keys(headers).join(", ") };
}
