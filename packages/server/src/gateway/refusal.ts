import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { ERRORS, type ErrorCode, type ErrorEntry, errorCodeOf } from "@tachikoma/protocol";

import { exposed } from "./cross-origin.ts";

export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** For those with 429 and 503. @default 1 */
  readonly retryAfterSecs?: number;
}

/** What a failure looks like from outside. Only errors of the catalogue show their text. */
export function refusalFor(cause: unknown): Refusal {
  const code = errorCodeOf(cause) ?? "INTERNAL";
  const entry: ErrorEntry = ERRORS[code];
  const isKnown = errorCodeOf(cause) !== undefined && cause instanceof Error;
  return { status: entry.httpStatus ?? 500, code, message: isKnown ? cause.message : entry.message };
}

const DEFAULT_RETRY_AFTER_SECS = 1;

/** Answers an upgrade that is not to be, on the bare socket, and ends it. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const body = bodyOf(refusal);
  const headers = Object.entries({ ...headersOf(refusal), connection: "close" });
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const statusLine = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? "Error"}\r\n`;
  // A peer that is gone already needs no answer.
  if (socket.writable)
    socket.end(`${statusLine}${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  // A peer that does not close its side is not waited for.
  socket.once("finish", () => socket.destroy());
}

/** @param json says how the body looks */
export function sendRefusal(response: ServerResponse, refusal: Refusal, json = bodyOf): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = json(refusal);
  const headers = headersOf(refusal);
  response.writeHead(refusal.status, {
    ...headers,
    ...exposed(response, headers),
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function bodyOf({ code, message }: Refusal): string {
  return JSON.stringify({ code, message });
}

function headersOf({ status, retryAfterSecs = DEFAULT_RETRY_AFTER_SECS }: Refusal): Record<string, string> {
  return {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(status === 426 ? { upgrade: "websocket" } : {}),
    ...(status === 429 || status === 503 ? { "retry-after": String(retryAfterSecs) } : {}),
  };
}

export function urlOf(request: IncomingMessage): URL | undefined {
  return URL.parse(request.url ?? "/", "http://localhost") ?? undefined;
}
