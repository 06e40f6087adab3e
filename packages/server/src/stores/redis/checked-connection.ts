/**
 * A connection whose server was looked at: it can hold what is promised, it knows our scripts, and its generation is known. Only such
 * a connection serves calls.
 */
import { TachikomaError } from "@tachikoma/protocol";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";
import { faultOf, unavailable } from "./redis-fault.ts";
import type { RedisNames } from "./redis-names.ts";
import { ALL_SCRIPTS } from "./scripts/all-scripts.ts";
import { RENEW_GENERATION } from "./scripts/generation-script.ts";
import {
  type Confirmation,
  judgeServer,
  type RedisDurability,
  type ServerFacts,
  serverFacts,
} from "./server-check.ts";

export interface CheckOptions {
  readonly connection: RedisConnectionOptions;
  readonly names: RedisNames;
  readonly durability: RedisDurability;
}

export interface CheckedConnection {
  readonly connection: RedisConnection;
  readonly confirmation: Confirmation;
  readonly facts: ServerFacts;
  readonly generation: number;
}

/**
 * @param seenGeneration the greatest that this process knows of
 * @throws CONFIG_INVALID for what stays as it is until somebody changes it, STORE_UNAVAILABLE for the rest
 */
export async function openChecked(options: CheckOptions, seenGeneration: number): Promise<CheckedConnection> {
  const { label } = options.connection.address;
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open(options.connection);
    return await check(connection, options, seenGeneration);
  } catch (thrown) {
    connection?.destroy();
    const { kind, reason } = faultOf(thrown);
    const isRefused = kind === "NOAUTH" || kind === "WRONGPASS" || kind === "NOPERM";
    if (isRefused)
      throw new TachikomaError("CONFIG_INVALID", `Redis at ${label} ${reason}`, { cause: thrown });
    throw unavailable(label, reason, thrown);
  }
}

/** The server has forgotten the scripts, or has never known them. */
export async function loadScripts(connection: RedisConnection): Promise<void> {
  await Promise.all(ALL_SCRIPTS.map(({ text }) => connection.command(["SCRIPT", "LOAD", text])));
}

async function check(
  connection: RedisConnection,
  { connection: { address }, names, durability }: CheckOptions,
  seenGeneration: number,
): Promise<CheckedConnection> {
  const facts = await lookAt(connection);
  const verdict = judgeServer(facts, durability);
  if (!verdict.isUsable) {
    const code = verdict.isPermanent ? "CONFIG_INVALID" : "STORE_UNAVAILABLE";
    throw new TachikomaError(code, `Redis at ${address.label} ${verdict.reason}`);
  }
  await loadScripts(connection);
  const identity = `${facts.runId} ${facts.inheritedId}`;
  const renew = ["EVALSHA", RENEW_GENERATION.sha, "1", names.server, identity, String(seenGeneration)];
  const generation = Number(await connection.command(renew));
  return { connection, confirmation: verdict.confirmation, facts, generation };
}

async function lookAt(connection: RedisConnection): Promise<ServerFacts> {
  const [info, fsync] = await Promise.all([
    connection.command(["INFO"]),
    // Managed servers refuse it; what follows from not knowing is decided with the rest.
    connection.command(["CONFIG", "GET", "appendfsync"]).catch(() => undefined),
  ]);
  return serverFacts(String(info), appendFsyncIn(fsync));
}

function appendFsyncIn(reply: unknown): string | undefined {
  if (typeof reply !== "object" || reply === null) return undefined;
  const value = (reply as Record<string, unknown>)["appendfsync"];
  return typeof value === "string" ? value : undefined;
}
