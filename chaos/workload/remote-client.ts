/** A client in a process of its own, as the trial sees it: by what it writes to its history. */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RunningProcess } from "../../e2e/support/running-process.ts";
import type { ActorTiming } from "../../sim/actors/actor-world.ts";
import { parseHistory } from "../../sim/history/history-file.ts";
import type { HistoryRecord } from "../../sim/history/history-record.ts";
import { COMPILE_CACHE } from "../cluster/compile-cache.ts";

const PROGRAM = fileURLToPath(new URL("client-process.ts", import.meta.url));
const PUBLISH_PAUSE_MS = 20;
const READ_BYTES = 256 * 1024;

export interface RemoteClientConfig {
  readonly name: string;
  /** Which of its processes this is. */
  readonly life: number;
  readonly url: string;
  /** It follows all of them, and publishes to the first. */
  readonly channels: readonly string[];
  readonly historyPath: string;
  readonly sessionPath: string;
  readonly publishPauseMs: number;
  readonly timing: ActorTiming;
}

export interface RemoteClientOptions {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly channels: readonly string[];
  readonly timing: ActorTiming;
}

export class RemoteClient {
  readonly name: string;
  readonly records: HistoryRecord[] = [];
  readonly #options: RemoteClientOptions;
  readonly #historyPath: string;
  #process: RunningProcess | undefined;
  readonly #standings = new Map<string, { readonly epoch: string; readonly seq: number }>();
  /** Publishes of this life without an answer so far. */
  readonly #asked = new Set<string>();
  #life = 0;
  #readBytes = 0;
  #rest = "";

  constructor(options: RemoteClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.#historyPath = join(options.folder, `${options.name}.jsonl`);
  }

  start(): void {
    this.#life += 1;
    const { name, folder, port, channels, timing } = this.#options;
    const config: RemoteClientConfig = {
      name,
      life: this.#life,
      url: `ws://127.0.0.1:${port}`,
      channels,
      historyPath: this.#historyPath,
      sessionPath: join(folder, `${name}.session`),
      publishPauseMs: PUBLISH_PAUSE_MS,
      timing,
    };
    this.#process = new RunningProcess(["--conditions=source", PROGRAM, JSON.stringify(config)], {
      env: COMPILE_CACHE,
    });
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#readOn();
    this.#asked.clear();
  }

  /** It publishes no more, and reads on. */
  rest(): void {
    this.#process?.tell("rest");
  }

  /** Where it stands on each channel, by what it has written. */
  standings(): ReadonlyMap<string, { readonly epoch: string; readonly seq: number }> {
    this.#readOn();
    return this.#standings;
  }

  /** What it has published in this life without an answer so far. */
  unanswered(): readonly string[] {
    this.#readOn();
    return [...this.#asked];
  }

  /** What has been written since the last look. */
  #readOn(): void {
    if (!existsSync(this.#historyPath)) return;
    const file = openSync(this.#historyPath, "r");
    try {
      const buffer = Buffer.alloc(READ_BYTES);
      for (;;) {
        const count = readSync(file, buffer, 0, READ_BYTES, this.#readBytes);
        if (count === 0) return;
        this.#readBytes += count;
        this.#take(buffer.toString("latin1", 0, count));
      }
    } finally {
      closeSync(file);
    }
  }

  /** Bytes stay bytes until a line is whole, so that no character is torn. */
  #take(bytes: string): void {
    const text = this.#rest + bytes;
    const end = text.lastIndexOf("\n") + 1;
    this.#rest = text.slice(end);
    for (const record of parseHistory(Buffer.from(text.slice(0, end), "latin1").toString("utf8")))
      this.#learn(record);
  }

  #learn(record: HistoryRecord): void {
    this.records.push(record);
    switch (record.kind) {
      case "apply":
      case "reset":
        this.#standings.set(record.stream.slice(record.stream.indexOf("/") + 1), record);
        return;
      case "pub.invoke":
        this.#asked.add(record.op);
        return;
      case "pub.ok":
        this.#asked.delete(record.op);
    }
  }
}
