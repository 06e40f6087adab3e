/**
 * What the application asked for and the server has not finally answered.
 *
 * A command keeps its id for life. It is sent when there is a connection, and again on each new one until its receipt is
 * final: the server recognises the id, so a command whose receipt was lost is not carried out twice. A `once` request has no
 * such protection and is given up when its connection is lost.
 */

import { type ClientMessageOf, encodeMessage, type ServerMessageOf } from "@tachikoma/protocol";
import { ClientError } from "../client-error.ts";

export type CommandMessage = ClientMessageOf<"publish" | "execute" | "cancel" | "input" | "custom">;
export type Receipt = ServerMessageOf<"receipt">;

export interface Command {
  readonly message: CommandMessage & { readonly id: string };
  /** True when this receipt was the last one to wait for. */
  onReceipt?(receipt: Receipt): boolean;
  /** The answer to a `custom` request. */
  onAnswer?(payload: unknown): void;
  onFailure(error: ClientError): void;
}

interface Entry {
  readonly command: Command;
  /** As it was when the application handed it over. */
  readonly text: string;
  isSent: boolean;
}

/** Commands that have been sent and wait for a receipt. Far beyond what a server lets one connection have under way. */
const MAX_UNSETTLED_COMMANDS = 4_096;

export class CommandQueue {
  readonly #send: (text: string) => void;
  readonly #maxQueuedCommands: number;
  /** In the order in which they were asked for. */
  readonly #entries = new Map<string, Entry>();
  #isOnline = false;

  constructor(maxQueuedCommands: number, send: (text: string) => void) {
    this.#maxQueuedCommands = maxQueuedCommands;
    this.#send = send;
  }

  submit(command: Command): void {
    const max = this.#isOnline ? MAX_UNSETTLED_COMMANDS : this.#maxQueuedCommands;
    if (this.#entries.size >= max) {
      const what = this.#isOnline ? "wait for their receipt" : "wait for a connection (maxQueuedCommands)";
      command.onFailure(
        new ClientError("SEND_FAILED", `${this.#entries.size} commands ${what}, the limit is ${max}`),
      );
      return;
    }
    const entry = { command, text: encodeMessage(command.message), isSent: this.#isOnline };
    this.#entries.set(command.message.id, entry);
    if (this.#isOnline) this.#send(entry.text);
  }

  goOnline(): void {
    this.#isOnline = true;
    for (const entry of [...this.#entries.values()]) {
      entry.isSent = true;
      this.#send(entry.text);
    }
  }

  goOffline(): void {
    if (!this.#isOnline) return;
    this.#isOnline = false;
    for (const [id, { command, isSent }] of [...this.#entries]) {
      if (command.message.type !== "custom" || !isSent) continue;
      this.#entries.delete(id);
      const text =
        "The connection was lost before the answer: the request may or may not have been carried out";
      command.onFailure(new ClientError("CONNECTION_CLOSED", text));
    }
  }

  onReceipt(receipt: Receipt): void {
    const entry = this.#entries.get(receipt.ref);
    // Late, or for a command of an earlier page.
    if (entry === undefined) return;
    if (entry.command.onReceipt?.(receipt) === true) this.#entries.delete(receipt.ref);
  }

  onAnswer({ ref, payload }: ServerMessageOf<"custom">): boolean {
    const entry = ref === undefined ? undefined : this.#entries.get(ref);
    if (ref === undefined || entry?.command.onAnswer === undefined) return false;
    this.#entries.delete(ref);
    entry.command.onAnswer(payload);
    return true;
  }

  /** True when the error was the answer to one of these. */
  onError(ref: string, error: ClientError): boolean {
    const entry = this.#entries.get(ref);
    if (entry === undefined) return false;
    this.#entries.delete(ref);
    entry.command.onFailure(error);
    return true;
  }

  failAll(error: ClientError): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { command } of entries) command.onFailure(error);
  }
}
