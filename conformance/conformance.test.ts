/** The whole suite against real processes, once for each store. */
import { afterEach, describe, expect, test } from "vitest";
import { ALL_CASES, type Case, type CaseResult, type RequirementName, runCases } from "./src/index.ts";
import {
  APPLICATION,
  CONFIGURED,
  type Database,
  memoryDatabase,
  type ServerKind,
  ServerUnderTest,
  sqliteDatabase,
} from "./testing/server-under-test.ts";

const STORES: readonly (readonly [name: string, open: () => Database | Promise<Database>])[] = [
  ["memory", memoryDatabase],
  ["sqlite", sqliteDatabase],
];

/** The suite shares the machine with other tests. */
const DEADLINE_MS = 15_000;
const TEST_TIMEOUT_MS = 120_000;

const servers: ServerUnderTest[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function run(kind: ServerKind, database: Database, cases: readonly Case[]) {
  const server = await ServerUnderTest.start(kind, database);
  servers.push(server);
  return runCases({ target: server.target({ deadlineMs: DEADLINE_MS }), cases, hooks: server.hooks });
}

describe.each(STORES)("conformance on %s", (_name, open) => {
  test("every case passes on one of the two servers, and fails on none", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const database = await open();
    const configured = await run(CONFIGURED, database, ALL_CASES);
    const left = configured.filter(({ status }) => status === "not_applicable").map((result) => result.case);
    const application = await run(APPLICATION, await open(), left);
    expect([...configured, ...application].filter(isFailed).map(failureText)).toEqual([]);
    const never = application.filter(({ status }) => status === "not_applicable");
    const survives: RequirementName[] = database.survivesKill ? [] : ["store:survives_kill"];
    expect(new Set(never.map(({ missing }) => missing))).toEqual(new Set(survives));
  });
});

function isFailed({ status }: CaseResult): boolean {
  return status === "failed";
}

function failureText({ case: one, reason, transcript }: CaseResult): string {
  return [`${one.id} ${one.title}`, reason, ...transcript].join("\n");
}
