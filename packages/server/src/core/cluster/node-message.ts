/** What nodes write to each other. It is stored, read in order, and may be read again after a failover. */
import type { ErrorCode } from "@tachikoma/protocol";
import type { Credential } from "../credential.ts";
import type { CommandReceipt, ExecutionCommand } from "../execution/command-receipts.ts";
import type { TakenSession } from "../session/session-registry.ts";

export type RemoteVerb = "cancel" | "input";

/** A command for an execution of the node that reads it. */
export interface CommandMessage {
  readonly kind: "command";
  readonly verb: RemoteVerb;
  readonly command: ExecutionCommand;
  readonly data?: unknown;
  /** Node that gets the receipts. */
  readonly from: string;
}

/** What became of a command so far: `accepted` first, or at once what it came to. */
export interface ReceiptMessage {
  readonly kind: "receipt";
  readonly command: ExecutionCommand;
  readonly receipt: CommandReceipt;
}

export interface SessionTakenMessage extends TakenSession {
  readonly kind: "session_taken";
}

/** Messages for a connection of the node that reads it. */
export interface PostedMessage {
  readonly kind: "posted";
  /** Of the letter: its answer carries it. */
  readonly id: string;
  /** Node that gets the answer. */
  readonly from: string;
  readonly poster: Pick<Credential, "tenant" | "subject" | "clientId">;
  readonly connectionId: string;
  readonly texts: readonly string[];
  readonly seq: number | undefined;
}

/** The connection has taken them, or why it has not. */
export interface PostTakenMessage {
  readonly kind: "post_taken";
  readonly id: string;
  readonly fault: { readonly code: ErrorCode; readonly message: string } | undefined;
}

export type NodeMessage =
  | CommandMessage
  | ReceiptMessage
  | SessionTakenMessage
  | PostedMessage
  | PostTakenMessage;
