import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../../e2e/support/wait.ts";
import { FaultProxy } from "../proxy/fault-proxy.ts";
import { RedisPair } from "./redis-pair.ts";
import { redisMissing } from "./redis-presence.ts";
import { type Persistence, RedisServer } from "./redis-server.ts";

const missing = redisMissing();

const cleanups: (() => unknown)[] = [];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tachikoma-redis-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startRedis(persistence: Persistence): Promise<RedisServer> {
  const redis = await RedisServer.start(join(folder, "redis"), { persistence });
  cleanups.push(() => redis.kill());
  return redis;
}

test.skipIf(missing).each([
  ["none", null],
  ["always", "2"],
] as const)("with persistence %s a kill leaves %s", async (persistence, left) => {
  const redis = await startRedis(persistence);
  await redis.command("SET", "a", 1);
  await redis.command("INCR", "a");
  await redis.kill();
  expect(redis.isRunning).toBe(false);
  await redis.start();
  expect(await redis.command("GET", "a")).toBe(left);
});

test.skipIf(missing)("a client reaches it through a proxy only", async () => {
  const redis = await startRedis("none");
  const proxy = await FaultProxy.start({ target: { path: redis.socketPath }, seed: 1 });
  cleanups.push(() => proxy.close());
  const { createClient } = await import("@redis/client");
  const client = createClient({ url: `redis://127.0.0.1:${proxy.port}` });
  client.on("error", () => {});
  await client.connect();
  cleanups.push(() => client.destroy());
  await client.set("through", "the proxy");
  expect(await redis.command("GET", "through")).toBe("the proxy");
});

test.skipIf(missing)("what the link to the replica holds back is lost with the master", async () => {
  const pair = await RedisPair.start(folder, { persistence: "none" }, 1);
  cleanups.push(() => pair.close());
  const write = async (value: number) => Number(await pair.master.command("RPUSH", "log", value));
  for (let value = 1; value <= 20; value += 1) await write(value);
  await pair.inSync();
  pair.cutLink();
  for (let value = 21; value <= 40; value += 1) await write(value);
  await pair.failOver();
  expect(await pair.master.command("LLEN", "log")).toBe(20);
  await write(100);
  await pair.inSync();
  expect(await pair.replica.command("LLEN", "log")).toBe(21);
});

test.skipIf(missing)(
  "WAIT tells how many replicas have it, and that none has it behind a black hole",
  async () => {
    const pair = await RedisPair.start(folder, { persistence: "none" }, 2);
    cleanups.push(() => pair.close());
    // WAIT answers for the connection that wrote, which is the one of `command`.
    await pair.master.command("SET", "a", 1);
    expect(await pair.master.command("WAIT", 1, 5_000)).toBe(1);
    pair.cutLink();
    await pair.master.command("SET", "a", 2);
    expect(await pair.master.command("WAIT", 1, 50)).toBe(0);
  },
);

test.skipIf(missing)("full memory is an error that ends when there is room", async () => {
  const redis = await RedisServer.start(join(folder, "small"), {
    persistence: "none",
    maxMemoryBytes: 3_000_000,
  });
  cleanups.push(() => redis.kill());
  const big = "x".repeat(500_000);
  const fill = async () => {
    for (let index = 0; index < 20; index += 1) await redis.command("SET", `key ${index}`, big);
  };
  await expect(fill()).rejects.toThrow(/OOM/);
  await redis.command("CONFIG", "SET", "maxmemory", 0);
  await eventually(5_000, "room", async () => (await redis.command("SET", "a", big)) ?? undefined);
});
