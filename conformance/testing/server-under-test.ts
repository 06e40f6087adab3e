/**
 * A server of ours as the suite meets it: a process, with what its folder `fixture` configures. Two of them have together all
 * that cases can ask for: one is configuration alone, the other one is an application.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listeningUrl, RunningProcess, tachikoma } from "../../e2e/support/running-process.ts";
import { type Profile, type Provisions, readProfile, type ServerHooks, type Target } from "../src/index.ts";

export const FIXTURE = fileURLToPath(new URL("../fixture/", import.meta.url));

export interface ServerKind {
  readonly profileName: string;
  readonly start: (port: number, databaseUrl: string) => Promise<RunningProcess>;
}

export const CONFIGURED: ServerKind = {
  profileName: "profile.json",
  async start(port, databaseUrl) {
    const flags = ["--port", String(port), "--set", `database.url=${databaseUrl}`];
    const server = tachikoma(["serve", ...flags], { cwd: FIXTURE });
    await listeningUrl(server);
    return server;
  },
};

export const APPLICATION: ServerKind = {
  profileName: "application.profile.json",
  async start(port, databaseUrl) {
    const script = join(FIXTURE, "application.mjs");
    const server = new RunningProcess(["--conditions=source", script, String(port), databaseUrl], {
      cwd: FIXTURE,
    });
    await server.matched(/listening on (\d+)/);
    return server;
  },
};

export interface Database {
  readonly url: string;
  readonly survivesKill: boolean;
  close(): unknown;
}

export function memoryDatabase(): Database {
  return { url: "memory://", survivesKill: false, close() {} };
}

export function sqliteDatabase(): Database {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-conformance-"));
  return {
    url: `sqlite://${join(folder, "tachikoma.db")}`,
    survivesKill: true,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export class ServerUnderTest {
  readonly #kind: ServerKind;
  readonly #database: Database;
  readonly #port: number;
  readonly #profile: Profile;
  #process: RunningProcess;

  private constructor(kind: ServerKind, database: Database, port: number, process: RunningProcess) {
    this.#kind = kind;
    this.#database = database;
    this.#port = port;
    this.#profile = readProfile(join(FIXTURE, kind.profileName));
    this.#process = process;
  }

  static async start(kind: ServerKind, database: Database): Promise<ServerUnderTest> {
    const port = restartablePort();
    return new ServerUnderTest(kind, database, port, await kind.start(port, database.url));
  }

  get url(): URL {
    return new URL(`ws://127.0.0.1:${this.#port}/ws`);
  }

  target(options: { readonly deadlineMs: number; readonly url?: URL; readonly more?: Provisions }): Target {
    const { token, namespace = "conformance", provides } = this.#profile;
    const survives: Provisions = this.#database.survivesKill ? { "store:survives_kill": true } : {};
    return {
      urls: [options.url ?? this.url],
      isSpread: false,
      httpBase: undefined,
      token,
      namespace,
      provisions: { ...provides, ...survives, ...options.more },
      deadlineMs: options.deadlineMs,
      runId: Date.now().toString(36),
    };
  }

  get hooks(): ServerHooks {
    return {
      stop: async () => this.#process.signal("SIGTERM"),
      kill: () => this.#process.kill(),
      start: async () => {
        await this.#process.ended();
        this.#process = await this.#kind.start(this.#port, this.#database.url);
      },
    };
  }

  async close(): Promise<void> {
    await this.#process.kill();
    await this.#database.close();
  }
}

/** Outside the range from which systems take ports for clients: one of ours would take it while nobody listens. */
function restartablePort(): number {
  return 20_000 + Math.floor(Math.random() * 10_000);
}
