/**
 * A redis-server of one's own, for tests, simulations and benchmarks: on 127.0.0.1 and a free port, with its files in a
 * folder of its own. It ends with this process at the latest.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createClient } from "@redis/client";

const START_DEADLINE_MS = 10_000;
const INFO_DEADLINE_MS = 10_000;
const MAX_PORT_TRIES = 5;

export interface RedisServerOptions {
  /** What is on the disk when a write has been answered: nothing, most of it, or all of it. @default "none" */
  readonly persistence?: "none" | "everysec" | "always";
  readonly maxMemoryBytes?: number;
  /** @default "noeviction" */
  readonly evictionPolicy?: string;
  /** Password of the default user. @default none */
  readonly password?: string;
  /** Port of the master on this machine, or of what stands before it; its password is taken to be the same. */
  readonly replicaOfPort?: number;
  /** @default a free one */
  readonly port?: number;
  /** More lines of redis.conf, by directive. */
  readonly directives?: Readonly<Record<string, string>>;
}

/** Where redis-server is on this machine; `undefined` when it is not installed. */
export function findRedisServer(): string | undefined {
  return findProgram("redis-server");
}

export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

export class RedisServer {
  readonly folder: string;
  readonly port: number;
  #options: RedisServerOptions;
  #process: ChildProcess | undefined;
  /** What it has written to its log since it was started last. */
  #output = "";

  private constructor(folder: string, port: number, options: RedisServerOptions) {
    this.folder = folder;
    this.port = port;
    this.#options = options;
  }

  /** Resolves when it takes connections. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "tachikoma-redis-"));
    for (let tryCount = 1; ; tryCount++) {
      const server = new RedisServer(folder, options.port ?? (await freePort()), options);
      try {
        await server.#launch();
        return server;
      } catch (error) {
        // Between looking for a free port and taking it somebody else may have taken it.
        const isPortTaken = options.port === undefined && server.#output.includes("Address already in use");
        if (isPortTaken && tryCount < MAX_PORT_TRIES) continue;
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }

  get pid(): number {
    return this.#running().pid!;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** What it has written to its log since it was started last. */
  get output(): string {
    return this.#output;
  }

  get url(): string {
    const { password } = this.#options;
    return this.urlFor(password === undefined ? undefined : { name: "", password });
  }

  urlFor(user: { readonly name: string; readonly password: string } | undefined, port = this.port): string {
    const credentials =
      user === undefined ? "" : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`;
    return `redis://${credentials}127.0.0.1:${port}`;
  }

  /** Runs one command on a connection of its own, as the default user. */
  async command(...args: readonly string[]): Promise<unknown> {
    return this.commandAs(this.url, ...args);
  }

  /** The same as the user that the address names. */
  async commandAs(url: string, ...args: readonly string[]): Promise<unknown> {
    const client = createClient({ url, socket: { reconnectStrategy: false }, disableClientInfo: true });
    client.on("error", () => {}); // Also rejects the call.
    await client.connect();
    try {
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }

  /** Waits until a section of INFO says this. */
  async untilInfo(section: string, line: string): Promise<void> {
    const startedAtMs = performance.now();
    for (;;) {
      const info = String(await this.command("INFO", section));
      if (info.includes(line)) return;
      if (performance.now() - startedAtMs > INFO_DEADLINE_MS) throw new Error(`No ${line} in:\n${info}`);
    }
  }

  /** Ends it in an orderly way. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it at once: what was not on the disk is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops it from doing anything, while its connections stay as they are. */
  pause(): void {
    this.#running().kill("SIGSTOP");
  }

  resume(): void {
    this.#running().kill("SIGCONT");
  }

  /** Starts it again with its folder and port, and what is in `changes` different. */
  async restart(changes: RedisServerOptions = {}): Promise<void> {
    await this.stop();
    this.#options = { ...this.#options, ...changes };
    await this.#launch();
  }

  /** Makes a replica a master of its own. */
  async promote(): Promise<void> {
    await this.command("REPLICAOF", "NO", "ONE");
  }

  /** Ends it and removes its files. */
  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #launch(): Promise<void> {
    const binary = findRedisServer();
    if (binary === undefined) throw new Error("redis-server is not installed");
    const words = [...boundToParent(), binary, ...argumentsOf(this.#options, this.folder, this.port)];
    const child = spawn(words[0]!, words.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    this.#output = "";
    const endWithUs = () => child.kill("SIGKILL");
    process.once("exit", endWithUs);
    child.once("exit", () => {
      process.off("exit", endWithUs);
      if (this.#process === child) this.#process = undefined;
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer);
        child.kill("SIGKILL");
        reject(new Error(`redis-server on port ${this.port} ${why}. Its output:\n${this.#output}`));
      };
      const listen = (chunk: string) => {
        this.#output += chunk;
        if (!this.#output.includes("Ready to accept connections")) return;
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => fail(`was not ready within ${START_DEADLINE_MS} ms`), START_DEADLINE_MS);
      child.stdout.setEncoding("utf8").on("data", listen);
      child.stderr.setEncoding("utf8").on("data", listen);
      child.once("error", (error) => fail(`could not be started: ${error.message}`));
      child.once("close", () => fail("has ended"));
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      child.once("close", () => resolve());
      child.kill(signal);
      // A process that is paused hears nothing but SIGKILL until it goes on.
      child.kill("SIGCONT");
    });
  }

  #running(): ChildProcess {
    if (this.#process === undefined) throw new Error(`redis-server on port ${this.port} does not run`);
    return this.#process;
  }
}

/** Where there is a way the kernel ends it with the process that started it, in whatever way that ends. */
function boundToParent(): string[] {
  const setpriv = findProgram("setpriv");
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"];
}

function argumentsOf(options: RedisServerOptions, folder: string, port: number): string[] {
  const { persistence = "none", password, maxMemoryBytes, replicaOfPort } = options;
  const directives: Record<string, string> = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    save: "",
    appendonly: persistence === "none" ? "no" : "yes",
    appendfsync: persistence === "always" ? "always" : "everysec",
    "maxmemory-policy": options.evictionPolicy ?? "noeviction",
    // A replica is there at once; the default waits five seconds for others.
    "repl-diskless-sync-delay": "0",
    ...(maxMemoryBytes === undefined ? undefined : { maxmemory: String(maxMemoryBytes) }),
    ...(password === undefined ? undefined : { requirepass: password, masterauth: password }),
    ...(replicaOfPort === undefined ? undefined : { replicaof: `127.0.0.1 ${replicaOfPort}` }),
    ...options.directives,
  };
  return Object.entries(directives).flatMap(([name, value]) => [`--${name}`, ...wordsOf(name, value)]);
}

/** `save ""` has one empty word; what has spaces is several. */
function wordsOf(name: string, value: string): string[] {
  return name === "dir" || value === "" ? [value] : value.split(" ");
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
