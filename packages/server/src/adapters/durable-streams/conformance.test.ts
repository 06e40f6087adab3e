/**
 * The conformance suite of the protocol, on every store. It has 338 tests; the last 6 are for servers that also push to webhooks and
 * leases (`subscriptions`), which is another service and none of ours. The three runs mostly wait, so they do it together.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServer, type TachikomaServer } from "../../create-server.ts";
import { describeWithRedis } from "../../stores/redis/testing/describe-with-redis.ts";
import { findRedisServer, RedisServer } from "../../stores/redis/testing/redis-server.ts";
import { type ConformanceResult, runConformance } from "./testing/conformance-run.ts";

const TEST_COUNT = 338;
const SUBSCRIPTION_TEST_COUNT = 6;
const DEADLINE_MS = 180_000;

const ends: (() => unknown)[] = [];
const runs = new Map<string, Promise<ConformanceResult>>();

async function startServer(databaseUrl: string): Promise<string> {
  const server: TachikomaServer = createServer({
    database: { url: databaseUrl },
    durableStreams: { longPollSecs: 1 },
    limits: { maxEventLoopDelayMs: 60_000, maxEventLoopUtilization: 1, maxHeapShare: 1 },
  });
  ends.push(() => server.close({ graceMs: 0 }));
  const { port } = await server.listen({ port: 0 });
  return `http://127.0.0.1:${port}`;
}

function start(store: string, url: Promise<string>): void {
  const run = url.then(runConformance);
  // Its test hears of it; the others go on.
  run.catch(() => undefined);
  runs.set(store, run);
}

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-streams-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  start("memory", startServer("memory://"));
  start("SQLite", startServer(`sqlite://${join(folder, "streams.db")}`));
  if (findRedisServer() === undefined) return;
  const redis = await RedisServer.start();
  ends.push(() => redis.dispose());
  start("Redis", startServer(`redis://127.0.0.1:${redis.port}`));
});

afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function expectAllPassed(store: string): Promise<void> {
  const { passedCount, failures, skipped } = await runs.get(store)!;
  expect(failures).toEqual([]);
  expect(skipped.filter((name) => !name.startsWith("Reserved subscription APIs"))).toEqual([]);
  expect({ passedCount, skippedCount: skipped.length }).toEqual({
    passedCount: TEST_COUNT - SUBSCRIPTION_TEST_COUNT,
    skippedCount: SUBSCRIPTION_TEST_COUNT,
  });
}

describe("Durable Streams conformance", () => {
  test("memory", { timeout: DEADLINE_MS }, () => expectAllPassed("memory"));
  test("SQLite", { timeout: DEADLINE_MS }, () => expectAllPassed("SQLite"));
});
describeWithRedis("Durable Streams conformance on Redis", () => {
  test("Redis", { timeout: DEADLINE_MS }, () => expectAllPassed("Redis"));
});
