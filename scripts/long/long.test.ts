import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FAULT_CLASSES } from "../../chaos/faults/index.ts";
import { longPlanOf } from "./arguments.ts";
import { type CountedPart, failuresIn, openSlices, runCounted } from "./counted-part.ts";
import { foundRows, simulationRows } from "./found-rows.ts";
import { PAGE_PATH, publishedResults } from "./publish.ts";
import { reliabilityPage } from "./reliability-page.ts";

const folder = mkdtempSync(join(tmpdir(), "tachikoma-long-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("docs/reliability.md", () => {
  test("is what the published results and the list of what was found make", () => {
    expect(readFileSync(PAGE_PATH, "utf8")).toBe(reliabilityPage(publishedResults(), foundRows()));
  });

  test("speaks of every fault class, in the words of the class", () => {
    const published = publishedResults().chaos?.faults ?? [];
    const words = ({ name, title, injection, releaseRoundCount }: (typeof published)[number]) => ({
      name,
      title,
      injection,
      releaseRoundCount,
    });
    expect(published.map(words)).toEqual(FAULT_CLASSES.map((fault) => words(fault as never)));
  });
});

test("what the simulation has found is read from its test", () => {
  const source = `describe("found by simulation", () => {
    // Seeds.
    test.each([
      ["a record was lost", 1_215],
      [
        "one that is too long for a line",
        305_229,
      ],
      ["another", 7],
    ])("%s (seed %i)", async () => {});`;
  expect(simulationRows(source)).toEqual([
    { by: "simulation", seed: 1_215, text: "a record was lost" },
    { by: "simulation", seed: 305_229, text: "one that is too long for a line" },
    { by: "simulation", seed: 7, text: "another" },
  ]);
});

describe("a counted part", () => {
  /** Prints what the simulation prints; trial 23 fails. */
  const program = join(folder, "program.mjs");
  writeFileSync(
    program,
    `const [first, count] = process.argv.slice(2).map(Number);
     const isBroken = first <= 23 && 23 < first + count;
     if (isBroken) console.log("seed 23: 2 problems, first C3: 7 is missing");
     process.exitCode = isBroken ? 1 : 0;`,
  );
  const part: CountedPart = {
    name: "trials",
    unit: "seeds",
    totalCount: 45,
    sliceCount: 10,
    argv: (first, count) => [program, String(first), String(count)],
  };
  const options = { part, first: 1, jobCount: 2, say: () => {}, deadlineMs: Number.POSITIVE_INFINITY };

  test("runs every number once, and tells which failed", async () => {
    const statePath = join(folder, "all.json");
    const { count, failures } = await runCounted({ ...options, statePath, isResumed: false });
    expect(count).toBe(45);
    expect(failures).toEqual([{ seed: 23, text: "2 problems, first C3: 7 is missing" }]);
  });

  test("goes on with what is left", async () => {
    const statePath = join(folder, "resumed.json");
    const none = await runCounted({ ...options, statePath, isResumed: false, deadlineMs: 0 });
    expect(none.count).toBe(0);
    const slices = [{ first: 11, count: 10, durationMs: 5, failures: [] }];
    writeFileSync(statePath, JSON.stringify({ first: 1, durationMs: 5, slices }));
    const said: string[] = [];
    const say = (text: string) => said.push(text);
    expect((await runCounted({ ...options, statePath, isResumed: true, say })).count).toBe(45);
    expect(said.filter((text) => text.includes("of 45"))).toHaveLength(4);
  });

  test("knows which slices are left", () => {
    const state = {
      first: 101,
      durationMs: 0,
      slices: [{ first: 111, count: 10, durationMs: 1, failures: [] }],
    };
    expect(openSlices({ ...part, totalCount: 25 }, state)).toEqual([
      { first: 101, count: 10 },
      { first: 121, count: 5 },
    ]);
  });

  test("that ends without a word of why is an error", async () => {
    const broken = { ...part, argv: () => ["-e", "process.exit(3)"] };
    const run = runCounted({
      ...options,
      part: broken,
      statePath: join(folder, "broken.json"),
      isResumed: false,
    });
    await expect(run).rejects.toThrow("ended with 3");
  });

  test("failures are the lines that begin with a seed", () => {
    expect(failuresIn("10 of 20 seeds, 1 failed\nseed 4: 1 problems, first C1: x\n")).toEqual([
      { seed: 4, text: "1 problems, first C1: x" },
    ]);
  });
});

test("arguments name parts and bound them", () => {
  expect(longPlanOf(["chaos", "--minutes", "5", "--resume"])).toMatchObject({
    parts: ["chaos"],
    minutes: 5,
    isResumed: true,
  });
  expect(longPlanOf([]).parts).toHaveLength(3);
  expect(() => longPlanOf(["chaso"])).toThrow("There is no part chaso");
  expect(() => longPlanOf(["--minutes=-1"])).toThrow("--minutes is -1");
});
