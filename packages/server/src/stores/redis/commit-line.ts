/**
 * Sends the calls of one connection, and holds the answers to writes until they are as durable as was asked. Redis answers a write
 * when the master has it in memory; one more command waits for a replica or the disk.
 *
 * That command holds up the whole connection. So what is called meanwhile waits here and goes out together as the next batch, with
 * one such command at its end: group commit.
 */
import type { Confirmation } from "./server-check.ts";

export interface CommitLineOptions {
  readonly send: (args: readonly string[]) => Promise<unknown>;
  readonly confirmation: Confirmation;
  /** How long Redis waits for a replica or the disk. */
  readonly confirmTimeoutMs: number;
}

interface Waiting {
  readonly args: readonly string[];
  readonly isWrite: boolean;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The write was made; whether it will last is not known. */
export class UnconfirmedError extends Error {
  override readonly name = "UnconfirmedError";
}

export class CommitLine {
  readonly #options: CommitLineOptions;
  #waiting: Waiting[] = [];
  #isConfirming = false;
  #isSendScheduled = false;

  constructor(options: CommitLineOptions) {
    this.#options = options;
  }

  submit(args: readonly string[], isWrite: boolean): Promise<unknown> {
    const { send, confirmation } = this.#options;
    if (confirmation.kind === "none") return send(args);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ args, isWrite, resolve, reject });
      this.#scheduleSend();
    });
  }

  /** At the end of the task, so that calls made together travel together. */
  #scheduleSend(): void {
    if (this.#isSendScheduled || this.#isConfirming) return;
    this.#isSendScheduled = true;
    queueMicrotask(() => {
      this.#isSendScheduled = false;
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    const sent = batch.map((waiting) => ({ waiting, reply: this.#options.send(waiting.args) }));
    const confirmed = batch.some(({ isWrite }) => isWrite) ? this.#confirm() : undefined;
    // Where every write has failed, nobody asks for its confirmation.
    confirmed?.catch(() => {});
    for (const { waiting, reply } of sent) {
      const { isWrite, resolve, reject } = waiting;
      const settled =
        isWrite && confirmed !== undefined ? reply.then((value) => confirmed.then(() => value)) : reply;
      settled.then(resolve, reject);
    }
  }

  async #confirm(): Promise<void> {
    this.#isConfirming = true;
    try {
      await this.#askForConfirmation();
    } finally {
      this.#isConfirming = false;
      if (this.#waiting.length > 0) this.#scheduleSend();
    }
  }

  async #askForConfirmation(): Promise<void> {
    const { send, confirmation, confirmTimeoutMs } = this.#options;
    const timeout = String(confirmTimeoutMs);
    if (confirmation.kind === "replica") {
      const count = Number(await send(["WAIT", "1", timeout]));
      if (count < 1) throw new UnconfirmedError(`no replica had it within ${confirmTimeoutMs} ms`);
    } else {
      const [local] = (await send(["WAITAOF", "1", "0", timeout])) as readonly unknown[];
      if (Number(local) < 1)
        throw new UnconfirmedError(`it was not on the disk within ${confirmTimeoutMs} ms`);
    }
  }
}
