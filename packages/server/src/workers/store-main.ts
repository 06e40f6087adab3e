/** The process that has the store of all workers: the file of SQLite has one owner, and it is this one. */
import { rm } from "node:fs/promises";
import { TachikomaError } from "@tachikoma/protocol";
import { databaseTarget } from "../config/database-target.ts";
import { createProcessMetrics } from "../metrics/process-metrics.ts";
import { systemRandom } from "../platform/system-random.ts";
import { createMemoryStore } from "../stores/memory/memory-store.ts";
import { StoreServer } from "../stores/remote/store-server.ts";
import { openSqliteStore } from "../stores/sqlite/sqlite-store.ts";
import type { Store } from "../stores/store.ts";
import { childLogger, type RunningChild, runChild, tellParent } from "./child-program.ts";
import type { StartStore } from "./process-message.ts";

/** One of before, whose parent has just died, may still be closing it. */
const LOCK_TIMEOUT_MS = 5_000;

async function start(message: StartStore): Promise<RunningChild> {
  const logger = childLogger(message, { process: "store" });
  const store = await openStore(message, logger);
  const server = await StoreServer.open({
    store,
    path: message.storePath,
    onNodeDropped: (reason) => logger.warn({ reason }, "A worker was cut off from the store"),
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= server.close().then(() => store.close());
    return closing;
  };
  const metrics = createProcessMetrics();
  logger.info({ pid: process.pid }, "The store is open");
  tellParent({ type: "serving" });
  return {
    hear: (instruction) => {
      if (instruction.type === "tell-metrics")
        tellParent({ type: "told-metrics", id: instruction.id, text: metrics.expose() });
      if (instruction.type === "stop") void close().finally(() => process.exit(0));
    },
    // The workers have gone with the parent: nobody else is left to tidy up.
    orphaned: async () => {
      await close().finally(() => rm(message.socketFolder, { recursive: true, force: true }));
    },
  };
}

async function openStore(message: StartStore, logger: ReturnType<typeof childLogger>): Promise<Store> {
  const { settings, nodes } = message;
  const target = databaseTarget(settings.database);
  switch (target.kind) {
    case "memory":
      return createMemoryStore({ random: systemRandom });
    case "sqlite":
      return openSqliteStore({
        path: target.path,
        durability: target.durability,
        random: systemRandom,
        logger,
        nodesElsewhere: nodes,
        lockTimeoutMs: LOCK_TIMEOUT_MS,
        // Another process can open it again.
        onDied: () => process.exit(1),
      });
    case "redis":
      throw new Error("Workers reach Redis by themselves");
    case "fault":
      throw new TachikomaError("CONFIG_INVALID", `database.${target.key}: ${target.message}`);
  }
}

runChild(start);
