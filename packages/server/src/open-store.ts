import { TachikomaError } from "@tachikoma/protocol";
import { type DatabaseSettings, databaseTarget } from "./config/database-target.ts";
import { redisUrlText } from "./config/database-url.ts";
import type { Observer } from "./core/observer.ts";
import type { Logger, Random } from "./core/ports.ts";
import { createMemoryStore } from "./stores/memory/memory-store.ts";
import { openSqliteStore } from "./stores/sqlite/sqlite-store.ts";
import type { Store } from "./stores/store.ts";

/** What a store is given of the server around it. */
export interface StorePorts {
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Pick<Observer, "wakeUpArrived" | "storeReconnected">;
}

/**
 * Opens the store that the settings mean.
 *
 * @throws CONFIG_INVALID, STORE_UNAVAILABLE
 */
export async function openStore(settings: DatabaseSettings, ports: StorePorts): Promise<Store> {
  const { random, logger } = ports;
  const target = databaseTarget(settings);
  switch (target.kind) {
    case "fault":
      throw new TachikomaError("CONFIG_INVALID", `database.${target.key}: ${target.message}`);
    case "memory":
      return createMemoryStore({ random });
    case "sqlite":
      return openSqliteStore({ random, logger, path: target.path, durability: target.durability });
    case "redis": {
      const { address, keyPrefix, durability } = target;
      // Loaded where it is used: a server on one file needs no client for Redis.
      const { openRedisStore } = await import("./stores/redis/redis-store.ts");
      return openRedisStore({ url: redisUrlText(address), keyPrefix, durability, ...ports });
    }
  }
}
