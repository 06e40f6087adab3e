/** What an error of Redis, of its client or of the network means for the store. */

import { ErrorReply } from "@redis/client";
import { errorCodeOf, TachikomaError } from "@tachikoma/protocol";
import { STALE_GENERATION } from "./scripts/script.ts";

/** What has to be done about it besides refusing the call. */
export type FaultRemedy =
  | "none"
  /** The server has forgotten the scripts. */
  | "load-scripts"
  /** The server may not be the one that was checked. */
  | "check-server";

export interface RedisFault {
  /** Faults of one kind are logged together. */
  readonly kind: string;
  readonly reason: string;
  readonly remedy: FaultRemedy;
}

/** By the first word of what Redis answers. */
const REPLIES: Readonly<Record<string, Omit<RedisFault, "kind">>> = {
  NOSCRIPT: { reason: "has forgotten our scripts, which are loaded again", remedy: "load-scripts" },
  [STALE_GENERATION]: { reason: "is not the one that it was, and is checked again", remedy: "check-server" },
  READONLY: { reason: "takes no writes: it is a replica now", remedy: "check-server" },
  MASTERDOWN: { reason: "is a replica that has lost its master", remedy: "check-server" },
  NOAUTH: { reason: "asks for a password", remedy: "check-server" },
  WRONGPASS: { reason: "does not know this name and password", remedy: "check-server" },
  NOPERM: { reason: "does not allow this user what the store needs", remedy: "none" },
  OOM: { reason: "is out of memory (maxmemory)", remedy: "none" },
  MISCONF: { reason: "cannot write to its disk and takes no writes", remedy: "none" },
  LOADING: { reason: "is still loading its data", remedy: "none" },
  BUSY: { reason: "is busy with a script", remedy: "none" },
  CLUSTERDOWN: { reason: "says that its cluster is down", remedy: "none" },
  MOVED: { reason: "has moved our keys to another server of its cluster", remedy: "check-server" },
  NOREPLICAS: { reason: "has too few replicas to take writes", remedy: "none" },
};

export function faultOf(thrown: unknown): RedisFault {
  const text = textOf(thrown);
  if (!(thrown instanceof ErrorReply)) {
    return { kind: "connection", reason: `does not answer: ${text}`, remedy: "none" };
  }
  const kind = text.split(" ", 1)[0]!;
  const known = Object.hasOwn(REPLIES, kind) ? REPLIES[kind] : undefined;
  if (known === undefined) return { kind: "refused", reason: `refused: ${text}`, remedy: "none" };
  // What it says of permissions names the command; that helps, and there is no secret in it.
  return { kind, ...known, reason: kind === "NOPERM" ? `${known.reason}: ${text}` : known.reason };
}

/** What a caller gets. Errors that are ours already stay as they are. */
export function unavailable(label: string, reason: string, cause?: unknown): TachikomaError {
  if (errorCodeOf(cause) !== undefined) return cause as TachikomaError;
  return new TachikomaError(
    "STORE_UNAVAILABLE",
    `Redis at ${label} ${reason}`,
    cause === undefined ? undefined : { cause },
  );
}

function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // Where a name has several addresses and none of them answers, only the code says what happened.
  return thrown.message === "" && "code" in thrown ? String(thrown.code) : thrown.message;
}
