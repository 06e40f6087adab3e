/**
 * What clients ask of executions: cancel and input. One that runs here is asked here; for one that another node runs the question goes
 * to its owner, and the owner's answers come back.
 */
import type { Store } from "../../stores/store.ts";
import type { NodeMail } from "../cluster/node-mail.ts";
import type { CommandMessage, ReceiptMessage } from "../cluster/node-message.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger } from "../ports.ts";
import type { CancelMarks } from "./cancel-marks.ts";
import type {
  CommandReceipt,
  CommandReceipts,
  ExecutionCommand,
  FinalStatus,
  Notify,
} from "./command-receipts.ts";
import type { Execution } from "./execution.ts";
import { type RemoteCommand, RemoteCommands } from "./remote-commands.ts";
import { storedEnd } from "./stored-end.ts";

export interface ExecutionCommandsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly nodeId: string;
  readonly mail: Pick<NodeMail, "send" | "sendAtLast">;
  readonly receipts: CommandReceipts;
  readonly cancelMarks: CancelMarks;
  /** An execution that runs on this node. */
  readonly find: (tenant: string, executionId: string) => Execution | undefined;
}

export class ExecutionCommands {
  readonly #options: ExecutionCommandsOptions;
  readonly #receipts: CommandReceipts;
  readonly #cancelMarks: CancelMarks;
  readonly #remote: RemoteCommands;

  constructor(options: ExecutionCommandsOptions) {
    this.#options = options;
    this.#receipts = options.receipts;
    this.#cancelMarks = options.cancelMarks;
    this.#remote = new RemoteCommands({
      ...options,
      send: (nodeId, message) => options.mail.send(nodeId, message),
      answerHere: (remote, notify) => this.#answerHere(remote, notify),
    });
  }

  /** Gives a command to its execution; `notify` gets the final receipt when it comes after the answer. */
  async give(remote: RemoteCommand, notify: Notify): Promise<CommandReceipt> {
    if (this.#find(remote.command) === undefined && this.#options.store.isShared) {
      const owner = await this.#remote.ownerOf(remote.command);
      if (owner !== undefined) return this.#remote.ask(owner, remote, notify);
    }
    return this.#answerHere(remote, notify);
  }

  async #answerNode(message: CommandMessage): Promise<void> {
    const { command, from } = message;
    const { mail } = this.#options;
    if (this.#find(command) === undefined) {
      // It has moved on while the letter was under way.
      const owner = await this.#remote.ownerOf(command);
      if (owner !== undefined) return mail.send(owner, message);
    }
    const reply = (receipt: CommandReceipt) => mail.sendAtLast(from, { kind: "receipt", command, receipt });
    await reply(await this.#answerHere(message, (receipt) => void reply(receipt)));
  }

  #answerHere(remote: RemoteCommand, notify: Notify): Promise<CommandReceipt> {
    return remote.verb === "cancel"
      ? this.#cancelHere(remote.command, notify)
      : this.#inputHere(remote.command, remote.data, notify);
  }

  async #cancelHere(command: ExecutionCommand, notify: Notify): Promise<CommandReceipt> {
    const execution = this.#find(command);
    if (execution?.mayRestart === true) await this.#cancelMarks.mark(command.tenant, command.executionId);
    const apply = (settle: (status: FinalStatus) => void) => {
      execution?.stop({ kind: "cancelled", reason: "requested", sender: command.clientId });
      // Two people may press stop: both have what they asked for. An answer that was just complete has not.
      execution?.ended.then((end) => settle(end?.kind === "cancelled" ? "applied" : "superseded"));
      return undefined;
    };
    return this.#receipts.answer(command, execution, notify, apply, async (channel) => {
      const { store, clock } = this.#options;
      const key = { tenant: command.tenant, channel };
      const end = await storedEnd(store, key, command.executionId, clock.nowMs());
      if (end === undefined) return undefined;
      return end === "execution_cancelled" ? "applied" : "superseded";
    });
  }

  #inputHere(command: ExecutionCommand, data: unknown, notify: Notify): Promise<CommandReceipt> {
    const execution = this.#find(command);
    return this.#receipts.answer(command, execution, notify, (settle) => {
      // Looked at in the turn in which it takes its place, so that a burst cannot pass the limit.
      if (execution?.areInputsFull) return "TOO_MANY_INPUTS";
      execution?.pushInput({
        data,
        onTaken: () => settle("applied"),
        onDropped: () => settle(execution.end?.kind === "cancelled" ? "superseded" : "rejected"),
      });
      return undefined;
    });
  }

  /** Another node asks, or answers. */
  onMessage(message: CommandMessage | ReceiptMessage): void {
    if (message.kind === "receipt") return this.#remote.onReceipt(message.command, message.receipt);
    this.#answerNode(message).catch((cause: unknown) => {
      // Whoever asked gets no answer, and asks again.
      this.#options.logger.warn({ err: cause, ...message.command }, "Command of another node failed");
    });
  }

  close(): void {
    this.#remote.close();
  }

  #find({ tenant, executionId }: ExecutionCommand): Execution | undefined {
    return this.#options.find(tenant, executionId);
  }
}
