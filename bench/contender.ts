/** A server under measurement: a process of its own, on a core of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Order } from "./contenders/serve.ts";
import type { MakeDialect } from "./generator/dialect.ts";
import { plainWsDialect } from "./generator/dialects/plain-ws.ts";
import { socketIoDialect } from "./generator/dialects/socket-io.ts";
import { tachikomaDialect } from "./generator/dialects/tachikoma.ts";
import { within } from "./generator/link.ts";
import { allowedCores, SERVER_CORE } from "./processor.ts";

export const CONTENDERS = ["plain-ws", "socket.io", "tachikoma-memory", "tachikoma-sqlite"] as const;
export type ContenderName = (typeof CONTENDERS)[number];

interface Program {
  readonly file: string;
  readonly makeDialect: MakeDialect;
  argumentsIn(folder: string): readonly string[];
}

const PROGRAMS: Readonly<Record<ContenderName, Program>> = {
  "plain-ws": { file: "peers/plain-ws.ts", makeDialect: plainWsDialect, argumentsIn: () => [] },
  "socket.io": { file: "peers/socket-io.ts", makeDialect: socketIoDialect, argumentsIn: () => [] },
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
};

export interface StartOptions {
  readonly isPinned: boolean;
  /** Where the server leaves a CPU profile when it ends. */
  readonly profileFolder: string | undefined;
}

export class Contender {
  readonly makeDialect: MakeDialect;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #port = 0;

  private constructor(makeDialect: MakeDialect, child: ChildProcess, folder: string) {
    this.makeDialect = makeDialect;
    this.#child = child;
    this.#folder = folder;
  }

  static async start(name: ContenderName, { isPinned, profileFolder }: StartOptions): Promise<Contender> {
    const { file, makeDialect, argumentsIn } = PROGRAMS[name];
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-bench-"));
    const profiling =
      profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(profileFolder, name)}`];
    const command = [process.execPath, "--conditions=source", "--expose-gc", ...profiling];
    command.push(fileURLToPath(new URL(file, import.meta.url)), ...argumentsIn(folder));
    if (isPinned) command.unshift("taskset", "-c", String(SERVER_CORE));
    const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const contender = new Contender(makeDialect, child, folder);
    try {
      contender.#port = await contender.#answer();
      if (isPinned && allowedCores(contender.processId) !== String(SERVER_CORE)) {
        throw new Error(`The server runs on cores ${allowedCores(contender.processId)}, not ${SERVER_CORE}`);
      }
      return contender;
    } catch (cause) {
      await contender.stop();
      throw cause;
    }
  }

  get port(): number {
    return this.#port;
  }

  get processId(): number {
    return this.#child.pid!;
  }

  ask(order: Order): Promise<number> {
    this.#child.send(order);
    return this.#answer();
  }

  /** It ends when the line is cut. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#child, "exit");
      if (this.#child.connected) this.#child.disconnect();
      await within("the end of the server", ended).catch(() => this.#child.kill("SIGKILL"));
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #answer(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const onMessage = (message: { readonly answer: number }) => resolve(message.answer);
    const onExit = (code: number | null) => reject(new Error(`The server ended with ${code}`));
    this.#child.once("message", onMessage);
    this.#child.once("exit", onExit);
    return within("an answer of the server", promise).finally(() => {
      this.#child.off("message", onMessage);
      this.#child.off("exit", onExit);
    });
  }
}
