/** The whole suite against real processes, once for each store; on Redis over two nodes, each connection on the next of them. */
import { afterEach, describe, expect, test } from "vitest";
import { describeWithRedis } from "../packages/server/src/stores/redis/testing/describe-with-redis.ts";
import { ALL_CASES, type Case, type CaseResult, type RequirementName, runCases } from "./src/index.ts";
import {
  APPLICATION,
  CONFIGURED,
  type Database,
  memoryDatabase,
  redisDatabase,
  type ServerKind,
  ServerUnderTest,
  sqliteDatabase,
  WORKERS,
} from "./testing/server-under-test.ts";

/** The suite shares the machine with other tests. */
const DEADLINE_MS = 15_000;
const TEST_TIMEOUT_MS = 180_000;

const servers: ServerUnderTest[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("conformance on memory", () => allCasesPass(memoryDatabase));
describe("conformance on SQLite", () => allCasesPass(sqliteDatabase));
describeWithRedis("conformance on Redis", () => allCasesPass(redisDatabase));

test("every case that configuration allows passes on two workers with one SQLite file", {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const results = await run(WORKERS, sqliteDatabase(), ALL_CASES);
  expect(results.filter(isFailed).map(failureText)).toEqual([]);
  expect(results.filter(({ status }) => status === "passed").length).toBeGreaterThan(200);
});

function allCasesPass(open: () => Database | Promise<Database>): void {
  test("every case passes on one of two servers and fails on none", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const database = await open();
    const configured = await run(CONFIGURED, database, ALL_CASES);
    const left = configured.filter(({ status }) => status === "not_applicable").map((result) => result.case);
    const application = await run(APPLICATION, await open(), left);
    expect([...configured, ...application].filter(isFailed).map(failureText)).toEqual([]);
    const never = application.filter(({ status }) => status === "not_applicable");
    const lacking = never.map(({ missing, case: one }) => missing ?? one.id);
    expect(new Set(lacking)).toEqual(new Set(lackingOn(database)));
  });
}

async function run(kind: ServerKind, database: Database, cases: readonly Case[]) {
  const server = await ServerUnderTest.start(kind, database);
  servers.push(server);
  const target = server.target({ deadlineMs: DEADLINE_MS });
  // Sessions of the other one expire too soon to outlast a restart on a busy machine.
  return runCases({ target, cases, ...(kind === APPLICATION ? { hooks: server.hooks } : {}) });
}

/** What a store cannot have, and cases that say so themselves. */
function lackingOn({ survivesKill, isShared }: Database): string[] {
  const lacking: RequirementName[] = [];
  if (!survivesKill) lacking.push("store:survives_kill");
  if (!isShared) lacking.push("nodes:two");
  // Its second attempt runs on the other node, which is not killed.
  return isShared ? [...lacking, "EXE-12.2"] : lacking;
}

function isFailed({ status }: CaseResult): boolean {
  return status === "failed";
}

function failureText({ case: one, reason, transcript }: CaseResult): string {
  return [`${one.id} ${one.title}`, reason, ...transcript].join("\n");
}
