/**
 * Receipts of commands: stored before they are answered, so that the same command again, over any connection, gets the
 * same answer and is carried out once.
 */
import type { ErrorCode, ReceiptStatus } from "@tachikoma/protocol";
import { ERRORS } from "@tachikoma/protocol";
import type { Store, StoredReceipt } from "../../stores/store.ts";
import type { Clock, Logger } from "../ports.ts";
import type { Execution } from "./execution.ts";

export interface ExecutionCommand {
  readonly tenant: string;
  readonly clientId: string;
  readonly commandId: string;
  readonly executionId: string;
}

export interface CommandReceipt {
  readonly status: ReceiptStatus;
  readonly executionId: string;
  readonly channel?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Gets the final receipt of a command when it comes after the answer. */
export type Notify = (receipt: CommandReceipt) => void;

export type FinalStatus = Exclude<ReceiptStatus, "accepted">;

export interface CommandReceiptsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly receiptTtlMs: number;
}

/** Of one command; the first ones have given up long ago. */
const MAX_ASKERS = 8;
/** Pauses between tries to store a final receipt while the store is away. */
const SETTLE_RETRY_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000] as const;

export class CommandReceipts {
  readonly #options: CommandReceiptsOptions;
  /**
   * Commands that have been accepted and not settled, with who waits for that. Complete for the executions that run here, since
   * all their commands come here.
   */
  readonly #underWay = new Map<string, Notify[]>();

  constructor(options: CommandReceiptsOptions) {
    this.#options = options;
  }

  /** Stores an `accepted` receipt, or returns the one that the command has already. */
  claim(command: ExecutionCommand, channel: string): Promise<StoredReceipt> {
    const { store, clock, receiptTtlMs } = this.#options;
    const receipt: StoredReceipt = { status: "accepted", executionId: command.executionId, channel };
    return store.claimReceipt(command, receipt, clock.nowMs() + receiptTtlMs);
  }

  /**
   * Answers a command to a running execution and has it carried out, the first time it is seen. An execution that does not
   * run here rejects it.
   *
   * @param notify of every asker is called: a letter of another node may come after the client has asked here itself
   * @param apply carries the command out and settles it, now or later; or says why it cannot be
   * @param statusWhenGone what became of a command that was under way when its execution ended or its server died
   */
  async answer(
    command: ExecutionCommand,
    execution: Execution | undefined,
    notify: Notify,
    apply: (settle: (status: FinalStatus) => void) => ErrorCode | undefined,
    statusWhenGone?: (channel: string) => Promise<FinalStatus | undefined>,
  ): Promise<CommandReceipt> {
    const id = JSON.stringify([command.tenant, command.clientId, command.commandId]);
    const isUnderWay = this.#underWay.has(id);
    this.#underWay.set(id, [...(this.#underWay.get(id) ?? []), notify].slice(-MAX_ASKERS));
    let isLeftOpen = false;
    try {
      const receipt = await this.claim(command, execution?.key.channel ?? "");
      if (receipt.status !== "accepted") return toWire(receipt);
      if (execution === undefined) return await this.#settleGone(command, receipt, statusWhenGone);
      const refusal = isUnderWay ? undefined : this.#apply(command, id, receipt, apply);
      if (refusal !== undefined) return await this.#settle(command, receipt, "rejected", refusal);
      isLeftOpen = true;
      return toWire(receipt);
    } finally {
      if (!isLeftOpen && !isUnderWay) this.#underWay.delete(id);
    }
  }

  #apply(
    command: ExecutionCommand,
    id: string,
    receipt: StoredReceipt,
    apply: (settle: (status: FinalStatus) => void) => ErrorCode | undefined,
  ): ErrorCode | undefined {
    return apply((status) => {
      const code = status === "rejected" ? "EXECUTION_ENDED" : undefined;
      this.#settleAtLast(command, receipt, status, code).then(
        (final) => {
          const askers = this.#underWay.get(id) ?? [];
          this.#underWay.delete(id);
          for (const notify of askers) notify(final);
        },
        (cause: unknown) => {
          this.#underWay.delete(id);
          this.#options.logger.warn({ err: cause, ...command }, "Receipt could not be stored");
        },
      );
    });
  }

  /** The command has taken effect: whoever waits for its receipt gets it when the store is back. */
  async #settleAtLast(
    command: ExecutionCommand,
    accepted: StoredReceipt,
    status: FinalStatus,
    errorCode: ErrorCode | undefined,
  ): Promise<CommandReceipt> {
    for (const retryMs of SETTLE_RETRY_MS) {
      try {
        return await this.#settle(command, accepted, status, errorCode);
      } catch (cause) {
        this.#options.logger.debug({ err: cause, ...command, retryMs }, "Receipt not stored yet");
        await new Promise<void>((resolve) => this.#options.clock.setTimer(retryMs, resolve));
      }
    }
    return this.#settle(command, accepted, status, errorCode);
  }

  async #settleGone(
    command: ExecutionCommand,
    receipt: StoredReceipt,
    statusWhenGone: ((channel: string) => Promise<FinalStatus | undefined>) | undefined,
  ): Promise<CommandReceipt> {
    // Only a command that found its execution running knows the channel.
    const status = receipt.channel === "" ? undefined : await statusWhenGone?.(receipt.channel);
    if (status === undefined) return this.#settle(command, receipt, "rejected", "UNKNOWN_EXECUTION");
    return this.#settle(command, receipt, status, undefined);
  }

  async #settle(
    command: ExecutionCommand,
    accepted: StoredReceipt,
    status: FinalStatus,
    errorCode: ErrorCode | undefined,
  ): Promise<CommandReceipt> {
    const receipt: StoredReceipt = { ...accepted, status, ...(errorCode === undefined ? {} : { errorCode }) };
    await this.#options.store.updateReceipt(command, receipt);
    return toWire(receipt);
  }
}

function toWire(receipt: StoredReceipt): CommandReceipt {
  const code = receipt.errorCode as ErrorCode | undefined;
  return {
    status: receipt.status,
    executionId: receipt.executionId,
    ...(receipt.channel === "" ? {} : { channel: receipt.channel }),
    ...(code === undefined ? {} : { error: { code, message: ERRORS[code].message } }),
  };
}
