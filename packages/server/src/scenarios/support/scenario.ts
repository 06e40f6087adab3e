/** One server over one store, both of them real, and the way to stop it and start another one on the same data. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemRandom } from "../../platform/system-random.ts";
import type { ServerOptions } from "../../server-options.ts";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import { openSqliteStore } from "../../stores/sqlite/sqlite-store.ts";
import type { LogRecord, Store } from "../../stores/store.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

export const STORE_KINDS = ["memory", "sqlite"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

export const TENANT = "default";

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

export class Scenario {
  readonly #openStore: () => Promise<Store>;
  readonly #options: ServerOptions;
  #store: Store;
  #server: TestServer;

  private constructor(
    openStore: () => Promise<Store>,
    options: ServerOptions,
    store: Store,
    server: TestServer,
  ) {
    this.#openStore = openStore;
    this.#options = options;
    this.#store = store;
    this.#server = server;
  }

  /** To be called within a test. */
  static async start(kind: StoreKind, options: ServerOptions = {}): Promise<Scenario> {
    const openStore = kind === "memory" ? memoryOpener() : await sqliteOpener();
    const store = await openStore();
    const server = await startTestServer({ ...options, store });
    return new Scenario(openStore, options, store, server);
  }

  get store(): Store {
    return this.#store;
  }

  get server(): TestServer {
    return this.#server;
  }

  /** Stops the server and starts another one on the same data. */
  async restart(options: ServerOptions = this.#options): Promise<void> {
    await this.#server.stop();
    this.#store = await this.#openStore();
    this.#server = await startTestServer({ ...options, store: this.#store });
  }

  /** Publishes in the name of the application, one after the other. */
  async publish(channel: string, ...data: unknown[]): Promise<string[]> {
    const positions: string[] = [];
    for (const item of data) positions.push(await this.#server.server.publish(channel, item));
    return positions;
  }

  /** What the log holds now, checked to be without gaps. */
  async records(channel: string): Promise<readonly LogRecord[]> {
    const key = { tenant: TENANT, channel };
    const read = await this.#store.read({ key, afterSeq: 0, maxRecords: 1e6, maxBytes: 1e9 });
    const records = read?.records ?? [];
    for (const [index, { seq }] of records.entries()) {
      const expected = read!.state.base.seq + 1 + index;
      if (seq !== expected) throw new Error(`Record ${index} of ${channel} is ${seq} instead of ${expected}`);
    }
    return records;
  }

  /** Types of the records of one execution, in order. */
  async recordTypesOf(channel: string, executionId: string): Promise<string[]> {
    const records = await this.records(channel);
    return records.filter((record) => record.executionId === executionId).map(({ type }) => type);
  }
}

/** The memory store outlives the servers that use it. */
function memoryOpener(): () => Promise<Store> {
  const store = createMemoryStore({ random: systemRandom });
  return async () => store;
}

async function sqliteOpener(): Promise<() => Promise<Store>> {
  const folder = await mkdtemp(join(tmpdir(), "tachikoma-scenario-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return () =>
    openSqliteStore({
      path: join(folder, "scenario.db"),
      random: systemRandom,
      logger: silentLogger,
      durability: "process-crash",
    });
}
