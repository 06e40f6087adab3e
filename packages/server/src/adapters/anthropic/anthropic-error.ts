/** Errors as clients of Anthropic's API read them, with the code of our catalogue beside. */
import type { Refusal } from "../../gateway/refusal.ts";
import type { ExecutionFault } from "../execution/execution-end.ts";

const TYPES = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [503, "overloaded_error"],
]);

export function anthropicError({ code, message, httpStatus }: ExecutionFault): object {
  const type = TYPES.get(httpStatus) ?? (httpStatus < 500 ? "invalid_request_error" : "api_error");
  return { type: "error", error: { type, message, code } };
}

/** For `Route.refusalJson`. */
export function anthropicRefusal({ code, message, status }: Refusal): string {
  return JSON.stringify(anthropicError({ code, message, httpStatus: status }));
}
