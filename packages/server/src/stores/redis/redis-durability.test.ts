import { expect, test } from "vitest";
import { append, bodiesOf, CHAT, NOW_MS } from "../contract/contract-fixture.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { redisTestBed } from "./testing/redis-test-bed.ts";

describeWithRedis("durability of a redis store", () => {
  const bed = redisTestBed();
  const unavailable = (message: string) =>
    expect.objectContaining({ code: "STORE_UNAVAILABLE", message: expect.stringContaining(message) });

  test("replica: what was answered is there after the master is lost", async () => {
    const master = await bed.startServer();
    const replica = await bed.startServer({ replicaOfPort: master.port });
    await master.untilInfo("replication", "state=online");
    const { store } = await bed.open(master.url, { durability: "replica" });
    const results = await Promise.all(Array.from({ length: 300 }, (_, index) => append(store, [`${index}`])));
    await master.kill();
    await replica.promote();
    const { store: other } = await bed.open(replica.url);
    expect(await bodiesOf(other)).toEqual(results.map((_, index) => `${index}`));
  });

  test("replica: refuses while no replica answers, says what is not known, and goes on with the next one", async () => {
    const master = await bed.startServer();
    const replica = await bed.startServer({ replicaOfPort: master.port });
    await master.untilInfo("replication", "state=online");
    const { store } = await bed.open(master.url, { durability: "replica", confirmTimeoutMs: 4_000 });
    await append(store, ["1"]);
    const hasty = await bed.open(master.url, { durability: "replica", confirmTimeoutMs: 100 });
    replica.pause();
    await expect(append(hasty.store, ["2"], { idempotencyKey: "k" })).rejects.toEqual(
      unavailable("has taken the write, but no replica had it within 100 ms"),
    );
    expect(await bodiesOf(store)).toEqual(["1", "2"]);
    replica.resume();
    expect(await append(store, ["2"], { idempotencyKey: "k" })).toMatchObject({
      isDuplicate: true,
      firstSeq: 2,
    });
    expect(hasty.events.lines.join("\n")).toContain("no replica had it");
  });

  test("replica: is refused where there is none", async () => {
    const server = await bed.startServer();
    await expect(bed.open(server.url, { durability: "replica" })).rejects.toEqual(
      unavailable("has no replica connected"),
    );
  });

  test("fsync: what was answered is there after the server was killed", async () => {
    const server = await bed.startServer({ persistence: "always" });
    const { store, events } = await bed.open(server.url, { durability: "fsync" });
    await append(store, ["1"]);
    const lease = await store.acquireLease("execution:1", "a", 1000, NOW_MS, "{}");
    await server.kill();
    await server.restart();
    await events.until("new connection", () => events.reconnectedCount === 1);
    expect(await bodiesOf(store)).toEqual(["1"]);
    expect(await store.findLease("execution:1")).toEqual(lease);
  });

  test.each(["none", "everysec"] as const)("fsync: is refused with persistence %s", async (persistence) => {
    const server = await bed.startServer({ persistence });
    await expect(bed.open(server.url, { durability: "fsync" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });

  test("fsync: is given up when the server stops giving it", async () => {
    const server = await bed.startServer({ persistence: "always" });
    const { store, events } = await bed.open(server.url, { durability: "fsync" });
    await server.restart({ persistence: "everysec" });
    await events.until("refusal", () =>
      events.lines.some((line) => line.includes("has appendfsync everysec")),
    );
    await expect(store.openLog(CHAT, NOW_MS)).rejects.toEqual(unavailable("has appendfsync everysec"));
    await server.command("CONFIG", "SET", "appendfsync", "always");
    await events.until("new connection", () => events.reconnectedCount === 1);
    await store.openLog(CHAT, NOW_MS);
  });
});
