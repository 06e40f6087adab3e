import { expect, test } from "vitest";
import { append, CHAT } from "../contract/contract-fixture.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { fastClock } from "./testing/fast-clock.ts";
import { type OpenedStore, redisTestBed } from "./testing/redis-test-bed.ts";

/** What takes two seconds by design takes a fifth of that here. */
const SPEED = 10;
const OTHER = { tenant: "acme", channel: "chat:2" };

describeWithRedis("hints of a redis store", () => {
  const bed = redisTestBed();
  const clock = fastClock(SPEED);

  /** Each node says something about each log, and the other hears it. */
  async function expectToHear(
    [here, there]: readonly [OpenedStore, OpenedStore],
    word: string,
  ): Promise<void> {
    for (const key of [CHAT, OTHER]) {
      here.store.say(key, `"${word} ${key.channel}"`);
      await there.events.until("note", () => there.events.notes.includes(`"${word} ${key.channel}"`));
    }
    const { epoch, lastSeq, tag } = await append(here.store, ["1"]);
    const isHead = () =>
      there.events.heads.some((head) => head.epoch === epoch && head.seq === lastSeq && head.tag === tag);
    await there.events.until("head", isHead);
  }

  async function follow(node: OpenedStore): Promise<OpenedStore> {
    await node.store.follow(CHAT);
    await node.store.follow(OTHER);
    return node;
  }

  test("are looked after: how long they take is told", async () => {
    const server = await bed.startServer();
    const { events } = await bed.open(server.url, { clock });
    await events.until("three probes", () => events.lagsMs.length >= 3);
    for (const lagMs of events.lagsMs) expect(lagMs).toBeGreaterThan(0);
    expect(events.hintsLostCount).toBe(0);
  });

  test("are heard again after Redis has dropped the connection, and the listener learns of the gap", async () => {
    const server = await bed.startServer();
    const here = await bed.open(server.url);
    const there = await follow(await bed.open(server.url));
    await expectToHear([here, there], "before");
    await server.command("CLIENT", "KILL", "TYPE", "pubsub");
    await there.events.until("loss of hints", () => there.events.hintsLostCount === 1);
    await expectToHear([here, there], "after");
    // The line of the calls was not touched.
    expect(there.events.reconnectedCount).toBe(0);
  });

  test("that have stopped coming on a connection that looks healthy are noticed by the probe", async () => {
    const server = await bed.startServer();
    const here = await bed.open(server.url);
    // The second connection through it is the one for hints.
    const line = await bed.startForwarder(server.port);
    const there = await follow(await bed.open(server.urlFor(undefined, line.port), { clock }));
    await expectToHear([here, there], "before");
    line.swallowConnection(1);
    await there.events.until("loss of hints", () => there.events.hintsLostCount === 1);
    expect(there.events.lines.join("\n")).toContain("Hints through Redis");
    expect(there.events.lines.join("\n")).toContain("nothing arrived within 2000 ms");
    await expectToHear([here, there], "after");
    expect(there.events.reconnectedCount).toBe(0);
  });

  test("are heard again after Redis was away", async () => {
    const server = await bed.startServer();
    const here = await bed.open(server.url);
    const there = await follow(await bed.open(server.url));
    await server.restart();
    await there.events.until("loss of hints", () => there.events.hintsLostCount === 1);
    for (const { events } of [here, there])
      await events.until("new connection", () => events.reconnectedCount === 1);
    await expectToHear([here, there], "after");
  });

  test("cannot be asked for while there is no connection, and can afterwards", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    await server.kill();
    await events.until("loss", () => events.lines.some((line) => line.includes("Hints through Redis")));
    await expect(store.follow(CHAT)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    store.unfollow(OTHER);
    store.say(CHAT, '"into the void"');
    await server.restart();
    await events.until("loss of hints", () => events.hintsLostCount === 1);
    await store.follow(CHAT);
  });

  test("of many logs come back in one go", async () => {
    const server = await bed.startServer();
    const here = await bed.open(server.url);
    const there = await bed.open(server.url);
    const keys = Array.from({ length: 1_200 }, (_, index) => ({ tenant: "acme", channel: `chat:${index}` }));
    await Promise.all(keys.map((key) => there.store.follow(key)));
    await server.command("CLIENT", "KILL", "TYPE", "pubsub");
    await there.events.until("loss of hints", () => there.events.hintsLostCount === 1);
    for (const key of keys) here.store.say(key, `"${key.channel}"`);
    await there.events.until("all notes", () => there.events.notes.length === keys.length);
  });
});
