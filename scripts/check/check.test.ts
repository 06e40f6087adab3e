import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkLockFile } from "./lock-file.mjs";
import { summarize } from "./summarize.mjs";

const passed = { status: "passed", fullName: "a" };
const failed = { status: "failed", fullName: "b" };
const goodCheck = { passedCount: 2, failedCount: 0, results: [] };

function tests(...assertionResults: object[]) {
  return { testResults: [{ name: "x.test.ts", status: "passed", assertionResults }] };
}

function counts(input: { tests?: object; testsCode?: number; check?: object; checkCode?: number }) {
  const { passedCount, failedCount } = summarize({ testsCode: 0, checkCode: 0, ...input });
  return [passedCount, failedCount];
}

describe("the summary of a run", () => {
  test("adds tests and steps", () => {
    expect(counts({ tests: tests(passed, passed), check: goodCheck })).toEqual([4, 0]);
  });
  test("counts failed tests and steps", () => {
    const check = { passedCount: 1, failedCount: 1, results: [{ name: "types", result: "FAIL" }] };
    expect(counts({ tests: tests(passed, failed), testsCode: 1, check, checkCode: 1 })).toEqual([2, 2]);
  });
  test("counts a file that cannot be loaded as a failure", () => {
    const broken = {
      testResults: [...tests(passed).testResults, { name: "y", status: "failed", assertionResults: [] }],
    };
    expect(counts({ tests: broken, testsCode: 1, check: goodCheck })).toEqual([3, 1]);
  });
  test.each([
    ["without a report of the tests", { check: goodCheck }, [2, 1]],
    ["when no test ran", { tests: tests(), check: goodCheck }, [2, 1]],
    ["when all tests were skipped", { tests: tests({ status: "skipped" }), check: goodCheck }, [2, 1]],
    ["after an error outside of any test", { tests: tests(passed), testsCode: 1, check: goodCheck }, [3, 1]],
    ["without a summary of the steps", { tests: tests(passed) }, [1, 1]],
    [
      "when no step ran",
      { tests: tests(passed), check: { passedCount: 0, failedCount: 0, results: [] } },
      [1, 1],
    ],
    ["after a crash of the checks", { tests: tests(passed), check: goodCheck, checkCode: 2 }, [3, 1]],
  ])("is a failure %s", (_, input, expected) => expect(counts(input)).toEqual(expected));
});

describe("the lock file", () => {
  const root = { dependencies: { a: "1.0.0" } };
  const good = {
    "": root,
    "node_modules/a": { version: "1.0.0", optionalDependencies: { "a-linux": "1.0.0" } },
    "node_modules/a/node_modules/a-linux": { version: "1.0.0" },
  };

  function faultsOf(packages: object, manifest: object = root) {
    const folder = mkdtempSync(join(tmpdir(), "lock-file-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(dirname(join(folder, "package.json")), { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages }));
    return checkLockFile(folder);
  }

  test("that is complete has no faults", () => expect(faultsOf(good)).toEqual([]));
  test("that lacks a package of another platform", () => {
    const { "node_modules/a/node_modules/a-linux": _, ...incomplete } = good;
    expect(faultsOf(incomplete)).toEqual(["package-lock.json has no a-linux, which node_modules/a needs"]);
  });
  test("that does not know a change of package.json", () => {
    expect(faultsOf(good, { dependencies: { a: "1.0.1" } })).toHaveLength(1);
  });
  test("that names a registry", () => {
    const resolved = "https://registry.example/a.tgz";
    const packages = { ...good, "node_modules/a": { ...good["node_modules/a"], resolved } };
    expect(faultsOf(packages)).toEqual(["package-lock.json names a registry for node_modules/a"]);
  });
});
