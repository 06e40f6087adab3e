import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ALL_SCRIPTS } from "../../stores/redis/scripts/all-scripts.ts";
import { commandsOf } from "./redis-rights.ts";

const storeFolder = fileURLToPath(new URL("../../stores/redis/", import.meta.url));

/** Commands that the store does without where they are refused. */
const OPTIONAL = ["CONFIG", "CLIENT"];

test("every command of the store is tried, in its scripts and beside them", () => {
  const inScripts = ALL_SCRIPTS.flatMap(({ text }) => [...text.matchAll(/redis\.p?call\(\s*['"](\w+)/g)]);
  const sources = readdirSync(storeFolder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => readFileSync(`${storeFolder}${name}`, "utf8"));
  const beside = sources.flatMap((source) => [...source.matchAll(/\[\s*"([A-Z]{3,})"[,\]]/g)]);
  const needed = new Set([...inScripts, ...beside].map(([, command]) => command!.toUpperCase()));
  expect(needed.size).toBeGreaterThan(25);
  const tried = new Set(
    [...commandsOf("x", "replica"), ...commandsOf("x", "fsync")].map(([command]) => command!),
  );
  expect([...needed].filter((command) => !tried.has(command) && !OPTIONAL.includes(command))).toEqual([]);
});
