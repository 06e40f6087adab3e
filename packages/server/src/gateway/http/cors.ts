/**
 * What browsers are told about requests of pages from other origins. Whether such a request is answered at all is `originFault`'s to
 * say; here is only what lets an allowed page read the answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { originFault } from "../origin.ts";

const MAX_AGE_SECS = 600;
const HEADER_NAMES = /^[A-Za-z0-9\-, ]{1,1000}$/;

/** Lets a page of an allowed origin read the answer. Nothing is shared with cookies: there are none. */
export function allowOrigin(
  request: IncomingMessage,
  response: ServerResponse,
  allowedOrigins: readonly string[],
): void {
  const { origin } = request.headers;
  response.setHeader("vary", "Origin");
  if (origin === undefined || originFault(request, allowedOrigins) !== undefined) return;
  response.setHeader("access-control-allow-origin", origin);
}

export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
}

/** Carries no credential, so it is answered before anyone asks for one. A page that is not allowed is not named in it. */
export function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  {
    methods,
    allowedOrigins,
  }: { readonly methods: readonly string[]; readonly allowedOrigins: readonly string[] },
): void {
  allowOrigin(request, response, allowedOrigins);
  const asked = request.headers["access-control-request-headers"];
  response.writeHead(204, {
    "access-control-allow-methods": methods.join(", "),
    ...(asked !== undefined && HEADER_NAMES.test(asked) ? { "access-control-allow-headers": asked } : {}),
    "access-control-max-age": String(MAX_AGE_SECS),
    "x-content-type-options": "nosniff",
  });
  response.end();
}
