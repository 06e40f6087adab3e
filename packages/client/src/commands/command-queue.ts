/**
 * What the application asked for and the server has not finally answered.
 *
 * A command keeps its id for life. It is sent when there is a connection, and again on each new one until its receipt is
 * final: the server recognises the id, so a command whose receipt was lost is not carried out twice. A `once` request has no
 * such protection and is given up when its connection is lost.
 */

import { type ClientMessageOf, encodeMessage, type ServerMessageOf } from "@tachikoma/protocol";
import { ClientError } from "../client-error.ts";
import { backOffDelayMs } from "../connection/back-off.ts";
import type { Ports } from "../ports.ts";

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
  /** Receipts that left open whether the command was carried out. */
  openOutcomeCount: number;
}

/** With these the server says that it does not know whether the command was carried out. */
const OPEN_OUTCOME_CODES: readonly string[] = ["INTERNAL", "STORE_UNAVAILABLE"];

/** How often such a command is sent again on one connection before its failure is handed to the application. */
const MAX_REPEATS = 5;
const REPEAT_BACK_OFF = { baseDelayMs: 250, maxDelayMs: 8_000 };

/** Commands that have been sent and wait for a receipt. Far beyond what a server lets one connection have under way. */
const MAX_UNSETTLED_COMMANDS = 4_096;

export class CommandQueue {
  readonly #send: (text: string) => void;
  readonly #maxQueuedCommands: number;
  readonly #ports: Pick<Ports, "clock" | "random">;
  /** In the order in which they were asked for. */
  readonly #entries = new Map<string, Entry>();
  #isOnline = false;

  constructor(
    maxQueuedCommands: number,
    send: (text: string) => void,
    ports: Pick<Ports, "clock" | "random">,
  ) {
    this.#maxQueuedCommands = maxQueuedCommands;
    this.#ports = ports;
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
    const text = encodeMessage(command.message);
    const entry = { command, text, isSent: this.#isOnline, openOutcomeCount: 0 };
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
      const text = "The connection was lost before the answer: it may have been carried out";
      command.onFailure(new ClientError("CONNECTION_CLOSED", text));
    }
  }

  onReceipt(receipt: Receipt): void {
    const entry = this.#entries.get(receipt.ref);
    // Late, or for a command of an earlier page.
    if (entry === undefined) return;
    if (isOutcomeOpen(receipt) && entry.openOutcomeCount < MAX_REPEATS) return this.#repeatLater(entry);
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

  /** The id makes it the same command: what was carried out is not carried out again. */
  #repeatLater(entry: Entry): void {
    const { clock, random } = this.#ports;
    const delayMs = backOffDelayMs(entry.openOutcomeCount, REPEAT_BACK_OFF, random.fraction());
    entry.openOutcomeCount += 1;
    clock.setTimer(delayMs, () => {
      const { id } = entry.command.message;
      // Offline it is sent again anyway, on the next connection.
      if (this.#isOnline && this.#entries.get(id) === entry) this.#send(entry.text);
    });
  }

  failAll(error: ClientError): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { command } of entries) command.onFailure(error);
  }
}

function isOutcomeOpen({ status, error }: Receipt): boolean {
  return status === "rejected" && error !== undefined && OPEN_OUTCOME_CODES.includes(error.code);
}
