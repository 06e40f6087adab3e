/** A server under measurement: a process of its own, on a core of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RedisServer } from "../packages/server/src/stores/redis/testing/redis-server.ts";
import type { MemorySample, Order } from "./contenders/serve.ts";
import { type ServerSettings, settingsVariable } from "./contenders/settings.ts";
import type { MakeDialect } from "./generator/dialect.ts";
import { plainWsDialect } from "./generator/dialects/plain-ws.ts";
import { socketIoDialect } from "./generator/dialects/socket-io.ts";
import { tachikomaDialect } from "./generator/dialects/tachikoma.ts";
import { within } from "./generator/link.ts";
import { allowedCores, SERVER_CORE } from "./processor.ts";

export const CONTENDERS = [
  "plain-ws",
  "socket.io",
  "ai-sdk-sse",
  "tachikoma-memory",
  "tachikoma-sqlite",
  "tachikoma-redis",
] as const;
export type ContenderName = (typeof CONTENDERS)[number];

interface Program {
  readonly file: string;
  readonly makeDialect: MakeDialect;
  readonly needsRedis?: true;
  argumentsIn(folder: string, redis: RedisServer | undefined): readonly string[];
}

const PROGRAMS: Readonly<Record<ContenderName, Program>> = {
  "plain-ws": { file: "peers/plain-ws.ts", makeDialect: plainWsDialect, argumentsIn: () => [] },
  "socket.io": { file: "peers/socket-io.ts", makeDialect: socketIoDialect, argumentsIn: () => [] },
  "ai-sdk-sse": { file: "peers/ai-sdk-sse.ts", makeDialect: noDialect, argumentsIn: () => [] },
  "tachikoma-memory": {
    file: "contenders/tachikoma.ts",
    makeDialect: tachikomaDialect,
    argumentsIn: () => ["memory://"],
  },
  "tachikoma-sqlite": {
    file: "contenders/tachikoma.ts",
    makeDialect: tachikomaDialect,
    argumentsIn: (folder) => [`sqlite://${join(folder, "bench.db")}`],
  },
  "tachikoma-redis": {
    file: "contenders/tachikoma.ts",
    makeDialect: tachikomaDialect,
    needsRedis: true,
    argumentsIn: (_folder, redis) => [redis!.url],
  },
};

/** It speaks no WebSocket: its one work reads it by itself. */
function noDialect(): never {
  throw new Error("This contender is read over HTTP only");
}

export interface StartOptions {
  readonly isPinned: boolean;
  /** Where the server leaves a CPU profile when it ends. */
  readonly profileFolder: string | undefined;
  /** @default what the server has by itself */
  readonly settings?: ServerSettings | undefined;
}

export class Contender {
  readonly makeDialect: MakeDialect;
  readonly name: ContenderName;
  readonly #options: StartOptions;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #redis: RedisServer | undefined;
  #port = 0;

  private constructor(name: ContenderName, options: StartOptions, folder: string, redis?: RedisServer) {
    const { file, makeDialect, argumentsIn } = PROGRAMS[name];
    const { isPinned, profileFolder } = options;
    const profiling =
      profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(profileFolder, name)}`];
    const command = [process.execPath, "--conditions=source", "--expose-gc", ...profiling];
    command.push(fileURLToPath(new URL(file, import.meta.url)), ...argumentsIn(folder, redis));
    if (isPinned) command.unshift("taskset", "-c", String(SERVER_CORE));
    this.makeDialect = makeDialect;
    this.name = name;
    this.#options = options;
    this.#folder = folder;
    this.#redis = redis;
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...settingsVariable(options.settings ?? {}) },
    });
  }

  static async start(name: ContenderName, options: StartOptions): Promise<Contender> {
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-bench-"));
    // A child of the generator, so it runs on the generator's core: what is measured is the node.
    const redis = PROGRAMS[name].needsRedis ? await RedisServer.start() : undefined;
    return new Contender(name, options, folder, redis).#begun();
  }

  get port(): number {
    return this.#port;
  }

  get processId(): number {
    return this.#child.pid!;
  }

  /** Another server of the same kind, with nothing in it. */
  fresh(): Promise<Contender> {
    return Contender.start(this.name, this.#options);
  }

  /** Another node on the same store; it is stopped before this one. */
  async twin(): Promise<Contender> {
    if (this.#redis === undefined) throw new Error(`${this.name} has no store that nodes could share`);
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-bench-"));
    return new Contender(this.name, this.#options, folder, this.#redis).#begun();
  }

  /** Commands that the store has got from its nodes; `undefined` where it is in the process. */
  async storeCommandCount(): Promise<number | undefined> {
    if (this.#redis === undefined) return undefined;
    const stats = String(await this.#redis.command("INFO", "commandstats"));
    // Everything goes through scripts; what a script calls is part of the one command that ran it.
    const calls = [...stats.matchAll(/^cmdstat_(?:evalsha|wait|waitaof):calls=(\d+)/gm)];
    return calls.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  ask(order: Order): Promise<number> {
    this.#child.send(order);
    return this.#answer<number>();
  }

  /** After a collection of its heap. */
  memory(): Promise<MemorySample> {
    this.#child.send({ order: "memory" } satisfies Order);
    return this.#answer<MemorySample>();
  }

  /** Bytes of what it has written to its folder: the database, where it has one. */
  storedBytes(): number {
    return readdirSync(this.#folder).reduce((sum, name) => sum + statSync(join(this.#folder, name)).size, 0);
  }

  /** Ends it as a fault would. */
  async kill(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  /** It ends when the line is cut; its store ends with the first node. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#child, "exit");
      if (this.#child.connected) this.#child.disconnect();
      await within("the end of the server", ended).catch(() => this.#child.kill("SIGKILL"));
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Ends it, and the store that it brought. */
  async dispose(): Promise<void> {
    await this.stop();
    await this.#redis?.dispose();
  }

  async #begun(): Promise<Contender> {
    try {
      this.#port = await this.#answer<number>();
      if (this.#options.isPinned && allowedCores(this.processId) !== String(SERVER_CORE)) {
        throw new Error(`The server runs on cores ${allowedCores(this.processId)}, not ${SERVER_CORE}`);
      }
      return this;
    } catch (cause) {
      await this.dispose();
      throw cause;
    }
  }

  #answer<Answer>(): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onMessage = (message: { readonly answer: Answer }) => resolve(message.answer);
    const onExit = (code: number | null) => reject(new Error(`The server ended with ${code}`));
    this.#child.once("message", onMessage);
    this.#child.once("exit", onExit);
    return within("an answer of the server", promise).finally(() => {
      this.#child.off("message", onMessage);
      this.#child.off("exit", onExit);
    });
  }
}
