/** One round of every fault class, and proof that a broken server would be found. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { FAULT_CLASSES } from "./faults/index.ts";
import { failureText } from "./runner/run-all.ts";
import { seedOf } from "./runner/schedule.ts";
import { runTrial } from "./trial/run-trial.ts";

const GROUP_SIZE = 6;
const TRIAL_TIMEOUT_MS = 120_000;

const seed = Number(process.env["TACHIKOMA_CHAOS_SEED"] ?? Math.floor(Math.random() * 1_000_000));
const required = (process.env["TACHIKOMA_TEST_REQUIRE"] ?? "").split(",");
const failureFolder = mkdtempSync(join(tmpdir(), "tachikoma-chaos-failures-"));
let hasFailed = false;

vi.setConfig({ maxConcurrency: GROUP_SIZE });
process.stdout.write(`chaos: TACHIKOMA_CHAOS_SEED=${seed}\n`);

afterAll(() => {
  if (!hasFailed) rmSync(failureFolder, { recursive: true, force: true });
});

describe.concurrent("every promise holds", () => {
  for (const fault of FAULT_CLASSES) {
    const obstacle = fault.obstacle?.();
    const mustRun = required.includes("redis") && obstacle?.includes("redis") === true;
    if (obstacle !== undefined && !mustRun) {
      process.stdout.write(`skipped: ${fault.name}: ${obstacle}\n`);
      continue;
    }
    test(`${fault.name}: ${fault.title}`, { timeout: TRIAL_TIMEOUT_MS }, async () => {
      const result = await runTrial({
        fault,
        seed: seedOf(seed, fault.name, 0),
        roundCount: 1,
        failureFolder,
      });
      if (result.problems.length === 0) return;
      hasFailed = true;
      expect.fail(failureText(result));
    });
  }
});
