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

/** What a new connection has to know of the ones before it. */
export interface Predecessors {
  /** The greatest that this process knows of. */
  readonly generation: number;
  /** The last one, as its server knew it. */
  readonly last: { readonly runId: string; readonly clientId: string } | undefined;
}

export interface CheckedConnection {
  readonly connection: RedisConnection;
  /** The number of this connection, by which its server knows it; empty where it does not tell. */
  readonly clientId: string;
  readonly confirmation: Confirmation;
  readonly facts: ServerFacts;
  readonly generation: number;
}

/** @throws CONFIG_INVALID for what stays as it is until somebody changes it, STORE_UNAVAILABLE for the rest */
export async function openChecked(
  options: CheckOptions,
  predecessors: Predecessors,
): Promise<CheckedConnection> {
  const { label } = options.connection.address;
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open(options.connection);
    return await check(connection, options, predecessors);
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
  { generation: seenGeneration, last }: Predecessors,
): Promise<CheckedConnection> {
  const { facts, clientId } = await lookAt(connection);
  const verdict = judgeServer(facts, durability);
  if (!verdict.isUsable) {
    const code = verdict.isPermanent ? "CONFIG_INVALID" : "STORE_UNAVAILABLE";
    throw new TachikomaError(code, `Redis at ${address.label} ${verdict.reason}`);
  }
  if (last?.runId === facts.runId) await endPredecessor(connection, last.clientId);
  await loadScripts(connection);
  const identity = `${facts.runId} ${facts.inheritedId}`;
  const renew = ["EVALSHA", RENEW_GENERATION.sha, "1", names.server, identity, String(seenGeneration)];
  const generation = Number(await connection.command(renew));
  return { connection, clientId, confirmation: verdict.confirmation, facts, generation };
}

/**
 * What was sent on a connection that was given up may still be on its way, held up by the network, and would run after what is sent on
 * this one. Redis reads nothing more from a connection that it has ended.
 */
async function endPredecessor(connection: RedisConnection, clientId: string): Promise<void> {
  // Where that is not allowed the order of calls holds within a connection only; what matters carries a number of its own.
  if (clientId !== "") await connection.command(["CLIENT", "KILL", "ID", clientId]).catch(() => undefined);
}

async function lookAt(connection: RedisConnection) {
  const [info, clientId, fsync] = await Promise.all([
    connection.command(["INFO"]),
    connection.command(["CLIENT", "ID"]).catch(() => ""),
    // Managed servers refuse it; what follows from not knowing is decided with the rest.
    connection.command(["CONFIG", "GET", "appendfsync"]).catch(() => undefined),
  ]);
  return { facts: serverFacts(String(info), appendFsyncIn(fsync)), clientId: String(clientId) };
}

function appendFsyncIn(reply: unknown): string | undefined {
  if (typeof reply !== "object" || reply === null) return undefined;
  const value = (reply as Record<string, unknown>)["appendfsync"];
  return typeof value === "string" ? value : undefined;
}
