import { expect, test } from "vitest";
import { type ProcessFacts, processFacts, processFindings } from "./process-checks.ts";

const GOOD: ProcessFacts = { nodeVersion: "24.1.0", maxOpenFiles: 20_000, maxHeapBytes: 4 * 1024 ** 3 };

test.each<[string, Partial<ProcessFacts>, string, string]>([
  ["Node", {}, "node_version", "ok: Node 24.1.0"],
  ["the oldest Node", { nodeVersion: "22.13.0" }, "node_version", "ok: Node 22.13.0"],
  ["an older Node", { nodeVersion: "22.12.9" }, "node_version", "problem: Node 22.12.9 is too old"],
  ["a much older Node", { nodeVersion: "20.20.0" }, "node_version", "problem: Node 20.20.0 is too old"],
  ["files", {}, "open_files", "ok: 20000 open files are allowed, enough for limits.max_connections = 10000"],
  [
    "few files",
    { maxOpenFiles: 10_000 },
    "open_files",
    "warning: only 10000 open files are allowed, and limits.max_connections is 10000",
  ],
  [
    "no limit of files",
    { maxOpenFiles: undefined },
    "open_files",
    "ok: the number of open files is not limited",
  ],
  ["heap", {}, "heap", "ok: the JavaScript heap may grow to 4.0 GiB"],
  [
    "small heap",
    { maxHeapBytes: 256 * 1024 ** 2 },
    "heap",
    "warning: the JavaScript heap may grow to 256 MiB, which may be little for limits.max_connections = 10000",
  ],
])("%s", (_, facts, check, expected) => {
  const findings = processFindings({ ...GOOD, ...facts }, 10_000);
  const finding = findings.find((candidate) => candidate.check === check)!;
  expect(`${finding.level}: ${finding.text}`).toBe(expected);
  expect(finding.advice === undefined).toBe(finding.level === "ok");
});

test("this process can be looked at", () => {
  const facts = processFacts();
  expect(facts.nodeVersion).toBe(process.versions.node);
  expect(facts.maxHeapBytes).toBeGreaterThan(64 * 1024 ** 2);
  if (process.platform === "linux") expect(facts.maxOpenFiles).toBeGreaterThan(16);
});
