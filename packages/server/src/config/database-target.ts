/** Which store the settings mean, with everything that opening it needs. */
import type { RedisAddress } from "../stores/redis/redis-address.ts";
import type { RedisDurability } from "../stores/redis/server-check.ts";
import { parseDatabaseUrl } from "./database-url.ts";

export const SQLITE_DURABILITIES = ["power-loss", "process-crash"] as const;
export const REDIS_DURABILITIES = ["memory", "replica", "fsync"] as const satisfies RedisDurability[];
type SqliteDurability = (typeof SQLITE_DURABILITIES)[number];
export type Durability = SqliteDurability | RedisDurability;

const DEFAULT_SQLITE_DURABILITY: SqliteDurability = "power-loss";
const DEFAULT_REDIS_DURABILITY: RedisDurability = "memory";

export interface DatabaseSettings {
  readonly url: string;
  readonly password?: string | undefined;
  readonly keyPrefix: string;
  readonly durability?: Durability | undefined;
}

export type DatabaseTarget =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string; readonly durability: SqliteDurability }
  | {
      readonly kind: "redis";
      /** With the password. */
      readonly address: RedisAddress;
      readonly keyPrefix: string;
      readonly durability: RedisDurability;
    };

/** Two settings of the database that are fine one by one and wrong together. */
export interface DatabaseFault {
  readonly kind: "fault";
  readonly key: "url" | "durability" | "password";
  readonly message: string;
}

export function databaseTarget(settings: DatabaseSettings): DatabaseTarget | DatabaseFault {
  const url = parseDatabaseUrl(settings.url);
  switch (url.kind) {
    case "invalid":
      return { kind: "fault", key: "url", message: url.fault };
    case "memory":
      // Nothing outlives it, whatever is asked.
      return { kind: "memory" };
    case "sqlite": {
      const { durability = DEFAULT_SQLITE_DURABILITY } = settings;
      return isOneOf(SQLITE_DURABILITIES, durability)
        ? { kind: "sqlite", path: url.path, durability }
        : durabilityFault(durability, "SQLite", SQLITE_DURABILITIES);
    }
    case "redis":
      return redisTarget(url.address, settings);
  }
}

function redisTarget(address: RedisAddress, settings: DatabaseSettings): DatabaseTarget | DatabaseFault {
  const { password, keyPrefix, durability = DEFAULT_REDIS_DURABILITY } = settings;
  if (!isOneOf(REDIS_DURABILITIES, durability))
    return durabilityFault(durability, "Redis", REDIS_DURABILITIES);
  if (password !== undefined && address.password !== undefined) {
    return { kind: "fault", key: "password", message: "database.url holds a password too: give one of them" };
  }
  const whole = password === undefined ? address : { ...address, password };
  return { kind: "redis", address: whole, keyPrefix, durability };
}

/** The durability in force; nothing for a database that has none. */
export function durabilityInForce(settings: DatabaseSettings): { readonly durability?: Durability } {
  const target = databaseTarget(settings);
  return target.kind === "sqlite" || target.kind === "redis" ? { durability: target.durability } : {};
}

function durabilityFault(given: string, kind: string, choices: readonly string[]): DatabaseFault {
  const list = choices.map((choice) => JSON.stringify(choice)).join(", ");
  return {
    kind: "fault",
    key: "durability",
    message: `${JSON.stringify(given)} is none of ${kind}'s: ${list}`,
  };
}

function isOneOf<const Choice extends string>(choices: readonly Choice[], text: string): text is Choice {
  return choices.some((choice) => choice === text);
}
