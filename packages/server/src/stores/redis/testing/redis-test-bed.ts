import { afterEach } from "vitest";
import { seededRandom } from "../../contract/contract-fixture.ts";
import type { Store } from "../../store.ts";
import { openRedisStore, type RedisStoreOptions } from "../redis-store.ts";
import { RedisServer, type RedisServerOptions } from "./redis-server.ts";
import { StoreEvents } from "./store-events.ts";
import { TcpForwarder } from "./tcp-forwarder.ts";

export interface OpenedStore {
  readonly store: Store;
  readonly events: StoreEvents;
}

export interface RedisTestBed {
  startServer(options?: RedisServerOptions): Promise<RedisServer>;
  startForwarder(targetPort: number): Promise<TcpForwarder>;
  /** A store that takes the times of its callers and listens to hints. */
  open(url: string, options?: Partial<RedisStoreOptions>): Promise<OpenedStore>;
}

/** What the tests of a file start; all of it is ended after each test. */
export function redisTestBed(): RedisTestBed {
  const ends: (() => Promise<unknown>)[] = [];
  let seed = 1;
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return {
    async startServer(options) {
      const server = await RedisServer.start(options);
      ends.push(() => server.dispose());
      return server;
    },
    async startForwarder(targetPort) {
      const forwarder = await TcpForwarder.start(targetPort);
      ends.push(() => forwarder[Symbol.asyncDispose]());
      return forwarder;
    },
    async open(url, options = {}) {
      const events = new StoreEvents();
      const common = { random: seededRandom(seed++), logger: events.logger, observer: events };
      const store = await openRedisStore({ url, time: "caller", ...common, ...options });
      ends.push(() => store.close());
      store.listen(events);
      return { store, events };
    },
  };
}
