/**
 * The only catalogue of errors. Every refusal, close and failure that anyone can see has its row here.
 *
 * `retry` says what a client does next: `resume` (come back with the same session), `fresh` (come back, but the session
 * or the position is gone), `never` (coming back will not help: something must change first).
 *
 * Close codes carry the same meaning in their range, for a client that does not know the code:
 * 4000-4099 resume, 4100-4199 fresh, 4400-4499 never. Codes below 4000 are RFC 6455's own.
 */
export type RetryAdvice = "resume" | "fresh" | "never";

export interface ErrorEntry {
  /** WebSocket close code, where the error ends a connection. */
  readonly closeCode?: number;
  /** HTTP status, where the error answers a request (an upgrade is one). */
  readonly httpStatus?: number;
  readonly retry: RetryAdvice;
  /** Default text; a more precise one names the value and the limit. */
  readonly message: string;
}

export const ERRORS = {
  // What a client sent
  INVALID_MESSAGE: { httpStatus: 400, retry: "never", message: "Message is not valid" },
  UNKNOWN_TYPE: { retry: "never", message: "Message type is not known" },
  BINARY_NOT_SUPPORTED: { retry: "never", message: "Binary frames are not part of this protocol" },
  MESSAGE_TOO_LARGE: { closeCode: 1009, httpStatus: 413, retry: "never", message: "Message is too large" },
  FRAME_TOO_LARGE: { closeCode: 1009, retry: "never", message: "Frame is larger than max_frame_size" },
  TOO_MANY_ERRORS: { closeCode: 4429, retry: "never", message: "Too many invalid messages" },
  INVALID_CHANNEL: { httpStatus: 400, retry: "never", message: "Channel name is not valid" },
  INVALID_POSITION: { httpStatus: 400, retry: "fresh", message: "Position is not valid" },
  NOT_SUBSCRIBED: { retry: "never", message: "There is no subscription to this channel" },

  // At the door
  TOKEN_REQUIRED: { httpStatus: 401, retry: "never", message: "Token required" },
  UNAUTHORIZED: { closeCode: 4401, httpStatus: 401, retry: "never", message: "Unauthorized" },
  TOKEN_EXPIRED: { closeCode: 4001, httpStatus: 401, retry: "resume", message: "Token has expired" },
  FORBIDDEN: { closeCode: 4403, httpStatus: 403, retry: "never", message: "Not allowed" },
  NOT_FOUND: { httpStatus: 404, retry: "never", message: "Not found" },
  METHOD_NOT_ALLOWED: { httpStatus: 405, retry: "never", message: "Method not allowed" },
  UPGRADE_REQUIRED: { httpStatus: 426, retry: "never", message: "This address speaks WebSocket" },
  TOO_MANY_CONNECTIONS: { httpStatus: 429, retry: "resume", message: "Too many connections" },
  SERVER_NOT_READY: { httpStatus: 503, retry: "resume", message: "The server is not ready" },
  SERVER_OVERLOADED: { httpStatus: 503, retry: "resume", message: "The server has too much to do" },

  // Limits
  TOO_MANY_SUBSCRIPTIONS: { httpStatus: 429, retry: "never", message: "Too many subscriptions" },
  TOO_MANY_EXECUTIONS: { httpStatus: 429, retry: "never", message: "Too many running executions" },
  TOO_MANY_INPUTS: { httpStatus: 429, retry: "never", message: "Too many inputs are waiting" },
  TOO_MANY_MESSAGES: { httpStatus: 429, retry: "resume", message: "Too many messages are waiting" },
  RECORD_TOO_LARGE: { httpStatus: 413, retry: "never", message: "Data is too large for a record" },

  // Life of a connection
  SESSION_REPLACED: { closeCode: 4409, retry: "never", message: "Another connection resumed this session" },
  HEARTBEAT_TIMEOUT: { closeCode: 4008, retry: "resume", message: "No pong in time" },
  CONNECTION_TIMEOUT: {
    closeCode: 4009,
    retry: "resume",
    message: "The connection did not become usable in time",
  },
  SLOW_CONSUMER: { closeCode: 4010, retry: "resume", message: "The connection does not read" },
  SERVER_RESTARTING: { closeCode: 1012, retry: "resume", message: "The server is restarting" },
  SERVER_GOING_AWAY: { closeCode: 1001, retry: "resume", message: "The server is going away" },
  INTERNAL: { closeCode: 1011, httpStatus: 500, retry: "resume", message: "Internal error" },
  STORE_UNAVAILABLE: {
    closeCode: 4011,
    httpStatus: 503,
    retry: "resume",
    message: "The store is unavailable",
  },

  CONNECTION_GONE: {
    httpStatus: 410,
    retry: "resume",
    message: "The connection is gone: come back with its session",
  },

  // Executions
  UNKNOWN_HANDLER: { httpStatus: 404, retry: "never", message: "There is no such handler" },
  UNKNOWN_EXECUTION: { httpStatus: 404, retry: "never", message: "There is no such execution" },
  EXECUTION_RESTARTED: { retry: "fresh", message: "The execution was restarted" },
  EXECUTION_CANCELLED: { httpStatus: 409, retry: "never", message: "The execution was cancelled" },
  EXECUTION_INTERRUPTED: { httpStatus: 503, retry: "never", message: "The execution was interrupted" },
  EXECUTION_ENDED: { httpStatus: 409, retry: "never", message: "The execution has ended" },
  HANDLER_FAILED: { retry: "never", message: "The handler failed" },
  INVALID_CHUNK: { retry: "never", message: "The handler produced something that is not a chunk" },
  EXECUTION_TIMEOUT: { retry: "never", message: "The execution took too long" },
  UPSTREAM_REFUSED: { retry: "never", message: "The model endpoint cannot be reached" },
  UPSTREAM_UNAUTHORIZED: { retry: "never", message: "The model endpoint refused the key" },
  UPSTREAM_RATE_LIMITED: { retry: "never", message: "The model endpoint is rate limited" },
  UPSTREAM_REJECTED: { retry: "never", message: "The model endpoint refused the request" },
  UPSTREAM_FAILED: { retry: "never", message: "The model endpoint reported an error" },
  UPSTREAM_INVALID: { retry: "never", message: "The model endpoint sent something unreadable" },
  UPSTREAM_CUT: { retry: "never", message: "The model endpoint ended before the answer was complete" },
  UPSTREAM_TIMEOUT: { retry: "never", message: "The model endpoint was silent for too long" },
  COMMAND_FAILED: { retry: "never", message: "The command ended with an error" },

  // The application's own API
  CONNECTION_NOT_FOUND: { httpStatus: 404, retry: "never", message: "There is no such connection" },
  CONNECTION_CLOSED: { httpStatus: 410, retry: "never", message: "The connection is closed" },
  SEND_FAILED: { httpStatus: 503, retry: "never", message: "The message could not be stored" },
  FENCED: { retry: "never", message: "Another owner has taken over" },
  HEAD_MOVED: { retry: "never", message: "The log has grown meanwhile" },
  CONFLICT: { httpStatus: 409, retry: "never", message: "It contradicts what is there" },
  GONE: { httpStatus: 410, retry: "fresh", message: "It is not there any more" },
  CONFIG_INVALID: { retry: "never", message: "The configuration is not valid" },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** An error of the catalogue. Match on `code`: it survives duplicate installs, `instanceof` does not. */
export class TachikomaError extends Error {
  override readonly name = "TachikomaError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message?: string, options?: { readonly cause?: unknown }) {
    super(message ?? ERRORS[code].message, options);
    this.code = code;
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }

  get retry(): RetryAdvice {
    return ERRORS[this.code].retry;
  }
}

/** The catalogue code of anything that was thrown; `undefined` when it is not an error of the catalogue. */
export function errorCodeOf(thrown: unknown): ErrorCode | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  const code = thrown.code;
  return typeof code === "string" && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : undefined;
}

/** What a client does after a close, from the code alone. */
export function retryAdviceForClose(closeCode: number): RetryAdvice {
  if (closeCode >= 4400 && closeCode <= 4499) return "never";
  if (closeCode >= 4100 && closeCode <= 4199) return "fresh";
  // 1002, 1003, 1007, 1009, 1010: repeating what was sent repeats the refusal.
  if (
    closeCode === 1002 ||
    closeCode === 1003 ||
    closeCode === 1007 ||
    closeCode === 1009 ||
    closeCode === 1010
  ) {
    return "never";
  }
  return "resume";
}
