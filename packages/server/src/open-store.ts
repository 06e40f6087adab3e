import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { TachikomaError } from "@tachikoma/protocol";
import { type DatabaseSettings, databaseTarget } from "./config/database-target.ts";
import type { Logger, Random } from "./core/ports.ts";
import { createMemoryStore } from "./stores/memory/memory-store.ts";
import { openSqliteStore } from "./stores/sqlite/sqlite-store.ts";
import type { Store } from "./stores/store.ts";

interface StorePorts {
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Opens the store that the settings mean.
 *
 * @throws CONFIG_INVALID, STORE_UNAVAILABLE
 */
export async function openStore(settings: DatabaseSettings, ports: StorePorts): Promise<Store> {
  const target = databaseTarget(settings);
  switch (target.kind) {
    case "fault":
      throw new TachikomaError("CONFIG_INVALID", `database.${target.key}: ${target.message}`);
    case "memory":
      return createMemoryStore(ports);
    case "sqlite":
      mkdirSync(dirname(target.path), { recursive: true });
      return openSqliteStore({ ...ports, path: target.path, durability: target.durability });
    case "redis":
      throw new TachikomaError("CONFIG_INVALID", `Redis is not available yet (${target.address})`);
  }
}
