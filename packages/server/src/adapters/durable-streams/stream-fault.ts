/** What a request is refused with, and the answer that says so. */
import { ERRORS, type ErrorCode, type ErrorEntry, errorCodeOf } from "@tachikoma/protocol";
import type { WholeResponse } from "../../gateway/http/route.ts";
import { SECURITY_HEADERS } from "./header-names.ts";

export interface FaultOptions {
  /** @default that of the code */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export class StreamFault extends Error {
  override readonly name = "StreamFault";
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, { status, headers = {} }: FaultOptions = {}) {
    super(message);
    const entry: ErrorEntry = ERRORS[code];
    this.code = code;
    this.status = status ?? entry.httpStatus ?? 500;
    this.headers = headers;
  }
}

export function badRequest(message: string): StreamFault {
  return new StreamFault("INVALID_MESSAGE", message);
}

export function notFound(): StreamFault {
  return new StreamFault("NOT_FOUND", "There is no such stream");
}

export function gone(message: string): StreamFault {
  return new StreamFault("GONE", message);
}

export function conflict(message: string, headers: Readonly<Record<string, string>> = {}): StreamFault {
  return new StreamFault("CONFLICT", message, { headers });
}

/** The answer to a request that is refused; what is no refusal is thrown again. */
export function faultResponse(cause: unknown): WholeResponse {
  if (cause instanceof StreamFault) return answer(cause, cause.headers);
  const code = errorCodeOf(cause);
  if (code === undefined || !(cause instanceof Error)) throw cause;
  const { httpStatus: status = 500 }: ErrorEntry = ERRORS[code];
  const retry: Record<string, string> = status === 503 || status === 429 ? { "retry-after": "1" } : {};
  return answer({ status, code, message: cause.message }, retry);
}

function answer(
  { status, code, message }: { readonly status: number; readonly code: ErrorCode; readonly message: string },
  headers: Readonly<Record<string, string>>,
): WholeResponse {
  return { status, json: JSON.stringify({ code, message }), headers: { ...SECURITY_HEADERS, ...headers } };
}
