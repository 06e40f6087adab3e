import { expect, test } from "vitest";
import { type CaseOptions, type DefineRule, numberCases, section } from "./case.ts";
import { equals } from "./expectation.ts";
import { runCases } from "./run.ts";
import { selectCases } from "./select-cases.ts";
import type { Target } from "./target.ts";
import { NotApplicable } from "./trial.ts";

const TARGET: Target = {
  urls: [new URL("ws://127.0.0.1:1/ws")],
  isSpread: false,
  httpBase: undefined,
  token: undefined,
  namespace: "c",
  provisions: { auth: true },
  deadlineMs: 100,
  runId: "run",
};

function casesOf(...entries: readonly (readonly [rule: string, CaseOptions, () => Promise<void>])[]) {
  const define = (rule: DefineRule) => {
    for (const [id, options, run] of entries) rule(id, "title", options, run);
  };
  return numberCases(section("Section", define));
}

const passes = async () => {};
const run = (cases: ReturnType<typeof casesOf>, hooks = {}) => runCases({ target: TARGET, cases, hooks });

test("cases are numbered within their rule", () => {
  const cases = casesOf(["A-1", {}, passes], ["A-2", {}, passes], ["A-1", {}, passes]);
  expect(cases.map(({ id }) => id)).toEqual(["A-1.1", "A-2.1", "A-1.2"]);
});

test("a case whose requirement is not met is not run, and not passed", async () => {
  let hasRun = false;
  const note = async () => {
    hasRun = true;
  };
  const cases = casesOf(["A-1", { requires: ["auth", "handler:echo"] }, note]);
  const [result] = await run(cases);
  expect(result).toMatchObject({ status: "not_applicable", missing: "handler:echo" });
  expect(result?.reason).toContain("needs handler:echo");
  expect(hasRun).toBe(false);
});

test("what a case finds is its failure, and the others go on", async () => {
  const cases = casesOf(
    ["A-1", {}, async () => equals(1, 2, "the number")],
    ["A-2", { requires: ["auth"] }, passes],
    ["A-3", {}, async () => Promise.reject(new NotApplicable("not here"))],
  );
  const results = await run(cases);
  expect(results.map(({ status }) => status)).toEqual(["failed", "passed", "not_applicable"]);
  expect(results[0]?.reason).toBe("the number: expected 2, got 1");
  expect(results[2]?.reason).toBe("not here");
});

test("a server that is not there fails a case, with what happened", async () => {
  const cases = numberCases(
    section("Section", (rule) => rule("A-1", "connects", async (t) => void (await t.connect()))),
  );
  const [result] = await run(cases);
  expect(result?.reason).toContain("ECONNREFUSED");
  expect(result?.transcript.join("\n")).toContain("connects to /ws");
});

test("cases that stop the server come last, one after the other", async () => {
  const order: string[] = [];
  const noted = (name: string) => async () => {
    order.push(`${name} begins`);
    await Promise.resolve();
    order.push(`${name} ends`);
  };
  const alone: CaseOptions = { requires: ["hook:stop"] };
  const cases = casesOf(
    ["A-1", alone, noted("stop 1")],
    ["A-2", {}, noted("other")],
    ["A-3", alone, noted("stop 2")],
  );
  await run(cases, { stop: passes });
  expect(order).toEqual(["other", "stop 1", "stop 2"].flatMap((name) => [`${name} begins`, `${name} ends`]));
});

test("--only names families, rules and cases", () => {
  const cases = casesOf(
    ["RES-1", {}, passes],
    ["RES-10", {}, passes],
    ["RES-1", {}, passes],
    ["DEL-1", {}, passes],
  );
  const idsOf = (...names: string[]) => selectCases(cases, names).selected.map(({ id }) => id);
  expect(idsOf()).toHaveLength(4);
  expect(idsOf("RES-")).toEqual(["RES-1.1", "RES-10.1", "RES-1.2"]);
  expect(idsOf("RES")).toEqual(idsOf("RES-"));
  expect(idsOf("RES-1")).toEqual(["RES-1.1", "RES-1.2"]);
  expect(idsOf("RES-1.2", "DEL")).toEqual(["RES-1.2", "DEL-1.1"]);
  expect(selectCases(cases, ["RE", "RES-2"]).unknown).toEqual(["RE", "RES-2"]);
});
