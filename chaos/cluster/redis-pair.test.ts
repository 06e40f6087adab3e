import { createClient } from "@redis/client";
import { afterEach, expect, test } from "vitest";
import { describeWithRedis } from "../../packages/server/src/stores/redis/testing/describe-with-redis.ts";
import { RedisPair } from "./redis-pair.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startPair(seed: number) {
  const pair = await RedisPair.start({ persistence: "none" }, seed);
  cleanups.push(() => pair.close());
  // WAIT answers for the connection that wrote.
  const client = createClient({ url: pair.master.url });
  client.on("error", () => {});
  await client.connect();
  cleanups.push(() => client.destroy());
  return { pair, client };
}

describeWithRedis("a master and its replica", () => {
  test("what the link between them holds back is lost with the master", async () => {
    const { pair, client } = await startPair(1);
    for (let value = 1; value <= 20; value += 1) await client.rPush("log", String(value));
    await pair.inSync();
    pair.cutLink();
    for (let value = 21; value <= 40; value += 1) await client.rPush("log", String(value));
    await pair.failOver();
    expect(await pair.master.command("LLEN", "log")).toBe(20);
    await pair.master.command("RPUSH", "log", "100");
    await pair.inSync();
    expect(await pair.replica.command("LLEN", "log")).toBe(21);
  });

  test("WAIT counts the replica, and does not count it behind a black hole", async () => {
    const { pair, client } = await startPair(2);
    await client.set("a", "1");
    expect(await client.wait(1, 5_000)).toBe(1);
    pair.cutLink();
    await client.set("a", "2");
    expect(await client.wait(1, 50)).toBe(0);
  });
});
