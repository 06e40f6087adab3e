/** The contract, kept as the user that docs/redis.md makes: it can do all that the store needs, and nothing else. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../contract/contract-fixture.ts";
import { storeContract } from "../contract.ts";
import type { Store } from "../store.ts";
import { openRedisStore } from "./redis-store.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { RedisServer } from "./testing/redis-server.ts";

const PASSWORD = "correct-horse";

/** The words of the command in the documentation, with a password of ours. */
function documentedUser(): string[] {
  const page = readFileSync(join(import.meta.dirname, "../../../../../docs/redis.md"), "utf8");
  const block = /```redis\n(ACL SETUSER tachikoma [\s\S]*?)```/.exec(page);
  if (block === null) throw new Error("docs/redis.md has no ACL SETUSER");
  return block[1]!
    .replace("PASSWORD", PASSWORD)
    .split(/\s+/)
    .filter((word) => word !== "");
}

describeWithRedis("redis as the documented user", () => {
  let server: RedisServer;
  let url: string;
  let seed = 1;
  beforeAll(async () => {
    server = await RedisServer.start();
    expect(await server.command(...documentedUser())).toBe("OK");
    url = server.urlFor({ name: "tachikoma", password: PASSWORD });
  });
  afterAll(() => server.dispose());

  storeContract(
    "redis",
    async () => {
      await server.command("FLUSHALL");
      const stores: Store[] = [];
      const open = async () => {
        const store = await openRedisStore({ url, random: seededRandom(seed++), time: "caller" });
        stores.push(store);
        return store;
      };
      return {
        store: await open(),
        openAnother: open,
        dispose: async () => {
          await Promise.all(stores.map((store) => store.close()));
        },
      };
    },
    // An append is trimmed as a whole, and the suite appends four records at most where it counts.
    { slackRecords: 3, isShared: true },
  );

  test.each([
    ["GET", "other"],
    ["GET", "{tachikoma2}:server"],
    ["KEYS", "*"],
    ["CONFIG", "SET", "maxmemory", "1"],
    ["EVAL", "return 1", "0"],
    ["FLUSHALL"],
    ["ACL", "LIST"],
    ["SPUBLISH", "other", "x"],
    ["SUBSCRIBE", "{tachikoma}:hints:acme/chat"],
  ])("who may not %s %s", async (...args) => {
    await expect(server.commandAs(url, ...args)).rejects.toThrow("NOPERM");
  });
});
