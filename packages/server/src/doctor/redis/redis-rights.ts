/** Tries what the store does, on keys of its own that it removes again: only that shows what an ACL really allows. */
import type { RedisDurability } from "../../stores/redis/server-check.ts";

export type SendCommand = (args: readonly string[]) => Promise<unknown>;

export interface RightsOptions {
  readonly send: SendCommand;
  /** Subscribes to a sharded channel. */
  readonly subscribe: (channel: string) => Promise<void>;
  /** What all names of the store start with. */
  readonly root: string;
  /** A name under it that nobody else has. */
  readonly scratch: string;
  readonly durability: RedisDurability;
}

const SCRATCH_TTL_MS = "10000";

/** @returns what was refused: commands by name, and keys or channels by their pattern */
export async function deniedRights(options: RightsOptions): Promise<string[]> {
  const { send, subscribe, root, scratch } = options;
  const denied = new Set<string>();
  const attempt = async (name: string, work: () => Promise<unknown>) => {
    const refusal = await work().then(
      () => undefined,
      (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
    );
    const what = refusal === undefined ? undefined : deniedBy(refusal, name, root);
    if (what !== undefined) denied.add(what);
  };
  for (const args of commandsOf(scratch, options.durability)) await attempt(args[0]!, () => send(args));
  await attempt("SSUBSCRIBE", () => subscribe(scratch));
  return [...denied];
}

/** Every command of the store once: on its own, or as part of its scripts. */
export function commandsOf(scratch: string, durability: RedisDurability): readonly (readonly string[])[] {
  const [text, number, hash, stream, sorted, set] = ["text", "number", "hash", "stream", "sorted", "set"].map(
    (kind) => `${scratch}:${kind}`,
  ) as [string, string, string, string, string, string];
  const names = [text, number, hash, stream, sorted, set];
  return [
    ["PING"],
    ["INFO", "server"],
    ["TIME"],
    ["SCRIPT", "LOAD", "return 1"],
    ["EVALSHA", "0".repeat(40), "1", text],
    ["SET", text, "1", "PX", SCRATCH_TTL_MS],
    ["GET", text],
    ["EXISTS", text],
    ["INCR", number],
    ["HSET", hash, "a", "1"],
    ["HSETNX", hash, "a", "1"],
    ["HINCRBY", hash, "a", "1"],
    ["HGET", hash, "a"],
    ["HMGET", hash, "a"],
    ["HGETALL", hash],
    ["HLEN", hash],
    ["HDEL", hash, "b"],
    ["XADD", stream, "1-1", "a", "1"],
    ["XRANGE", stream, "-", "+", "COUNT", "1"],
    ["XLEN", stream],
    ["XTRIM", stream, "MAXLEN", "10"],
    ["ZADD", sorted, "1", "a"],
    ["ZRANGE", sorted, "0", "0"],
    ["ZSCORE", sorted, "a"],
    ["ZREM", sorted, "b"],
    ["SADD", set, "a"],
    ["SREM", set, "b"],
    ["SPOP", set, "1"],
    ["SPUBLISH", scratch, "1"],
    ...(durability === "replica" ? [["WAIT", "0", "1"]] : []),
    ...(durability === "fsync" ? [["WAITAOF", "0", "0", "1"]] : []),
    ["DEL", ...names],
    ["UNLINK", ...names],
  ];
}

/** `undefined` for what failed for another reason. */
function deniedBy(message: string, name: string, root: string): string | undefined {
  if (!message.startsWith("NOPERM")) return undefined;
  if (/\bkeys?\b/.test(message)) return `the keys ~${root}*`;
  return /\bchannels?\b/.test(message) ? `the channels &${root}*` : name;
}
