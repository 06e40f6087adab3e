import { afterAll, beforeAll } from "vitest";
import { seededRandom } from "../contract/contract-fixture.ts";
import { storeContract } from "../contract.ts";
import type { Store } from "../store.ts";
import { openRedisStore } from "./redis-store.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { RedisServer } from "./testing/redis-server.ts";

describeWithRedis("redis", () => {
  let server: RedisServer;
  let seed = 1;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.dispose());

  storeContract(
    "redis",
    async () => {
      const keyPrefix = `t${seed++}`;
      const stores: Store[] = [];
      const open = async () => {
        const random = seededRandom(1000 * seed + stores.length);
        const store = await openRedisStore({ url: server.url, keyPrefix, random, time: "caller" });
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
});
