/**
 * What can go wrong with a model endpoint. A fault is data, so that retrying is a decision about data; it becomes an error
 * with a text for clients in one place. `detail` has been cleaned: it carries no key and no address.
 */
import { ERRORS, type ErrorCode, TachikomaError } from "@tachikoma/protocol";

export type UpstreamFault =
  /** No connection: refused, unknown host, no route. */
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "unauthorized"; readonly detail: string }
  | {
      readonly kind: "rate-limited";
      readonly detail: string;
      /** When the endpoint said to come back, in milliseconds since 1970. */
      readonly retryAtMs?: number | undefined;
      /** The account has nothing left: waiting does not help. */
      readonly isQuotaExhausted?: boolean;
    }
  | { readonly kind: "rejected"; readonly detail: string }
  | { readonly kind: "failed"; readonly detail: string; readonly retryAtMs?: number | undefined }
  | { readonly kind: "invalid"; readonly detail: string }
  /** The connection or the stream ended before the answer did. */
  | { readonly kind: "cut"; readonly detail: string }
  | { readonly kind: "timeout"; readonly detail: string };

const CODES: { readonly [Kind in UpstreamFault["kind"]]: ErrorCode } = {
  refused: "UPSTREAM_REFUSED",
  unauthorized: "UPSTREAM_UNAUTHORIZED",
  "rate-limited": "UPSTREAM_RATE_LIMITED",
  rejected: "UPSTREAM_REJECTED",
  failed: "UPSTREAM_FAILED",
  invalid: "UPSTREAM_INVALID",
  cut: "UPSTREAM_CUT",
  timeout: "UPSTREAM_TIMEOUT",
};

/** A fault on its way out. */
export class UpstreamError extends TachikomaError {
  readonly fault: UpstreamFault;

  constructor(fault: UpstreamFault) {
    const code = CODES[fault.kind];
    super(code, fault.detail === "" ? ERRORS[code].message : `${ERRORS[code].message}: ${fault.detail}`);
    this.fault = fault;
  }
}

/** The fault of an answer with a status other than 2xx. */
export function faultOfStatus(
  status: number,
  answer: { readonly text: string; readonly errorCode: string; readonly retryAtMs?: number | undefined },
): UpstreamFault {
  const detail = answer.text === "" ? `status ${status}` : `status ${status}, ${answer.text}`;
  // The text of such a refusal often quotes a part of the key.
  if (status === 401 || status === 403) return { kind: "unauthorized", detail: `status ${status}` };
  if (status === 429 || status === 529) {
    const isQuotaExhausted = answer.errorCode === "insufficient_quota";
    return { kind: "rate-limited", detail, retryAtMs: answer.retryAtMs, isQuotaExhausted };
  }
  if (status >= 500 || status === 408) return { kind: "failed", detail, retryAtMs: answer.retryAtMs };
  if (status >= 300 && status < 400) {
    return { kind: "rejected", detail: `status ${status}, and redirects are not followed` };
  }
  return { kind: "rejected", detail };
}

const RATE_LIMIT_WORDS = /overload|rate_?limit|too_many_requests|^429$|^529$/i;

/** The fault of an error that arrived inside the stream. */
export function faultOfErrorEvent(error: { readonly type: string; readonly text: string }): UpstreamFault {
  const kind = RATE_LIMIT_WORDS.test(error.type) ? "rate-limited" : "failed";
  return { kind, detail: error.text === "" ? error.type : error.text };
}

const UNREACHED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
]);
const CUT = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ECONNABORTED"]);

/** The fault behind an error that `fetch` or the reading of its body threw, from the code at the end of the chain. */
export function faultOfNetworkError(thrown: unknown): UpstreamFault {
  const code = networkCode(thrown);
  if (CUT.has(code)) return { kind: "cut", detail: code };
  if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT")
    return { kind: "timeout", detail: code };
  if (code.startsWith("HPE_") || code === "UND_ERR_HEADERS_OVERFLOW")
    return { kind: "invalid", detail: code };
  if (UNREACHED.has(code) || code.startsWith("UND_ERR_CONNECT")) return { kind: "refused", detail: code };
  return { kind: "refused", detail: code === "" ? "no connection" : code };
}

function networkCode(thrown: unknown): string {
  let code = "";
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if ("code" in error && typeof error.code === "string") code = error.code;
  }
  return code;
}
