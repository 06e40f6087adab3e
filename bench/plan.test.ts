import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CONTENDERS } from "./contender.ts";
import { planOf, USAGE } from "./plan.ts";

test("without a word everything is run, small and once", () => {
  const plan = planOf([]);
  expect(plan).toMatchObject({ command: "works", roundCount: 1, isFull: false });
  expect(plan.works.length).toBeGreaterThan(14);
  expect(new Set(plan.works.map(({ name }) => name)).size).toBe(plan.works.length);
  expect(plan.works[0]!.title).toContain("1000 subscribers");
});

test("full sizes, with one of them said otherwise", () => {
  const { sizes, works } = planOf(["--full", "--streams", "10", "--only", "capacity,resume"]);
  expect(sizes).toMatchObject({
    rounds: 5,
    clients: 5_000,
    missed: 200,
    busyStreams: 10,
    capacityStreams: 10,
  });
  expect(works.map(({ name }) => name)).toEqual(["capacity", "resume"]);
});

test("growth and soak have contenders and lengths of their own", () => {
  expect(planOf(["growth"])).toMatchObject({ contenders: ["tachikoma-memory"], roundCount: 1 });
  expect(planOf(["growth", "--full"])).toMatchObject({ roundCount: 3, isFull: true });
  expect(planOf(["soak"])).toMatchObject({ contenders: ["tachikoma-sqlite"], minutes: 30 });
  expect(planOf(["soak", "--minutes", "2", "--contenders", "tachikoma-m"]).contenders).toEqual([
    "tachikoma-memory",
  ]);
});

test("only what tells something is published", () => {
  expect(() => planOf(["--publish"])).toThrow("--full");
  expect(() => planOf(["soak", "--minutes", "9", "--publish"])).toThrow("10 minutes");
  expect(() => planOf(["--full", "--publish", "--clients", "10"])).toThrow("--full");
  expect(planOf(["--full", "--publish", "--rounds", "3"]).isPublished).toBe(true);
  expect(planOf(["publish", "a.json", "b.json"]).files).toEqual(["a.json", "b.json"]);
});

test("what is wrong is said", () => {
  expect(() => planOf(["sock"])).toThrow("There is no sock");
  expect(() => planOf(["--only", "fun-out"])).toThrow("fan-out-paced");
  expect(() => planOf(["--rounds", "0"])).toThrow("--rounds 0");
  expect(() => planOf(["soak", "--minutes", "1000"])).toThrow("at most 240");
});

test("the help names every work and size", () => {
  for (const word of ["late-joiner", "wire-bytes-200", "slow-viewers", "growth", "soak"])
    expect(USAGE).toContain(word);
});

test("the README has a row for every work and contender", () => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const firstCells = [...readme.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) => [
    ...cell!.matchAll(/`([^`]+)`/g),
  ]);
  const names = firstCells.map(([, name]) => name);
  const wanted = [...CONTENDERS, ...planOf([]).works.map(({ name }) => name)];
  expect(wanted.filter((name) => !names.includes(name))).toEqual([]);
});
