/**
 * The parent of all processes of `tachikoma serve --workers N`. It starts them, starts again what dies, and tells them to stop. It
 * serves nobody and decides nothing about clients: that is between the workers and their store.
 *
 *   parent --+-- store          has the SQLite file; only where the store is not a server of its own
 *            +-- worker 1..N    nodes, each an ordinary server
 *
 * The port belongs to the parent (`node:cluster`, in turn), so it is there while a worker is started again, a connection that waits
 * to be accepted outlives the worker it would have gone to, and each worker gets as many. With `reusePort` each worker would have a queue of
 * its own, which is reset with it, a second server on the port would not be noticed, and macOS and Windows have none.
 */
import { fork } from "node:child_process";
import cluster from "node:cluster";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { databaseTarget } from "../config/database-target.ts";
import type { Settings } from "../config/settings.ts";
import type { Logger } from "../core/ports.ts";
import { systemClock } from "../platform/system-clock.ts";
import { inheritedFlags } from "../stores/sqlite/worker-file.ts";
import { MetricsDesk } from "./metrics-desk.ts";
import { Place } from "./place.ts";
import { checkedPort } from "./port-check.ts";
import type { ChildMessage, StartStore, StartWorker } from "./process-message.ts";
import { spawnedProcess } from "./spawned-process.ts";

/** What a worker may take beyond the drain timeout: handlers that do not listen, requests, closing handshakes. */
const STOP_SLACK_MS = 20_000;
const STORE_STOP_MS = 20_000;

export interface WorkerGroupOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly workerCount: number;
  /** Whether the processes write their log for a person. */
  readonly isLogPretty: boolean;
}

export class WorkerGroup {
  readonly #options: WorkerGroupOptions;
  readonly #clock = systemClock;
  readonly #workers: readonly Place[];
  readonly #store: Place | undefined;
  readonly #desk: MetricsDesk;
  readonly #failed = Promise.withResolvers<never>();
  #settings: Settings;
  #socketFolder = "";
  #replacing: Promise<void> | undefined;
  #isStopping = false;

  constructor(options: WorkerGroupOptions) {
    this.#options = options;
    this.#settings = options.settings;
    const numbers = Array.from({ length: options.workerCount }, (_, index) => index + 1);
    const kind = databaseTarget(options.settings.database).kind;
    this.#store = kind === "redis" ? undefined : this.#storePlace();
    this.#workers = numbers.map((worker) => this.#workerPlace(worker));
    const tellers = new Map(numbers.map((worker) => [String(worker), this.#workers[worker - 1]!]));
    if (this.#store !== undefined) tellers.set("store", this.#store);
    this.#desk = new MetricsDesk({
      clock: this.#clock,
      workers: [...tellers.keys()],
      ask: (teller, id) => {
        const place = tellers.get(teller)!;
        if (place.isServing) place.send({ type: "tell-metrics", id });
        return place.isServing;
      },
    });
    // Whoever waits for it hears of it.
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects when a process keeps on dying. Never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /**
   * Resolves with the address when all workers serve.
   *
   * @throws CONFIG_INVALID, STORE_UNAVAILABLE, or what the operating system says of the address
   */
  async start(): Promise<string> {
    try {
      return await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<string> {
    const { settings } = this.#options;
    const port = await checkedPort(settings.server.host, settings.server.port);
    this.#settings = { ...settings, server: { ...settings.server, port } };
    if (this.#store !== undefined) this.#socketFolder = await mkdtemp(join(tmpdir(), "tachikoma-"));
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({
      exec: programFile("worker-main"),
      args: [],
      serialization: "advanced",
      ...inheritedFlags(),
    });
    await this.#store?.start();
    const urls = await Promise.all(this.#workers.map((place) => place.start()));
    return urls[0]!;
  }

  /** Replaces one worker after the other, each by one that serves already: clients go to those that stay. */
  replaceAll(): Promise<void> {
    this.#replacing ??= this.#replaceAll().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  /** All workers at the same time, each within the drain timeout; then the store. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { drainTimeoutSecs } = this.#settings.server;
    const deadlineMs = drainTimeoutSecs * 1_000 + STOP_SLACK_MS;
    await Promise.all(this.#workers.map((place) => place.stop(deadlineMs)));
    await this.#store?.stop(STORE_STOP_MS);
    this.#desk.close();
    if (this.#socketFolder !== "") await rm(this.#socketFolder, { recursive: true, force: true });
  }

  async #replaceAll(): Promise<void> {
    const { logger } = this.#options;
    logger.info({ workers: this.#workers.length }, "Replacing all workers, one after the other");
    for (const place of this.#workers) {
      if (this.#isStopping) return;
      if (!(await place.replace())) {
        logger.error({}, "Not all workers were replaced");
        return;
      }
    }
    logger.info({ workers: this.#workers.length }, "All workers were replaced");
  }

  #workerPlace(worker: number): Place {
    return this.#place(
      `Worker ${worker}`,
      { worker },
      {
        spawn: () => {
          const message: StartWorker = {
            type: "start",
            settings: this.#settings,
            isLogPretty: this.#options.isLogPretty,
            worker,
            storePath: this.#store === undefined ? undefined : this.#storePath,
          };
          return spawnedProcess(cluster.fork().process, message);
        },
        onMessage: (message) => this.#hear(String(worker), message, this.#workers[worker - 1]),
      },
    );
  }

  #storePlace(): Place {
    return this.#place(
      "The store",
      { process: "store" },
      {
        spawn: (startedBefore) => {
          const message: StartStore = {
            type: "start",
            settings: this.#settings,
            isLogPretty: this.#options.isLogPretty,
            socketFolder: this.#socketFolder,
            storePath: this.#storePath,
            nodes: startedBefore === 0 ? "new" : "known",
          };
          const child = fork(programFile("store-main"), { serialization: "advanced", ...inheritedFlags() });
          return spawnedProcess(child, message);
        },
        onMessage: (message) => this.#hear("store", message),
      },
    );
  }

  #place(
    name: string,
    fields: Readonly<Record<string, string | number>>,
    own: Pick<ConstructorParameters<typeof Place>[0], "spawn" | "onMessage">,
  ): Place {
    return new Place({
      name,
      fields,
      ...own,
      clock: this.#clock,
      logger: this.#options.logger,
      onGivenUp: (reason) => this.#failed.reject(new Error(reason)),
    });
  }

  get #storePath(): string {
    if (process.platform !== "win32") return join(this.#socketFolder, "store.sock");
    return join("\\\\.\\pipe", this.#socketFolder, "store");
  }

  #hear(teller: string, message: ChildMessage, asker?: Place): void {
    if (message.type === "told-metrics") this.#desk.told(teller, message.id, message.text);
    if (message.type !== "gather-metrics") return;
    const { id } = message;
    void this.#desk.gather().then((parts) => asker?.send({ type: "metrics", id, parts }));
  }
}

/** The file of a program beside this one, of the kind that this one is: sources run unbuilt under type stripping. */
function programFile(name: string): string {
  return fileURLToPath(
    new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
  );
}
