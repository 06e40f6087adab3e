/** Tries what the store does, on keys of its own that go by themselves: only that shows what an ACL really allows. */
import type { RedisDurability } from "../../config/database-target.ts";

export type SendCommand = (args: readonly string[]) => Promise<unknown>;

export interface RightsOptions {
  readonly send: SendCommand;
  /** Subscribes to a sharded channel and leaves it again. */
  readonly subscribe: (channel: string) => Promise<void>;
  readonly keyPrefix: string;
  readonly durability: RedisDurability;
  /** Makes the names unique. */
  readonly runId: string;
}

const SCRATCH_TTL_MS = "10000";

/** @returns what was refused: commands by name, and keys or channels by their pattern */
export async function deniedRights(options: RightsOptions): Promise<string[]> {
  const { send, subscribe, keyPrefix, runId } = options;
  const scratch = `${keyPrefix}:doctor:${runId}`;
  const denied = new Set<string>();
  const attempt = async (name: string, work: () => Promise<unknown>) => {
    const refusal = await work().then(
      () => undefined,
      (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
    );
    const what = refusal === undefined ? undefined : deniedBy(refusal, name, keyPrefix);
    if (what !== undefined) denied.add(what);
  };
  for (const args of commandsOf(scratch, options.durability)) await attempt(args[0]!, () => send(args));
  await attempt("SSUBSCRIBE", () => subscribe(scratch));
  return [...denied];
}

function commandsOf(scratch: string, durability: RedisDurability): readonly (readonly string[])[] {
  const [text, hash, stream, sorted, set] = ["text", "hash", "stream", "sorted", "set"].map(
    (kind) => `${scratch}:${kind}`,
  ) as [string, string, string, string, string];
  const names = [text, hash, stream, sorted, set];
  return [
    ["SET", text, "1", "PX", SCRATCH_TTL_MS],
    ["GET", text],
    ["HSET", hash, "a", "1"],
    ["HGETALL", hash],
    ["HDEL", hash, "b"],
    ["XADD", stream, "1-1", "a", "1"],
    ["XRANGE", stream, "-", "+", "COUNT", "1"],
    ["XREVRANGE", stream, "+", "-", "COUNT", "1"],
    ["XTRIM", stream, "MAXLEN", "10"],
    ["ZADD", sorted, "1", "a"],
    ["ZRANGE", sorted, "0", "0"],
    ["ZREM", sorted, "b"],
    ["SADD", set, "a"],
    ["SMEMBERS", set],
    ...names.map((name) => ["PEXPIRE", name, SCRATCH_TTL_MS]),
    ["EVAL", "return redis.call('EXISTS', KEYS[1])", "1", text],
    ["EVALSHA", "0".repeat(40), "0"],
    ["SCRIPT", "LOAD", "return 1"],
    ["SPUBLISH", scratch, "1"],
    ["TIME"],
    ["INFO", "server"],
    ...(durability === "replica" ? [["WAIT", "0", "1"]] : []),
    ...(durability === "fsync" ? [["WAITAOF", "0", "0", "1"]] : []),
    ["DEL", ...names],
  ];
}

/** `undefined` for what failed for another reason. */
function deniedBy(message: string, name: string, keyPrefix: string): string | undefined {
  if (!message.startsWith("NOPERM")) return undefined;
  if (/\bkeys?\b/.test(message)) return `the keys ~${keyPrefix}:*`;
  return /\bchannels?\b/.test(message) ? `the channels &${keyPrefix}:*` : name;
}
