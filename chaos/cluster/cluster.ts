/**
 * The nodes of one trial, what stores their logs, and the proxies between all of them:
 *
 *   clients --entry--> node 1..N --storeLink--> redis (master --link--> replica)
 *
 * With memory or SQLite there is one node and nothing behind it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  RedisServer,
  type RedisServerOptions,
} from "../../packages/server/src/stores/redis/testing/redis-server.ts";
import { machineMs } from "../machine-clock.ts";
import type { NodeConfig, NodeSettings } from "../node/node-config.ts";
import { FaultProxy } from "../proxy/fault-proxy.ts";
import { NodePlace } from "./node-place.ts";
import type { NodeProgramName } from "./node-program.ts";
import { RedisPair } from "./redis-pair.ts";

export type StoreSpec =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite" }
  | ({
      readonly kind: "redis";
      readonly hasReplica?: boolean;
      readonly database?: object;
    } & RedisServerOptions);

export interface ClusterSpec {
  readonly store: StoreSpec;
  /** @default 1 */
  readonly nodeCount?: number;
  /** @default "embedded" */
  readonly program?: NodeProgramName;
  readonly settings?: NodeSettings;
  readonly mutant?: string;
  readonly areTokensNeeded?: boolean;
  readonly onOwnerLost?: "interrupt" | "restart";
  readonly nodeFlags?: readonly string[];
  readonly wrapper?: readonly string[];
}

/** The shortest that the server takes. */
export const LEASE_TTL_SECS = 2;

/** Where a node keeps its database, apart from what it writes for the trial. */
const DATA_FOLDER = "data";

/** Tells connections of a node that wait for hints of new records from the others. */
const SUBSCRIBER_MARK = "SUBSCRIBE";

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
      await cluster.#openRedis();
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

  /** The proxies between the nodes and Redis. */
  get storeLinks(): readonly FaultProxy[] {
    return this.nodes.flatMap(({ storeLink }) => storeLink ?? []);
  }

  /** The Redis that takes writes. */
  get master(): RedisServer {
    const master = this.pair?.master ?? this.redis;
    if (master === undefined) throw new Error("This cluster has no Redis");
    return master;
  }

  /** What Redis does not have on its disk is gone. Nodes find nobody there until it is started again. */
  async killRedis(): Promise<void> {
    for (const link of this.storeLinks) link.targetPort = undefined;
    await this.redis?.kill();
  }

  async startRedis(): Promise<void> {
    if (this.redis?.isRunning === false) await this.redis.restart();
    this.#followMaster();
  }

  /** The replica takes over, without what the link to it has held back. */
  async failOver(): Promise<void> {
    for (const link of this.storeLinks) link.targetPort = undefined;
    await this.pair?.failOver();
    this.#followMaster();
  }

  /** The end of all faults: everything runs, everything passes. */
  async heal(): Promise<void> {
    if (this.spec.store.kind === "redis") await this.startRedis();
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
    await Promise.all([this.redis?.dispose(), this.pair?.close()]);
    await Promise.all(this.nodes.flatMap(({ entry, storeLink }) => [entry.close(), storeLink?.close()]));
  }

  async #openRedis(): Promise<void> {
    const { store } = this.spec;
    if (store.kind !== "redis") return;
    if (store.hasReplica === true) this.pair = await RedisPair.start(store, this.#seed);
    else this.redis = await RedisServer.start(store);
  }

  /** Nodes find the master where it is now. */
  #followMaster(): void {
    for (const link of this.storeLinks) link.targetPort = this.master.port;
  }

  async #placeNodes(): Promise<void> {
    const { nodeCount = 1, program = "embedded", store, nodeFlags, wrapper } = this.spec;
    for (let number = 1; number <= nodeCount; number += 1) {
      const folder = join(this.#folder, `node-${number}`);
      mkdirSync(join(folder, DATA_FOLDER), { recursive: true });
      const seed = this.#seed + number * 10;
      const storeLink =
        store.kind === "redis"
          ? await FaultProxy.start({ targetPort: this.master.port, seed, watchFor: [SUBSCRIBER_MARK] })
          : undefined;
      const place = new NodePlace({
        name: `node-${number}`,
        folder,
        entry: await FaultProxy.start({ seed: seed + 1 }),
        storeLink,
        program,
        config: this.#nodeConfig(folder, storeLink),
        ...(nodeFlags === undefined ? {} : { nodeFlags }),
        ...(wrapper === undefined ? {} : { wrapper }),
        nowMs: machineMs,
      });
      this.nodes.push(place);
    }
  }

  #nodeConfig(folder: string, storeLink: FaultProxy | undefined): Omit<NodeConfig, "journalPath" | "life"> {
    const { store, settings, mutant, areTokensNeeded, onOwnerLost } = this.spec;
    return {
      databaseUrl: databaseUrl(store, folder, storeLink),
      ...(store.kind === "redis" && store.database !== undefined ? { database: store.database } : {}),
      settings: withFastTimers(settings),
      ...(mutant === undefined ? {} : { mutant }),
      ...(areTokensNeeded === undefined ? {} : { areTokensNeeded }),
      ...(onOwnerLost === undefined ? {} : { onOwnerLost }),
    };
  }
}

/** Connections between a node and Redis over which the node is told of new records. */
export function subscriberConnections(link: FaultProxy) {
  return link.connections.filter(({ toServer }) => toServer.hasSeen(SUBSCRIBER_MARK));
}

function databaseUrl(store: StoreSpec, folder: string, storeLink: FaultProxy | undefined): string {
  switch (store.kind) {
    case "memory":
      return "memory://";
    case "sqlite":
      return `sqlite://${join(folder, DATA_FOLDER, "tachikoma.db")}`;
    case "redis":
      return `redis://127.0.0.1:${storeLink!.port}`;
  }
}

/** A dead peer is noticed within about a second, and no client is limited: trials are about other things. */
function withFastTimers(settings: NodeSettings = {}): NodeSettings {
  return {
    ...settings,
    cluster: { leaseTtlSecs: LEASE_TTL_SECS, ...settings.cluster },
    server: { drainTimeoutSecs: 1, ...settings.server },
    websocket: {
      pingIntervalSecs: 0.25,
      pongTimeoutSecs: 1,
      maxMessagesPerSec: 10_000,
      ...settings.websocket,
    },
    limits: {
      maxExecutionsPerChannel: 100,
      maxExecutionsPerConnection: 100,
      // How busy the machine is depends on what else it does: nobody is turned away for that.
      maxEventLoopDelayMs: 60_000,
      maxEventLoopUtilization: 1,
      ...settings.limits,
    },
    channels: { small: { history: { records: 12 } }, ...settings.channels },
  };
}
