/**
 * A master and its replica, with a proxy on the link between them. Black-holing that link before the master dies is what loses
 * a tail for certain: stopping the replica instead would leave the bytes in its socket, to be read when it is promoted.
 */
import { join } from "node:path";
import { eventually } from "../../e2e/support/wait.ts";
import { BLACK_HOLE } from "../proxy/connection-faults.ts";
import { FaultProxy } from "../proxy/fault-proxy.ts";
import { type RedisOptions, RedisServer } from "./redis-server.ts";

const SYNC_TIMEOUT_MS = 10_000;

export class RedisPair {
  readonly #folder: string;
  readonly #options: RedisOptions;
  readonly #seed: number;
  master: RedisServer;
  replica: RedisServer;
  link: FaultProxy;
  #startedCount: number;

  private constructor(
    folder: string,
    options: RedisOptions,
    seed: number,
    parts: { readonly master: RedisServer; readonly replica: RedisServer; readonly link: FaultProxy },
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#seed = seed;
    this.#startedCount = 2;
    this.master = parts.master;
    this.replica = parts.replica;
    this.link = parts.link;
  }

  static async start(folder: string, options: RedisOptions, seed: number): Promise<RedisPair> {
    const master = await RedisServer.start(join(folder, "redis-1"), options);
    const link = await FaultProxy.start({ target: { path: master.socketPath }, seed });
    const replica = await RedisServer.start(join(folder, "redis-2"), { ...options, replicaOf: link.port });
    const pair = new RedisPair(folder, options, seed, { master, replica, link });
    await pair.inSync();
    return pair;
  }

  /** The replica has everything that the master has. */
  async inSync(): Promise<void> {
    let seen = "";
    await eventually(
      SYNC_TIMEOUT_MS,
      "the replica to be in sync",
      async () => {
        const status = await this.replica.info("replication", "master_link_status");
        const [wanted, got] = await Promise.all([this.offsetOf(this.master), this.offsetOf(this.replica)]);
        seen = `link ${status}, offsets ${wanted} and ${got}`;
        return (status === "up" && wanted === got) || undefined;
      },
      () => seen,
    );
  }

  /** Bytes of the replication stream that it has. */
  async offsetOf(server: RedisServer): Promise<number> {
    const isMaster = (await server.info("replication", "role")) === "master";
    return Number(await server.info("replication", isMaster ? "master_repl_offset" : "slave_repl_offset"));
  }

  /** From here on nothing that the master writes reaches the replica. */
  cutLink(): void {
    this.link.setFaults(BLACK_HOLE);
  }

  /**
   * Kills the master and promotes the replica; what the link held back is lost. A fresh replica follows the new master, for
   * the next time.
   */
  async failOver(): Promise<void> {
    await this.master.kill();
    this.link.admission = "refuse";
    this.link.cutAll("rst");
    await this.replica.command("REPLICAOF", "NO", "ONE");
    await this.link.close();
    this.master = this.replica;
    this.#startedCount += 1;
    this.link = await FaultProxy.start({
      target: { path: this.master.socketPath },
      seed: this.#seed + this.#startedCount,
    });
    this.replica = await RedisServer.start(join(this.#folder, `redis-${this.#startedCount}`), {
      ...this.#options,
      replicaOf: this.link.port,
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.master.kill(), this.replica.kill()]);
    await this.link.close();
  }
}
