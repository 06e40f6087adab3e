/**
 * One redis-server in a folder of its own. It listens on a Unix socket and on no port: whoever speaks TCP, a node or a
 * replica, comes through a proxy, so no two runs can ever take each other's port.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { RunningProcess } from "../../e2e/support/running-process.ts";
import { eventually } from "../../e2e/support/wait.ts";

/** What survives a crash of redis-server: nothing, all but about the last second, or everything it has answered. */
export type Persistence = "none" | "everysec" | "always";

export interface RedisOptions {
  readonly persistence: Persistence;
  /** @default no limit */
  readonly maxMemoryBytes?: number;
  /** @default "noeviction" */
  readonly evictionPolicy?: string;
  /** Port of 127.0.0.1 where its master is to be found. */
  readonly replicaOf?: number;
}

const START_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 10_000;

export class RedisServer {
  readonly socketPath: string;
  readonly #folder: string;
  #options: RedisOptions;
  #process: RunningProcess | undefined;
  #admin: ReturnType<typeof adminOf> | undefined;

  private constructor(folder: string, options: RedisOptions) {
    this.#folder = folder;
    this.#options = options;
    this.socketPath = join(folder, "redis.sock");
  }

  /** @throws Error when there is no redis-server on this machine, or when it does not come up */
  static async start(folder: string, options: RedisOptions): Promise<RedisServer> {
    mkdirSync(folder, { recursive: true });
    const server = new RedisServer(folder, options);
    await server.start();
    return server;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#process.hasEnded;
  }

  /** Again in the same folder, with what is found there. */
  async start(options: RedisOptions = this.#options): Promise<void> {
    this.#options = options;
    this.#process = new RunningProcess(argumentsOf(this.#folder, options), { program: "redis-server" });
    await this.#process.matched(/ready to accept connections/i, START_TIMEOUT_MS);
    this.#admin = adminOf(this.socketPath);
    await this.#admin.connect();
    await this.#loaded();
  }

  /** One command as an operator would give it. */
  async command(...words: readonly (string | number)[]): Promise<unknown> {
    const admin = this.#admin;
    if (admin === undefined) throw new Error("This Redis is not running");
    return await admin.sendCommand(words.map(String));
  }

  /** The value of one line of INFO. */
  async info(section: string, name: string): Promise<string | undefined> {
    const text = String(await this.command("INFO", section));
    return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1];
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  async kill(): Promise<void> {
    this.#forget();
    await this.#process?.kill();
    this.#process = undefined;
  }

  /** Stops in an orderly way, as an operator would. */
  async stop(): Promise<void> {
    this.#forget();
    this.#process?.signal("SIGTERM");
    await this.#process?.ended();
    this.#process = undefined;
  }

  #forget(): void {
    this.#admin?.destroy();
    this.#admin = undefined;
  }

  /** With an append-only file it accepts connections before it has read all of it. */
  async #loaded(): Promise<void> {
    let seen = "";
    await eventually(
      START_TIMEOUT_MS,
      "Redis to have loaded its data",
      async () => {
        seen = (await this.info("persistence", "loading")) ?? "no answer";
        return seen === "0" || undefined;
      },
      () => `loading: ${seen}`,
    );
  }
}

function adminOf(socketPath: string) {
  const admin = createClient({
    socket: { path: socketPath, reconnectStrategy: false },
    disableOfflineQueue: true,
    commandOptions: { timeout: COMMAND_TIMEOUT_MS },
  });
  // A command that fails says so to its caller.
  admin.on("error", () => {});
  return admin;
}

function argumentsOf(folder: string, options: RedisOptions): string[] {
  const { persistence, maxMemoryBytes, evictionPolicy, replicaOf } = options;
  const settings: Record<string, string> = {
    port: "0",
    unixsocket: join(folder, "redis.sock"),
    dir: folder,
    daemonize: "no",
    save: "",
    appendonly: persistence === "none" ? "no" : "yes",
    // A replica is there at once, and the link to its master is found dead soon.
    "repl-diskless-sync": "yes",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
    "maxmemory-policy": evictionPolicy ?? "noeviction",
    "busy-reply-threshold": "5000",
  };
  if (persistence !== "none") settings["appendfsync"] = persistence;
  if (maxMemoryBytes !== undefined) settings["maxmemory"] = String(maxMemoryBytes);
  if (replicaOf !== undefined) settings["replicaof"] = `127.0.0.1 ${replicaOf}`;
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split(" ")]);
}
