/** Errors as OpenAI's clients read them: `{error: {message, type, code, param}}`, with the code of our catalogue. */
import type { ErrorCode } from "@tachikoma/protocol";
import type { RouteHandler, WholeResponse } from "../../gateway/http/route.ts";
import type { Refusal } from "../../gateway/refusal.ts";
import type { ExecutionFault } from "../execution/execution-end.ts";
import { InvalidParameter } from "../execution/request-body.ts";

export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly code: ErrorCode;
  readonly param: string | null;
}

const TYPES = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [429, "rate_limit_error"],
]);

export function openAiError(
  { code, message, httpStatus }: ExecutionFault,
  parameter: string | null = null,
): OpenAiError {
  const type = TYPES.get(httpStatus) ?? (httpStatus < 500 ? "invalid_request_error" : "server_error");
  return { message, type, code, param: parameter };
}

/** For `Route.refusalJson`. */
export function openAiRefusal({ code, message, status }: Refusal): string {
  return JSON.stringify({ error: openAiError({ code, message, httpStatus: status }) });
}

/**
 * The execution ran and has no answer. OpenAI's clients would repeat what fails with such a status, and a request that is repeated
 * is another execution: they are told not to.
 */
export function openAiFailure(fault: ExecutionFault): WholeResponse {
  return {
    status: fault.httpStatus,
    json: JSON.stringify({ error: openAiError(fault) }),
    headers: { "x-should-retry": "false" },
  };
}

/** Says which parameter is wrong, where one is. */
export function namingParameters(answer: RouteHandler): RouteHandler {
  return async (core, request) => {
    try {
      return await answer(core, request);
    } catch (cause) {
      if (!(cause instanceof InvalidParameter)) throw cause;
      const { code, message, parameter } = cause;
      const error = openAiError({ code, message, httpStatus: 400 }, parameter);
      return { status: 400, json: JSON.stringify({ error }) };
    }
  };
}
