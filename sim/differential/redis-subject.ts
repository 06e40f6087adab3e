/**
 * The real Redis store on a real server. What it holds is copied and put back inside the server, with another identity written over
 * its own: so a lost tail takes a millisecond, and the store takes it for the promotion of a replica.
 */
import { seededRandom } from "../../packages/server/src/core/testing/seeded-random.ts";
import { openRedisStore } from "../../packages/server/src/stores/redis/redis-store.ts";
import { fastClock } from "../../packages/server/src/stores/redis/testing/fast-clock.ts";
import { RedisServer } from "../../packages/server/src/stores/redis/testing/redis-server.ts";
import type { Store } from "../../packages/server/src/stores/store.ts";
import type { Subject } from "./subject.ts";

const ROOT = "{differential}:";
const COPIES = "copy-of-";
const RECONNECT_DEADLINE_MS = 10_000;

/** All but what the server is known by, so that the store need not look at it again. */
const CLEAR = `
for _, key in ipairs(redis.call("KEYS", ARGV[1] .. "*")) do
  if key ~= ARGV[1] .. "server" and key ~= ARGV[1] .. "counter" then redis.call("DEL", key) end
end
for _, key in ipairs(redis.call("KEYS", ARGV[2] .. ARGV[1] .. "*")) do redis.call("DEL", key) end`;
const COPY = `
for _, key in ipairs(redis.call("KEYS", ARGV[1] .. "*")) do redis.call("COPY", key, ARGV[2] .. key) end`;
const PUT_BACK = `
for _, key in ipairs(redis.call("KEYS", ARGV[1] .. "*")) do redis.call("DEL", key) end
for _, key in ipairs(redis.call("KEYS", ARGV[2] .. ARGV[1] .. "*")) do
  redis.call("RENAME", key, string.sub(key, #ARGV[2] + 1))
end`;
/** Whoever asks next finds another server than the one that it has checked. */
const BECOME_ANOTHER = `
redis.call("HSET", ARGV[1] .. "server", "identity", "another", "generation", "0")`;

export class RedisSubject implements Subject {
  readonly store: Store;
  readonly #server: RedisServer;
  readonly #reconnections: Reconnections;
  #isReplicaCut = false;

  private constructor(server: RedisServer, store: Store, reconnections: Reconnections) {
    this.#server = server;
    this.store = store;
    this.#reconnections = reconnections;
  }

  static async start(): Promise<RedisSubject> {
    const server = await RedisServer.start();
    const reconnections = new Reconnections();
    const store = await openRedisStore({
      url: server.url,
      keyPrefix: "differential",
      random: seededRandom(99),
      clock: fastClock(50),
      time: "caller",
      observer: reconnections,
    });
    return new RedisSubject(server, store, reconnections);
  }

  async dispose(): Promise<void> {
    await this.store.close();
    await this.#server.dispose();
  }

  async clear(): Promise<void> {
    this.#isReplicaCut = false;
    await this.#run(CLEAR);
  }

  async cutReplica(): Promise<void> {
    if (this.#isReplicaCut) return;
    this.#isReplicaCut = true;
    await this.#run(COPY);
  }

  async promoteReplica(): Promise<void> {
    await this.#serveAnother(this.#isReplicaCut ? PUT_BACK : "");
    this.#isReplicaCut = false;
  }

  async restart(): Promise<void> {
    await this.#serveAnother("");
  }

  async restartEmpty(): Promise<void> {
    await this.#serveAnother(CLEAR);
    this.#isReplicaCut = false;
  }

  async #run(script: string): Promise<void> {
    await this.#server.command("EVAL", script, "0", ROOT, COPIES);
  }

  async #serveAnother(change: string): Promise<void> {
    await this.#run(change + BECOME_ANOTHER);
    const reconnected = this.#reconnections.next();
    // The first call finds out, and breaks the connection.
    await this.store.logState({ tenant: "nobody", channel: "none" }).catch(() => {});
    await reconnected;
  }
}

/** Told by the store that it has found Redis again. */
class Reconnections {
  #waiting: (() => void) | undefined;

  storeReconnected(): void {
    this.#waiting?.();
  }

  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`The store was not back after ${RECONNECT_DEADLINE_MS} ms`));
      const timer = setTimeout(fail, RECONNECT_DEADLINE_MS);
      this.#waiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
