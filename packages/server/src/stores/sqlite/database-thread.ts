/** The worker thread seen from the main side: starts it, feeds it from the queue, and notices when it dies. */

import { Worker } from "node:worker_threads";
import { TachikomaError } from "@tachikoma/protocol";
import type { Logger } from "../../core/ports.ts";
import { CommitQueue, type QueueLimits } from "./commit-queue.ts";
import { errorOf } from "./failure-error.ts";
import type { Answers, DatabaseSettings, FromWorker, Notice, ToWorker } from "./sqlite-call.ts";
import { inheritedFlags, workerFile } from "./worker-file.ts";
import { WriteHealth } from "./write-health.ts";

export class DatabaseThread {
  readonly queue: CommitQueue;
  readonly #worker: Worker;
  readonly #path: string;
  readonly #logger: Logger | undefined;
  readonly #onDied: (() => void) | undefined;
  readonly #health: WriteHealth;
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #closing: Promise<void> | undefined;
  /** True when the thread has said that it will end. */
  #isEndAnnounced = false;

  constructor(
    settings: DatabaseSettings,
    limits: QueueLimits,
    { logger, onDied }: { readonly logger: Logger | undefined; readonly onDied: (() => void) | undefined },
  ) {
    this.#path = settings.path;
    this.#logger = logger;
    this.#onDied = onDied;
    this.#health = new WriteHealth(settings.path, logger, () => performance.now());
    this.#worker = new Worker(workerFile("sqlite-worker"), {
      workerData: settings,
      name: "tachikoma-sqlite",
      ...inheritedFlags(),
    });
    this.queue = new CommitQueue((batch) => this.#send({ type: "batch", batch }), limits);
    this.#worker.on("message", (message: FromWorker) => this.#receive(message));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", (exitCode) => this.#die(new Error(`The thread ended with code ${exitCode}`)));
    // Whoever waits for these hears of it; nobody has to wait.
    this.#ready.promise.catch(() => undefined);
    this.#closed.promise.catch(() => undefined);
  }

  /** True when the latest commit was possible. */
  get canWrite(): boolean {
    return this.#health.canWrite;
  }

  /** Resolves when the database is open. */
  async ready(): Promise<void> {
    await this.#ready.promise;
    this.#releaseWhenIdle();
  }

  /** Answers what was called before, then closes the database. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.queue.drain(new TachikomaError("STORE_UNAVAILABLE", `Database ${this.#path} is closed`));
    this.#send({ type: "close" });
    await this.#closed.promise;
  }

  #send(message: ToWorker): void {
    // An idle store does not keep the process alive; an unanswered call does.
    this.#worker.ref();
    this.#worker.postMessage(message);
  }

  #releaseWhenIdle(): void {
    if (this.queue.isIdle && this.#closing === undefined) this.#worker.unref();
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#tellOfOpening(message);
        this.#ready.resolve();
        return;
      case "refused":
        this.#isEndAnnounced = true;
        this.#ready.reject(errorOf(message.failure));
        return;
      case "written":
        this.#noteHealth(message.answers);
        this.queue.settleWrites(message.answers);
        this.#releaseWhenIdle();
        return;
      case "read":
        this.queue.settleReads(message.answers);
        this.#releaseWhenIdle();
        return;
      case "notice":
        this.#tell(message.notice);
        return;
      case "closed":
        this.#isEndAnnounced = true;
        if (message.failure === undefined) this.#closed.resolve();
        else this.#closed.reject(errorOf(message.failure));
        return;
    }
  }

  #noteHealth({ fault, failures }: Answers): void {
    if (fault === undefined) {
      this.#health.committed();
      return;
    }
    const reason = [...failures.values()].find(({ cause }) => cause !== undefined)?.cause;
    this.#health.failed(fault, reason);
  }

  #tellOfOpening({ hasRenewedEpochs, upgradedFrom }: Extract<FromWorker, { type: "ready" }>): void {
    const path = this.#path;
    if (upgradedFrom !== undefined) {
      this.#logger?.info(
        { path, upgradedFrom },
        "The database was brought up to date; servers of before cannot open it any more",
      );
    }
    if (hasRenewedEpochs) {
      this.#logger?.warn(
        { path },
        "The last run did not end in an orderly way and may have lost its latest records: every log has a new epoch",
      );
    }
  }

  #tell(notice: Notice): void {
    const path = this.#path;
    if (notice.kind === "damaged") {
      const { place, reason } = notice;
      this.#logger?.error(
        { path, place, reason },
        "The database is damaged: what touches the damage is refused. Stop the server and restore a backup; docs/operating.md says how to go on without one",
      );
      return;
    }
    this.#logger?.warn(
      { path, walBytes: notice.byteCount },
      "Another process has been reading the database for long: its write-ahead log grows until that one ends",
    );
  }

  #die(cause: Error): void {
    if (this.#isEndAnnounced) return;
    this.#isEndAnnounced = true;
    const error = new TachikomaError(
      "STORE_UNAVAILABLE",
      `The thread of database ${this.#path} has died; the server must be restarted`,
      { cause },
    );
    this.#logger?.error(
      { path: this.#path, error: cause.message },
      "The SQLite thread has died. Every call to the store is refused until the server is restarted",
    );
    this.#ready.reject(error);
    this.queue.fail(error);
    this.#closed.reject(error);
    this.#onDied?.();
  }
}
