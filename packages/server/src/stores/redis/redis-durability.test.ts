import { describe, expect, test } from "vitest";
import { append, bodiesOf, CHAT, NOW_MS } from "../contract/contract-fixture.ts";
import { CommitLine } from "./commit-line.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { redisTestBed } from "./testing/redis-test-bed.ts";

describe("a line of calls that are confirmed together", () => {
  /** Answers each command when it is told to. */
  class SlowServer {
    readonly sent: string[] = [];
    readonly #answers: ((reply: unknown) => void)[] = [];

    readonly send = (args: readonly string[]) => {
      this.sent.push(args.join(" "));
      return new Promise<unknown>((resolve) => this.#answers.push(resolve));
    };

    async answer(...replies: readonly unknown[]): Promise<void> {
      for (const reply of replies) this.#answers.shift()!(reply);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test("asks once for all that was called in one task, and for the rest when that is answered", async () => {
    const server = new SlowServer();
    const line = new CommitLine({
      send: server.send,
      confirmation: { kind: "replica" },
      confirmTimeoutMs: 700,
    });
    const settled: unknown[] = [];
    const submit = (name: string, isWrite = true) =>
      line.submit([name], isWrite).then(
        (reply) => settled.push(reply),
        (error: Error) => settled.push(`${name}: ${error.message}`),
      );
    void submit("a");
    void submit("read", false);
    void submit("b");
    await server.answer();
    expect(server.sent).toEqual(["a", "read", "b", "WAIT 1 700"]);
    void submit("c");
    void submit("d");
    await server.answer("A", "R", "B");
    expect(settled).toEqual(["R"]);
    expect(server.sent).toHaveLength(4);
    await server.answer(1);
    expect(settled).toEqual(["R", "A", "B"]);
    expect(server.sent.slice(4)).toEqual(["c", "d", "WAIT 1 700"]);
    await server.answer("C", "D", 0);
    expect(settled.slice(3)).toEqual([
      "c: no replica had it within 700 ms",
      "d: no replica had it within 700 ms",
    ]);
  });

  test("asks for nothing where only something was looked up, or where nothing has to be asked for", async () => {
    const server = new SlowServer();
    const line = new CommitLine({
      send: server.send,
      confirmation: { kind: "replica" },
      confirmTimeoutMs: 700,
    });
    const read = line.submit(["read"], false);
    await server.answer();
    await server.answer("R");
    expect(await read).toBe("R");
    const plain = new CommitLine({
      send: server.send,
      confirmation: { kind: "none" },
      confirmTimeoutMs: 700,
    });
    const write = plain.submit(["write"], true);
    await server.answer("W");
    expect(await write).toBe("W");
    expect(server.sent).toEqual(["read", "write"]);
  });

  test("asks for the disk where the server can tell", async () => {
    const server = new SlowServer();
    const line = new CommitLine({
      send: server.send,
      confirmation: { kind: "fsync" },
      confirmTimeoutMs: 700,
    });
    const writes = [line.submit(["a"], true)];
    await server.answer();
    await server.answer("A", [1, 0]);
    expect(await writes[0]).toBe("A");
    writes.push(line.submit(["b"], true));
    await server.answer();
    expect(server.sent).toEqual(["a", "WAITAOF 1 0 700", "b", "WAITAOF 1 0 700"]);
    void server.answer("B", [0, 0]);
    await expect(writes[1]).rejects.toThrow("it was not on the disk within 700 ms");
  });

  test("hands on what goes wrong with the question", async () => {
    const lost = new Error("lost");
    const send = (args: readonly string[]) =>
      args[0] === "WAIT" ? Promise.reject(lost) : Promise.resolve("ok");
    const line = new CommitLine({ send, confirmation: { kind: "replica" }, confirmTimeoutMs: 700 });
    await expect(line.submit(["a"], true)).rejects.toBe(lost);
    await expect(line.submit(["b"], true)).rejects.toBe(lost);
  });
});

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
