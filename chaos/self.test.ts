/** The judge itself on trial: what is broken on purpose has to be found, and a history that is cut off proves nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dice } from "../sim/dice.ts";
import { checkHistory } from "../sim/history/check-history.ts";
import { formatHistory, parseHistory } from "../sim/history/history-file.ts";
import type { HistoryRecord } from "../sim/history/history-record.ts";
import { ambiguousAnswer } from "./faults/ambiguous-answer.ts";
import type { FaultClass } from "./faults/fault-class.ts";
import { nodesKilled } from "./faults/nodes-killed.ts";
import { SQLITE } from "./faults/stores.ts";
import { missingParts } from "./history/completeness.ts";
import { finishTrial } from "./trial/finish-trial.ts";
import { runTrial } from "./trial/run-trial.ts";
import { Trial } from "./trial/trial.ts";

const TRIAL_TIMEOUT_MS = 120_000;
const MAX_TRIALS = 4;
const ROUND_COUNT = 2;
/** What a broken node never does is not waited for long. */
const PATIENCE_MS = 4_000;

const failureFolder = mkdtempSync(join(tmpdir(), "tachikoma-chaos-self-"));
afterAll(() => rmSync(failureFolder, { recursive: true, force: true }));

function onSqlite(fault: FaultClass): FaultClass {
  return { ...fault, cluster: () => SQLITE };
}

describe.concurrent("a node that is broken is found out", () => {
  test.each([
    ["answers a publish before it is stored", nodesKilled, /^C1: /],
    ["does not recognise a command that comes again", ambiguousAnswer, /^C[49]: /],
    ["forgets to save sessions", nodesKilled, /^subscription-lost: /],
  ])("it %s", { timeout: TRIAL_TIMEOUT_MS }, async (mutant, fault, found) => {
    for (let seed = 1; seed <= MAX_TRIALS; seed += 1) {
      const run = {
        fault: onSqlite(fault),
        seed,
        roundCount: ROUND_COUNT,
        failureFolder,
        mutant,
        patienceMs: PATIENCE_MS,
      };
      const { problems } = await runTrial(run);
      if (problems.some(({ check, text }) => found.test(`${check}: ${text}`))) return;
    }
    expect.fail(`${MAX_TRIALS} trials show nothing wrong with a node that ${mutant}`);
  });
});

describe("a history that was tampered with is found out", () => {
  let history: readonly HistoryRecord[];
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-chaos-history-"));
    const trial = await Trial.start({ seed: 1, folder, cluster: SQLITE });
    try {
      await trial.untilBusy(new Dice(1));
      await trial.untilBusy(new Dice(2));
      const verdict = await finishTrial(trial);
      expect(verdict.problems).toEqual([]);
      // As it is kept: what cannot be written down cannot be judged again.
      history = parseHistory(formatHistory(verdict.history));
    } finally {
      await trial.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }, TRIAL_TIMEOUT_MS);

  const checksOf = (records: readonly HistoryRecord[]) => [
    ...missingParts(records).map(({ check }) => check),
    ...checkHistory(records).map(({ invariant }) => invariant),
  ];
  /** An application's record of a message that is neither the first nor the last it saw. */
  const someApply = () => {
    const applies = history.filter(
      (record) => record.kind === "apply" && record.session === "lib-0" && record.stream === "default/chat:1",
    );
    return applies[Math.floor(applies.length / 2)]!;
  };

  test("one that is whole is sound", () => {
    expect(checksOf(history)).toEqual([]);
  });

  test("one that ends too early", () => {
    for (const share of [0, 0.3, 0.9]) {
      const cut = history.slice(0, Math.floor(history.length * share));
      expect(checksOf(cut)).toContain("incomplete");
    }
  });

  test("one without the final log of a channel", () => {
    const kept = history.filter((record) => record.kind !== "log.dump" || record.stream !== "default/chat:1");
    expect(checksOf(kept)).toContain("incomplete");
  });

  test("one in which an application has missed a record", () => {
    const missed = someApply();
    expect(checksOf(history.filter((record) => record !== missed))).toContain("C3");
  });

  test("one in which an application has seen a record twice", () => {
    const twice = someApply();
    expect(checksOf(history.flatMap((record) => (record === twice ? [record, record] : [record])))).toContain(
      "C4",
    );
  });

  test("one in which an application has seen something else", () => {
    const other = someApply();
    const changed = history.map((record) => (record === other ? { ...record, val: "forged" } : record));
    expect(checksOf(changed)).toEqual(expect.arrayContaining(["C1", "C2"]));
  });

  test("one in which an execution never ended", () => {
    const end = history.find((record) => record.kind === "gen.terminal")!;
    const lateMs = 60_000;
    const later = history.map((record) =>
      record.kind === "phase" && record.phase === "end"
        ? { ...record, timeMs: record.timeMs + lateMs }
        : record,
    );
    expect(checksOf(later.filter((record) => record !== end))).toContain("C12");
  });
});
