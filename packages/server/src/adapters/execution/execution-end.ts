/** Why an execution that did not complete has no answer, as an error of the catalogue. */
import { ERRORS, type ErrorCode, type ErrorEntry } from "@tachikoma/protocol";
import type { EndFrame } from "./execution-frames.ts";

export interface ExecutionFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly httpStatus: number;
}

/** For codes that no request is answered with elsewhere. */
const HTTP_STATUS: { readonly [Code in ErrorCode]?: number } = {
  EXECUTION_TIMEOUT: 504,
  UPSTREAM_TIMEOUT: 504,
  UPSTREAM_RATE_LIMITED: 429,
  UPSTREAM_REFUSED: 502,
  UPSTREAM_UNAUTHORIZED: 502,
  UPSTREAM_REJECTED: 502,
  UPSTREAM_FAILED: 502,
  UPSTREAM_INVALID: 502,
  UPSTREAM_CUT: 502,
};

/** `undefined` for one that completed. */
export function faultOf(end: EndFrame): ExecutionFault | undefined {
  switch (end.type) {
    case "execution_completed":
      return undefined;
    case "execution_failed":
      return faultWith(end.error.code, end.error.message);
    case "execution_cancelled":
      return faultWith("EXECUTION_CANCELLED", `The execution was cancelled (${end.reason})`);
    case "execution_interrupted":
      return faultWith("EXECUTION_INTERRUPTED", `The execution was interrupted (${end.reason})`);
  }
}

/** What was shown of the answer is void, and the form in which it was shown cannot take anything back. */
export const RESTARTED_FAULT: ExecutionFault = {
  code: "EXECUTION_RESTARTED",
  message: "The answer was begun anew: discard what came of it and read it again",
  httpStatus: 503,
};

/** A code of another version of the server may be in the log. */
function faultWith(code: string, message: string): ExecutionFault {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "HANDLER_FAILED";
  const entry: ErrorEntry = ERRORS[known];
  return { code: known, message, httpStatus: HTTP_STATUS[known] ?? entry.httpStatus ?? 500 };
}
