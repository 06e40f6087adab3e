/**
 * A server of ours as the suite meets it: a process, with what its folder `fixture` configures. Two of them have together all
 * that cases can ask for: one is configuration alone, the other one is an application.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listeningUrl, RunningProcess, tachikoma } from "../../e2e/support/running-process.ts";
import { RedisServer } from "../../packages/server/src/stores/redis/testing/redis-server.ts";
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

/** The same as several processes behind one port. */
export const WORKERS: ServerKind = {
  profileName: "profile.json",
  async start(port, databaseUrl) {
    const flags = ["--port", String(port), "--workers", "2", "--set", `database.url=${databaseUrl}`];
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
  /** Two nodes are started on it. */
  readonly isShared: boolean;
  close(): unknown;
}

export function memoryDatabase(): Database {
  return { url: "memory://", survivesKill: false, isShared: false, close() {} };
}

export function sqliteDatabase(): Database {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-conformance-"));
  return {
    url: `sqlite://${join(folder, "tachikoma.db")}`,
    survivesKill: true,
    isShared: false,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export async function redisDatabase(): Promise<Database> {
  const redis = await RedisServer.start();
  return { url: redis.url, survivesKill: true, isShared: true, close: () => redis.dispose() };
}

interface Node {
  readonly port: number;
  process: RunningProcess;
}

/** One node, or several on one database. */
export class ServerUnderTest {
  readonly #kind: ServerKind;
  readonly #database: Database;
  readonly #profile: Profile;
  readonly #nodes: readonly Node[];

  private constructor(kind: ServerKind, database: Database, nodes: readonly Node[]) {
    this.#kind = kind;
    this.#database = database;
    this.#profile = readProfile(join(FIXTURE, kind.profileName));
    this.#nodes = nodes;
  }

  static async start(kind: ServerKind, database: Database): Promise<ServerUnderTest> {
    const ports = Array.from({ length: database.isShared ? 2 : 1 }, restartablePort);
    const nodes = ports.map(async (port) => ({ port, process: await kind.start(port, database.url) }));
    return new ServerUnderTest(kind, database, await Promise.all(nodes));
  }

  get url(): URL {
    return urlOf(this.#nodes[0]!);
  }

  /** @param proxyUrl stands before the first node */
  target(options: { readonly deadlineMs: number; readonly proxyUrl?: URL }): Target {
    const { token, namespace = "conformance", provides } = this.#profile;
    const survives: Provisions = this.#database.survivesKill ? { "store:survives_kill": true } : {};
    return {
      urls: options.proxyUrl === undefined ? this.#nodes.map(urlOf) : [options.proxyUrl],
      isSpread: true,
      httpBase: undefined,
      token,
      namespace,
      provisions: { ...provides, ...survives },
      deadlineMs: options.deadlineMs,
      runId: Date.now().toString(36),
    };
  }

  get hooks(): ServerHooks {
    const first = this.#nodes[0]!;
    return {
      stop: async () => first.process.signal("SIGTERM"),
      kill: () => first.process.kill(),
      start: async () => {
        await first.process.ended();
        first.process = await this.#kind.start(first.port, this.#database.url);
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map(({ process }) => process.kill()));
    await this.#database.close();
  }
}

function urlOf({ port }: Node): URL {
  return new URL(`ws://127.0.0.1:${port}/ws`);
}

/** Outside the range from which systems take ports for clients: one of ours would take it while nobody listens. */
export function restartablePort(): number {
  return 20_000 + Math.floor(Math.random() * 10_000);
}
