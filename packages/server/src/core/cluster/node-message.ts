/** What nodes write to each other. It is stored, read in order, and may be read again after a failover. */
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

export type NodeMessage = CommandMessage | ReceiptMessage | SessionTakenMessage;
