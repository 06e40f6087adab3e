/**
 * A master and its replica, with a proxy on the link between them. Black-holing that link before the master dies is what loses
 * a tail for certain: stopping the replica instead would leave the bytes in its socket, to be read when it is promoted.
 */
import { eventually } from "../../e2e/support/wait.ts";
import {
  RedisServer,
  type RedisServerOptions,
} from "../../packages/server/src/stores/redis/testing/redis-server.ts";
import { BLACK_HOLE } from "../proxy/connection-faults.ts";
import { FaultProxy } from "../proxy/fault-proxy.ts";

const SYNC_TIMEOUT_MS = 10_000;

export class RedisPair {
  master: RedisServer;
  replica: RedisServer;
  link: FaultProxy;
  readonly #options: RedisServerOptions;
  #seed: number;

  private constructor(
    options: RedisServerOptions,
    seed: number,
    parts: { readonly master: RedisServer; readonly replica: RedisServer; readonly link: FaultProxy },
  ) {
    this.#options = options;
    this.#seed = seed;
    this.master = parts.master;
    this.replica = parts.replica;
    this.link = parts.link;
  }

  static async start(options: RedisServerOptions, seed: number): Promise<RedisPair> {
    const master = await RedisServer.start(options);
    const { link, replica } = await follow(master, options, seed);
    const pair = new RedisPair(options, seed, { master, replica, link });
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
        const [master, replica] = await Promise.all([
          replicationOf(this.master),
          replicationOf(this.replica),
        ]);
        const [wanted, got] = [master.get("master_repl_offset"), replica.get("slave_repl_offset")];
        seen = `link ${replica.get("master_link_status")}, offsets ${wanted} and ${got}`;
        return (replica.get("master_link_status") === "up" && wanted === got) || undefined;
      },
      () => seen,
    );
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
    await this.master.dispose();
    this.link.targetPort = undefined;
    this.link.cutAll("rst");
    await this.replica.promote();
    await this.link.close();
    this.master = this.replica;
    this.#seed += 1;
    const { link, replica } = await follow(this.master, this.#options, this.#seed);
    this.link = link;
    this.replica = replica;
  }

  async close(): Promise<void> {
    await Promise.all([this.master.dispose(), this.replica.dispose()]);
    await this.link.close();
  }
}

async function follow(master: RedisServer, options: RedisServerOptions, seed: number) {
  const link = await FaultProxy.start({ targetPort: master.port, seed });
  const replica = await RedisServer.start({ ...options, replicaOfPort: link.port });
  return { link, replica };
}

async function replicationOf(server: RedisServer): Promise<Map<string, string>> {
  const text = String(await server.command("INFO", "replication"));
  return new Map(text.split("\r\n").map((line) => line.split(":", 2) as [string, string]));
}
