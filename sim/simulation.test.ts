import { describe, expect, test } from "vitest";
import { failureText } from "./failure-text.ts";
import { ALL_MUTANTS } from "./mutants/all-mutants.ts";
import { traceDigest } from "./recorder.ts";
import { runSeed } from "./run-seed.ts";

const SEED_COUNT = Number(process.env["SIM_SEEDS"] ?? 5_000);
const FIRST_SEED = Number(process.env["SIM_FIRST_SEED"] ?? 1);
const SEEDS_PER_TEST = 250;
const MAX_MUTANT_SEEDS = 300;
/** Ten times what it takes on a quiet machine. */
const BATCH_TIMEOUT_MS = 240_000;

async function expectSound(seed: number): Promise<void> {
  const result = await runSeed(seed);
  if (result.problems.length > 0) expect.fail(failureText(result));
}

describe("every promise holds", () => {
  for (let first = FIRST_SEED; first < FIRST_SEED + SEED_COUNT; first += SEEDS_PER_TEST) {
    const last = Math.min(first + SEEDS_PER_TEST, FIRST_SEED + SEED_COUNT) - 1;
    test(`seeds ${first} to ${last}`, { timeout: BATCH_TIMEOUT_MS }, async () => {
      for (let seed = first; seed <= last; seed += 1) await expectSound(seed);
    });
  }
});

describe("found by simulation", () => {
  // Each named after what was wrong; a seed shows it only as long as the dice fall as they did.
  test.each([
    ["an execution whose request for the head was lost with the connection was never seen to end", 12],
    ["an execution that was asked for while another request was under way was followed too late", 31],
    ["records were delivered before the welcome, and before the reset that was due", 19],
    ["a reset that was lost with its connection was not said again", 287],
    ["a final receipt that the store refused once was never sent", 1_215],
    ["a subscribe of a dead connection moved the session that another one had resumed", 85],
    ["an execution that its owner had lost was given up without an end when it was asked for again", 127],
    ["the start of an execution whose first records a failover took was written after its end", 5_686],
    [
      "what a failover left of an execution before its start, written again, was taken for a part of the answer",
      305_229,
    ],
    [
      "a node that could not follow its letters at its start never tried again, and was late with each",
      356_958,
    ],
    ["a client gave up its session for good when its own earlier connection came to it last", 423_612],
    ["a failover let an older connection write a session that a newer one had taken since", 493_291],
    ["a list of who is present that was read without the node's lease was never put right", 453_362],
    ["who subscribed to a channel that an execution followed already was not told who is present", 10_274],
  ])("%s (seed %i)", async (_, seed) => {
    await expectSound(seed);
  });
});

test("the same seed is the same run", async () => {
  for (const seed of [1, 7, 42, 1_234]) {
    const first = (await runSeed(seed, { isTraced: true })).trace();
    const second = (await runSeed(seed, { isTraced: true })).trace();
    expect(traceDigest(second)).toBe(traceDigest(first));
    expect(first.length).toBeGreaterThan(500);
  }
});

describe("what is broken is found out", () => {
  test.each(Object.keys(ALL_MUTANTS))("it %s", { timeout: BATCH_TIMEOUT_MS }, async (name) => {
    const mutant = ALL_MUTANTS[name]!();
    for (let seed = 1; seed <= MAX_MUTANT_SEEDS; seed += 1) {
      const { problems } = await runSeed(seed, mutant);
      if (problems.length > 0) return;
    }
    expect.fail(`${MAX_MUTANT_SEEDS} seeds show nothing wrong where something ${name}`);
  });
});
