/**
 * Commands to executions that other nodes run. The owner answers them as if they had come over a connection of its own; this node
 * passes the answers on.
 *
 *   asked --letter to the owner--> waiting --accepted--> accepted --final receipt--> done
 *                                     `--- the lease goes to another node: asked again there
 *                                     `--- the lease is gone: the log says what became of it
 *
 * All of it may happen twice: the receipt under the command's id sees to it that it takes effect once.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Store } from "../../stores/store.ts";
import type { CommandMessage, NodeMessage, RemoteVerb } from "../cluster/node-message.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import type { CommandReceipt, ExecutionCommand } from "./command-receipts.ts";
import { leaseName } from "./lease-body.ts";

/** How often the owner of an execution is looked up again while an answer is due. */
const RECHECK_MS = 2_000;
/** A letter that brought no answer for so many looks is written again: it, or the answer, may have been lost. */
const LOOKS_PER_LETTER = 3;
const LOOKS_PER_LETTER_ONCE_ANSWERED = 15;
/** With a store that does not answer, whoever asked is told after so many looks, and asks again. */
const MAX_FAILED_LOOKS = 3;

export interface RemoteCommand {
  readonly verb: RemoteVerb;
  readonly command: ExecutionCommand;
  readonly data?: unknown;
}

interface Pending extends RemoteCommand {
  owner: string;
  /** Gets the final receipt when it comes after the answer. */
  notify: (receipt: CommandReceipt) => void;
  readonly answer: PromiseWithResolvers<CommandReceipt>;
  isAnswered: boolean;
  lookCount: number;
  failedLookCount: number;
}

export interface RemoteCommandsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly nodeId: string;
  readonly send: (nodeId: string, message: NodeMessage) => Promise<void>;
  /** Answers a command here: its execution runs here by now, or nowhere. */
  readonly answerHere: (
    remote: RemoteCommand,
    notify: (receipt: CommandReceipt) => void,
  ) => Promise<CommandReceipt>;
}

export class RemoteCommands {
  readonly #options: RemoteCommandsOptions;
  readonly #pending = new Map<string, Pending>();
  #timer: Timer | undefined;

  constructor(options: RemoteCommandsOptions) {
    this.#options = options;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** The node that runs the execution, `undefined` when that is this one or none. */
  async ownerOf({ tenant, executionId }: ExecutionCommand): Promise<string | undefined> {
    const lease = await this.#options.store.findLease(leaseName(tenant, executionId));
    return lease === undefined || lease.owner === this.#options.nodeId ? undefined : lease.owner;
  }

  /** @throws STORE_UNAVAILABLE when it is not known whether the owner got it */
  async ask(
    owner: string,
    remote: RemoteCommand,
    notify: (receipt: CommandReceipt) => void,
  ): Promise<CommandReceipt> {
    const id = idOf(remote.command);
    const known = this.#pending.get(id);
    if (known !== undefined) {
      known.notify = notify;
      await this.#write(known);
      return known.answer.promise;
    }
    const pending: Pending = {
      ...remote,
      owner,
      notify,
      answer: Promise.withResolvers<CommandReceipt>(),
      isAnswered: false,
      lookCount: 0,
      failedLookCount: 0,
    };
    this.#pending.set(id, pending);
    // It may fail while the letter is still being written, when nobody waits for it yet.
    pending.answer.promise.catch(() => {});
    this.#options.observer.commandForwarded(remote.verb);
    try {
      await this.#write(pending);
    } catch (cause) {
      this.#pending.delete(id);
      throw cause;
    }
    this.#watch();
    return pending.answer.promise;
  }

  onReceipt(command: ExecutionCommand, receipt: CommandReceipt): void {
    const pending = this.#pending.get(idOf(command));
    if (pending !== undefined) this.#take(pending, receipt);
  }

  close(): void {
    this.#timer?.cancel();
    for (const { answer, isAnswered } of this.#pending.values()) {
      if (!isAnswered) answer.reject(new TachikomaError("SERVER_NOT_READY", "The server is stopping"));
    }
    this.#pending.clear();
  }

  #take(pending: Pending, receipt: CommandReceipt): void {
    const isFinal = receipt.status !== "accepted";
    if (isFinal) this.#pending.delete(idOf(pending.command));
    if (pending.isAnswered) {
      if (isFinal) pending.notify(receipt);
      return;
    }
    pending.isAnswered = true;
    pending.answer.resolve(receipt);
  }

  #write({ owner, verb, command, data }: Pending): Promise<void> {
    const message: CommandMessage = {
      kind: "command",
      verb,
      command,
      from: this.#options.nodeId,
      ...(data === undefined ? {} : { data }),
    };
    return this.#options.send(owner, message);
  }

  #watch(): void {
    if (this.#timer !== undefined || this.#pending.size === 0) return;
    this.#timer = this.#options.clock.setTimer(RECHECK_MS, () => {
      const looks = [...this.#pending.values()].map((pending) => this.#look(pending));
      Promise.all(looks).finally(() => {
        this.#timer = undefined;
        this.#watch();
      });
    });
  }

  async #look(pending: Pending): Promise<void> {
    try {
      const owner = await this.ownerOf(pending.command);
      if (!this.#isWaiting(pending)) return;
      pending.failedLookCount = 0;
      if (owner === undefined) return await this.#finishHere(pending);
      pending.lookCount += 1;
      const looksPerLetter = pending.isAnswered ? LOOKS_PER_LETTER_ONCE_ANSWERED : LOOKS_PER_LETTER;
      if (owner === pending.owner && pending.lookCount % looksPerLetter !== 0) return;
      pending.owner = owner;
      await this.#write(pending);
    } catch (cause) {
      this.#failed(pending, cause);
    }
  }

  async #finishHere(pending: Pending): Promise<void> {
    const { verb, command, data } = pending;
    const notify = (receipt: CommandReceipt) => {
      if (this.#isWaiting(pending)) this.#take(pending, receipt);
    };
    const receipt = await this.#options.answerHere({ verb, command, data }, notify);
    if (this.#isWaiting(pending)) this.#take(pending, receipt);
  }

  #failed(pending: Pending, cause: unknown): void {
    const { logger } = this.#options;
    logger.warn(
      { err: cause, executionId: pending.command.executionId },
      "Owner of an execution could not be asked",
    );
    pending.failedLookCount += 1;
    if (pending.failedLookCount < MAX_FAILED_LOOKS || pending.isAnswered) return;
    this.#pending.delete(idOf(pending.command));
    pending.isAnswered = true;
    pending.answer.reject(new TachikomaError("STORE_UNAVAILABLE", undefined, { cause }));
  }

  #isWaiting(pending: Pending): boolean {
    return this.#pending.get(idOf(pending.command)) === pending;
  }
}

function idOf({ tenant, clientId, commandId }: ExecutionCommand): string {
  return JSON.stringify([tenant, clientId, commandId]);
}
