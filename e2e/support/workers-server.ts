/** `tachikoma serve --workers N` as a process with processes of its own, and who is where. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectPlain, type PlainClient } from "../../packages/server/src/testing/plain-client.ts";
import { listeningUrl, type RunningProcess, tachikoma } from "./running-process.ts";
import { eventually } from "./wait.ts";

const START_MS = 30_000;
const MAX_TRIES = 40;
const PROGRAM = fileURLToPath(new URL("count-program.mjs", import.meta.url));

const configuration = (leaseTtlSecs: number) => `
[server]
drain_timeout_secs = 2
console = false
[websocket]
ping_interval_secs = 0.2
pong_timeout_secs = 10
max_messages_per_sec = 10000
max_connections_per_client = 3
[cluster]
lease_ttl_secs = ${leaseTtlSecs}
[limits]
max_event_loop_delay_ms = 60000
max_event_loop_utilization = 1
max_executions_per_channel = 100
[executions.count]
backend = "command"
command = [${JSON.stringify(process.execPath)}, ${JSON.stringify(PROGRAM)}]
`;

export class WorkersServer {
  readonly process: RunningProcess;
  readonly url: string;

  private constructor(process: RunningProcess, url: string) {
    this.process = process;
    this.url = url;
  }

  static async start(
    folder: string,
    database: string,
    { port = 0, leaseTtlSecs = 3 }: { readonly port?: number; readonly leaseTtlSecs?: number } = {},
  ): Promise<WorkersServer> {
    writeFileSync(join(folder, "tachikoma.toml"), configuration(leaseTtlSecs));
    const argv = ["serve", "--port", String(port), "--database", database, "--workers", "2"];
    const started = tachikoma(argv, { cwd: folder });
    await started.matched(/Tachikoma is listening/, START_MS).catch(async (error: unknown) => {
      await started.kill();
      throw error;
    });
    return new WorkersServer(started, await listeningUrl(started));
  }

  get socketUrl(): string {
    return `${this.url.replace("http", "ws")}/ws`;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Of the process that serves as this worker now, or last; 0 is the store. */
  pidOf(worker: number): number {
    return this.#pids().get(worker)!;
  }

  allPids(): number[] {
    return [...this.#pids().values()];
  }

  async killed(worker: number): Promise<void> {
    const pid = this.pidOf(worker);
    process.kill(pid, "SIGKILL");
    await eventually(
      START_MS,
      `another process than ${pid} in place of ${worker}`,
      () => this.pidOf(worker) !== pid || undefined,
      () => this.process.stdout.slice(-3_000),
    );
  }

  /** Every sample of one worker, as `name{labels}`. */
  async metric(name: string, worker: number): Promise<number> {
    const response = await fetch(`${this.url}/metrics`);
    const text = await response.text();
    const line = text.split("\n").find((one) => one.startsWith(`${name}{worker="${worker}"}`));
    if (line === undefined) throw new Error(`No ${name} of worker ${worker}: ${text.slice(0, 500)}`);
    return Number(line.split(" ").at(-1));
  }

  /** A client whose connection is at this worker. */
  async clientAt(worker: number, clientId: string): Promise<PlainClient> {
    for (let tried = 0; tried < MAX_TRIES; tried += 1) {
      const before = await this.metric("tachikoma_connections_total", worker);
      const client = await connectPlain(`${this.socketUrl}?client_id=${clientId}`);
      await client.next("welcome");
      if ((await this.metric("tachikoma_connections_total", worker)) > before) return client;
      await client.close();
    }
    throw new Error(`${MAX_TRIES} connections, and none of them at worker ${worker}`);
  }

  #pids(): Map<number, number> {
    const pids = new Map<number, number>();
    for (const line of this.process.stdout.split("\n")) {
      if (!line.includes('"pid":')) continue;
      const { worker = 0, pid } = JSON.parse(line) as { readonly worker?: number; readonly pid: number };
      pids.set(worker, pid);
    }
    return pids;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
