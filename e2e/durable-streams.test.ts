/**
 * A stock producer writes and a stock reader follows while the server is killed with SIGKILL again and again and comes back on the same
 * port and the same database. Nothing that was acknowledged may be missing, and nothing may be there twice.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client";
import { afterEach, expect, test } from "vitest";
import { RunningProcess } from "./support/running-process.ts";
import { eventually, within } from "./support/wait.ts";

const KILL_COUNT = 5;
const ITEMS_BETWEEN_KILLS = 60;
const MAX_WAITING_ITEMS = 200;
const STEP_TIMEOUT_MS = 20_000;
const SCRIPT = fileURLToPath(new URL("support/server-process.ts", import.meta.url));
/** Outside the range from which systems take ports for clients, and of the other test that kills servers. */
const port = 30_001 + Math.floor(Math.random() * 2_000);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startServer(databasePath: string): Promise<RunningProcess> {
  const server = new RunningProcess(["--conditions=source", SCRIPT, String(port), databasePath]);
  await server.matched(/listening on \d+/);
  return server;
}

test(`kill -9 ${KILL_COUNT} times while a stream is written and read: nothing lost, nothing twice`, {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-streams-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const databasePath = join(folder, "tachikoma.db");
  let server = await startServer(databasePath);
  cleanups.push(() => server.kill());

  const url = `http://127.0.0.1:${port}/v1/stream/board`;
  const handle = await DurableStream.create({ url, contentType: "application/json" });
  const errors: unknown[] = [];
  const producer = new IdempotentProducer(handle, "p", {
    fetch: patientFetch,
    lingerMs: 1,
    onError: (error) => errors.push(error),
  });
  const reader = new Follower(url);
  cleanups.push(() => reader.stop());

  let sentCount = 0;
  const writing = setInterval(() => {
    // While nobody takes them, no more are waiting than are soon sent.
    if (sentCount - reader.items.length >= MAX_WAITING_ITEMS) return;
    producer.append(JSON.stringify(sentCount));
    sentCount += 1;
  }, 3);
  cleanups.push(() => clearInterval(writing));
  for (let killed = 0; killed < KILL_COUNT; killed += 1) {
    const seen = reader.items.length;
    await eventually(
      STEP_TIMEOUT_MS,
      `${ITEMS_BETWEEN_KILLS} more items`,
      () => reader.items.length >= seen + ITEMS_BETWEEN_KILLS || undefined,
      () => `${reader.items.length} of ${sentCount} have come; ${errors.length} errors: ${errors[0]}`,
    );
    await server.kill();
    server = await startServer(databasePath);
  }
  clearInterval(writing);
  await within(STEP_TIMEOUT_MS, "the last batches", producer.flush());
  const expected = Array.from({ length: sentCount }, (_, index) => index);
  await eventually(
    STEP_TIMEOUT_MS,
    "all items at the reader",
    () => reader.items.length >= sentCount || undefined,
    () => `${reader.items.length} of ${sentCount} have come`,
  );
  expect(errors).toEqual([]);
  expect(reader.items).toEqual(expected);
  const stored = await stream<number>({ url, offset: "-1", live: false });
  expect(await stored.json()).toEqual(expected);
  expect(reader.comeBackCount).toBeGreaterThanOrEqual(KILL_COUNT);
});

/** Sends a batch again while nobody takes it, as the producer leaves to its user. The server knows it when it comes twice. */
async function patientFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  for (;;) {
    try {
      const response = await fetch(...request);
      if (response.status < 500) return response;
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Reads events, and whenever they break off goes on at the offset that it had last. */
class Follower {
  readonly items: number[] = [];
  comeBackCount = -1;
  readonly #url: string;
  readonly #controller = new AbortController();
  #offset = "-1";

  constructor(url: string) {
    this.#url = url;
    this.#run().catch(() => undefined);
  }

  stop(): void {
    this.#controller.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#controller;
    while (!signal.aborted) {
      this.comeBackCount += 1;
      try {
        const response = await stream<number>({
          url: this.#url,
          offset: this.#offset,
          live: "sse",
          signal,
          backoffOptions: { initialDelay: 20, maxDelay: 200, multiplier: 1.5 },
        });
        response.subscribeJson(async (batch) => {
          this.items.push(...batch.items);
          this.#offset = batch.offset;
        });
        await response.closed;
      } catch {
        // The server is dead: the next try goes on from the last offset.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
