import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ALL_CASES, REQUIREMENTS } from "./src/index.ts";
import { UNOBSERVED } from "./src/unobserved.ts";
import { withTables } from "./testing/readme-tables.ts";

function read(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}

test("the tables of README.md say what the code says", () => {
  const page = read("README.md");
  expect(page, "run: node --conditions=source conformance/testing/write-readme.ts").toBe(withTables(page));
});

test("every rule of the protocol has a case, or a reason why it has none", () => {
  const rules = [...read("../PROTOCOL.md").matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm)].map(([, rule]) => rule!);
  const withCase = new Set(ALL_CASES.map(({ rule }) => rule));
  expect(rules.length).toBeGreaterThan(130);
  expect(rules.filter((rule) => !withCase.has(rule)).sort()).toEqual(Object.keys(UNOBSERVED).sort());
  expect([...withCase].filter((rule) => !rules.includes(rule))).toEqual([]);
});

test("every requirement is needed by a case", () => {
  const needed = new Set<string>(ALL_CASES.flatMap(({ requires }) => requires));
  const valuesOfOthers = ["limit:short_records", "limit:max_record_bytes"];
  expect(
    Object.keys(REQUIREMENTS).filter((name) => !needed.has(name) && !valuesOfOthers.includes(name)),
  ).toEqual([]);
});
