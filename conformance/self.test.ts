/** The suite is worth what it finds: each server that is wrong in one way has to be found out, by the rule that it breaks. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ALL_CASES, type CaseResult, runCases, selectCases } from "./src/index.ts";
import { CorruptingProxy, type Spoiling } from "./testing/corrupting-proxy.ts";
import { CORRUPTIONS } from "./testing/corruptions.ts";
import { CONFIGURED, memoryDatabase, ServerUnderTest } from "./testing/server-under-test.ts";

/** A case that waits for what a corruption has taken away waits in vain. */
const VAIN_DEADLINE_MS = 2_500;
const GOOD_DEADLINE_MS = 15_000;
const TEST_TIMEOUT_MS = 60_000;

let server: ServerUnderTest;
beforeAll(async () => {
  server = await ServerUnderTest.start(CONFIGURED, memoryDatabase());
});
afterAll(() => server.close());

async function throughProxy(spoil: () => Spoiling, rules: readonly string[], deadlineMs: number) {
  const proxy = await CorruptingProxy.start(server.url, spoil);
  try {
    const { selected } = selectCases(ALL_CASES, rules);
    return await runCases({ target: server.target({ deadlineMs, proxyUrl: proxy.url }), cases: selected });
  } finally {
    await proxy.close();
  }
}

test("a proxy that spoils nothing is found to be good", { timeout: TEST_TIMEOUT_MS }, async () => {
  const rules = [...new Set(CORRUPTIONS.map(({ rule }) => rule))];
  const results = await throughProxy(() => ({}), rules, GOOD_DEADLINE_MS);
  expect(results.filter(isFailed).map(({ case: one, reason }) => `${one.id}: ${reason}`)).toEqual([]);
  for (const rule of rules)
    expect(
      results.some((result) => result.case.rule === rule && result.status === "passed"),
      rule,
    ).toBe(true);
});

test.concurrent.each(CORRUPTIONS)(
  "$rule finds a server that $name",
  { timeout: TEST_TIMEOUT_MS },
  async ({ rule, spoil }) => {
    const results = await throughProxy(spoil, [rule], VAIN_DEADLINE_MS);
    expect(results.filter(isFailed).map((result) => result.case.rule)).toContain(rule);
  },
);

function isFailed({ status }: CaseResult): boolean {
  return status === "failed";
}
