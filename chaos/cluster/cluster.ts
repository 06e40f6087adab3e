/**
 * The nodes of one trial, what stores their logs, and the proxies between all of them:
 *
 *   clients --entry--> node 1..N --storeLink--> redis (master --link--> replica)
 *
 * With memory or SQLite there is one node and nothing behind it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { machineMs } from "../machine-clock.ts";
import type { NodeConfig, NodeSettings } from "../node/node-config.ts";
import { FaultProxy } from "../proxy/fault-proxy.ts";
import { NodePlace } from "./node-place.ts";
import { RedisPair } from "./redis-pair.ts";
import { type RedisOptions, RedisServer } from "./redis-server.ts";

export type StoreSpec =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite" }
  | ({ readonly kind: "redis"; readonly hasReplica?: boolean; readonly database?: object } & RedisOptions);

export interface ClusterSpec {
  readonly store: StoreSpec;
  /** @default 1 */
  readonly nodeCount?: number;
  readonly settings?: NodeSettings;
  readonly leaseTtlMs?: number;
  readonly mutant?: string;
  readonly upstreamUrl?: string;
  readonly nodeFlags?: readonly string[];
  readonly wrapper?: readonly string[];
}

export class Cluster {
  readonly spec: ClusterSpec;
  readonly nodes: NodePlace[] = [];
  /** The only Redis, or the pair. */
  redis: RedisServer | undefined;
  pair: RedisPair | undefined;
  readonly #folder: string;
  readonly #seed: number;

  private constructor(folder: string, spec: ClusterSpec, seed: number) {
    this.#folder = folder;
    this.spec = spec;
    this.#seed = seed;
  }

  static async start(folder: string, spec: ClusterSpec, seed: number): Promise<Cluster> {
    const cluster = new Cluster(folder, spec, seed);
    try {
      await cluster.#startRedis();
      await cluster.#placeNodes();
      await Promise.all(cluster.nodes.map((node) => node.start()));
    } catch (cause) {
      await cluster.close();
      throw cause;
    }
    return cluster;
  }

  get upNodes(): readonly NodePlace[] {
    return this.nodes.filter((node) => node.isUp);
  }

  /** The Redis that takes writes. */
  get master(): RedisServer {
    const master = this.pair?.master ?? this.redis;
    if (master === undefined) throw new Error("This cluster has no Redis");
    return master;
  }

  /** Nodes find the master where it is now. */
  followMaster(): void {
    for (const { storeLink } of this.nodes)
      if (storeLink) storeLink.target = { path: this.master.socketPath };
  }

  /** The end of all faults: everything runs, everything passes. */
  async heal(): Promise<void> {
    if (this.redis?.isRunning === false) await this.redis.start();
    for (const node of this.nodes) {
      node.entry.heal();
      node.storeLink?.heal();
      if (node.isPaused) node.resume();
    }
    await Promise.all(this.nodes.map((node) => (node.isUp ? undefined : node.start())));
  }

  /** What the nodes have written, for people. */
  outputs(): string[] {
    return this.nodes.flatMap((node) => [`--- ${node.name}`, ...node.outputs]);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all([this.redis?.kill(), this.pair?.close()]);
    await Promise.all(this.nodes.flatMap(({ entry, storeLink }) => [entry.close(), storeLink?.close()]));
  }

  async #startRedis(): Promise<void> {
    const { store } = this.spec;
    if (store.kind !== "redis") return;
    if (store.hasReplica === true) this.pair = await RedisPair.start(this.#folder, store, this.#seed);
    else this.redis = await RedisServer.start(join(this.#folder, "redis"), store);
  }

  async #placeNodes(): Promise<void> {
    for (let number = 1; number <= (this.spec.nodeCount ?? 1); number += 1) {
      const folder = join(this.#folder, `node-${number}`);
      mkdirSync(folder, { recursive: true });
      const seed = this.#seed + number * 10;
      const storeLink =
        this.spec.store.kind === "redis"
          ? await FaultProxy.start({
              target: { path: this.master.socketPath },
              seed,
              watchFor: ["SUBSCRIBE"],
            })
          : undefined;
      const { nodeFlags, wrapper } = this.spec;
      this.nodes.push(
        new NodePlace({
          name: `node-${number}`,
          folder,
          entry: await FaultProxy.start({ seed: seed + 1 }),
          storeLink,
          config: this.#nodeConfig(folder, storeLink),
          ...(nodeFlags === undefined ? {} : { nodeFlags }),
          ...(wrapper === undefined ? {} : { wrapper }),
          nowMs: machineMs,
        }),
      );
    }
  }

  #nodeConfig(folder: string, storeLink: FaultProxy | undefined): Omit<NodeConfig, "journalPath" | "life"> {
    const { store, settings, leaseTtlMs, mutant, upstreamUrl } = this.spec;
    return {
      databaseUrl: databaseUrl(store, folder, storeLink),
      ...(store.kind === "redis" && store.database !== undefined ? { database: store.database } : {}),
      settings: withFastTimers(settings),
      ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
      ...(mutant === undefined ? {} : { mutant }),
      ...(upstreamUrl === undefined ? {} : { upstreamUrl }),
    };
  }
}

function databaseUrl(store: StoreSpec, folder: string, storeLink: FaultProxy | undefined): string {
  switch (store.kind) {
    case "memory":
      return "memory://";
    case "sqlite":
      return `sqlite://${join(folder, "tachikoma.db")}`;
    case "redis":
      return `redis://127.0.0.1:${storeLink!.port}`;
  }
}

/** A dead peer is noticed within half a second, and a clients' rate is no limit: trials are about other things. */
function withFastTimers(settings: NodeSettings = {}): NodeSettings {
  return {
    ...settings,
    server: { drainTimeoutSecs: 1, ...settings.server },
    websocket: {
      pingIntervalSecs: 0.25,
      pongTimeoutSecs: 1,
      maxMessagesPerSec: 10_000,
      ...settings.websocket,
    },
    limits: { maxExecutionsPerChannel: 100, maxExecutionsPerConnection: 100, ...settings.limits },
    channels: { small: { history: { records: 12 } }, ...settings.channels },
  };
}
