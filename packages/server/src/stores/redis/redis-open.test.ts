import { describe, expect, test } from "vitest";
import { seededRandom } from "../contract/contract-fixture.ts";
import { openRedisStore } from "./redis-store.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { redisTestBed } from "./testing/redis-test-bed.ts";

const refused = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });
const config = (message: string) => refused("CONFIG_INVALID", message);
const unavailable = (message: string) => refused("STORE_UNAVAILABLE", message);

describe("the address of a redis store", () => {
  test.each([
    ["", "is not a URL"],
    ["localhost:6379", "must start with redis:// or rediss://"],
    ["http://localhost", "must start with redis:// or rediss://"],
    ["redis://", "names no host"],
    ["redis://localhost/keys", "nothing after the host but the number of a database"],
    ["redis://localhost?tls=1", "must not have a part after ?"],
    ["redis://:100%@localhost", "must be written as %25"],
  ])("%j is refused", async (url, message) => {
    await expect(openRedisStore({ url, random: seededRandom(1) })).rejects.toEqual(config(message));
  });

  test("is never repeated where it could hold a password", async () => {
    for (const url of [
      "redis://:canary@a b",
      "http://:canary@host",
      "redis://:canary@host/x",
      "redis://:canary%@h",
    ]) {
      const error: unknown = await openRedisStore({ url, random: seededRandom(1) }).catch((thrown) => thrown);
      expect(JSON.stringify([String(error), (error as Error).stack, (error as Error).cause])).not.toContain(
        "canary",
      );
    }
  });
});

describeWithRedis("a redis store that is opened", () => {
  const bed = redisTestBed();

  test("on an address where nobody listens says so", async () => {
    const server = await bed.startServer();
    await server.stop();
    await expect(bed.open(server.url)).rejects.toEqual(
      unavailable(`Redis at redis://127.0.0.1:${server.port} does not answer: connect ECONNREFUSED`),
    );
  });

  test("on one that takes connections and says nothing gives up in time", async () => {
    const silent = await bed.startServer();
    silent.pause();
    await expect(bed.open(silent.url, { connectTimeoutMs: 300 })).rejects.toEqual(
      unavailable("does not answer: no answer within 300 ms"),
    );
  });

  test("without its password, or with another one, says which of them is missing", async () => {
    const server = await bed.startServer({ password: "s3cret/%" });
    const address = `redis://127.0.0.1:${server.port}`;
    await expect(bed.open(address)).rejects.toEqual(config(`Redis at ${address} asks for a password`));
    const wrong: unknown = await bed
      .open(`redis://:canary@127.0.0.1:${server.port}`)
      .catch((thrown) => thrown);
    expect(wrong).toEqual(config("does not know this name and password"));
    expect(JSON.stringify([String(wrong), String((wrong as Error).cause)])).not.toContain("canary");
    const { store } = await bed.open(server.url);
    await store.ping();
  });

  test.each(["allkeys-lru", "allkeys-random"])("refuses a server with %s", async (evictionPolicy) => {
    const server = await bed.startServer({ evictionPolicy, maxMemoryBytes: 100_000_000 });
    await expect(bed.open(server.url)).rejects.toEqual(
      config(`maxmemory-policy ${evictionPolicy}, which throws records away`),
    );
  });

  test("refuses a replica", async () => {
    const master = await bed.startServer();
    const replica = await bed.startServer({ replicaOfPort: master.port });
    await expect(bed.open(replica.url)).rejects.toEqual(unavailable("is a replica; writes go to a master"));
  });

  test("refuses a user who may not do what it needs, and names the command", async () => {
    const server = await bed.startServer();
    await server.command("ACL", "SETUSER", "narrow", "on", ">pw", "~*", "&*", "+info", "+ping");
    const url = server.urlFor({ name: "narrow", password: "pw" });
    await expect(bed.open(url)).rejects.toEqual(
      config("does not allow this user what the store needs: NOPERM"),
    );
    await server.command("ACL", "SETUSER", "narrow", "+@all", "resetchannels");
    await expect(bed.open(url)).rejects.toEqual(
      config("does not allow this user what the store needs: NOPERM"),
    );
  });

  test("does without what it only asks for to be sure", async () => {
    const server = await bed.startServer();
    const withheld = ["-client|kill", "-client|id", "-config|get"];
    await server.command("ACL", "SETUSER", "managed", "on", ">pw", "~*", "&*", "+@all", ...withheld);
    const url = server.urlFor({ name: "managed", password: "pw" });
    const { store, events } = await bed.open(url);
    await server.command("CLIENT", "KILL", "TYPE", "normal");
    await events.until("new connection", () => events.reconnectedCount === 1);
    await store.ping();
    await expect(bed.open(url, { durability: "fsync" })).rejects.toEqual(config("has appendonly off"));
    await server.command("CONFIG", "SET", "appendonly", "yes");
    await expect(bed.open(url, { durability: "fsync" })).rejects.toEqual(config("CONFIG GET is refused"));
  });

  test("keeps what others hold under other prefixes and in other databases apart", async () => {
    const server = await bed.startServer();
    const key = { tenant: "acme", channel: "chat:1" };
    const { store } = await bed.open(server.url);
    await store.openLog(key, 0);
    expect(await (await bed.open(server.url, { keyPrefix: "other" })).store.logState(key)).toBeUndefined();
    expect(await (await bed.open(`${server.url}/1`)).store.logState(key)).toBeUndefined();
    expect(await (await bed.open(server.url)).store.logState(key)).toBeDefined();
  });
});
