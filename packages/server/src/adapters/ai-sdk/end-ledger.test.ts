import { expect, test } from "vitest";
import { EndLedger } from "./end-ledger.ts";
import { ENDED_ANSWER_MS, isAnswerOwed } from "./resume-choice.ts";

const reader = { tenant: "default", clientId: "http", channel: "chat:1" };
const NOW_MS = 1_000_000_000;

function owed(ledger: EndLedger, endedAtMs: number | undefined = NOW_MS - 1, executionId = "x1"): boolean {
  return isAnswerOwed({ endedAtMs, delivery: ledger.of(reader, executionId), nowMs: NOW_MS });
}

test("an answer that runs is owed to everyone, and one that ended to whoever may lack its end", () => {
  const ledger = new EndLedger();
  expect(owed(ledger)).toBe(true);
  ledger.noteGiven(reader, "x1");
  expect(owed(ledger)).toBe(false);
  expect(isAnswerOwed({ endedAtMs: undefined, delivery: ledger.of(reader, "x1"), nowMs: NOW_MS })).toBe(true);
});

test("as often as it was cut off, and to nobody after a while", () => {
  const ledger = new EndLedger();
  for (let count = 0; count < 2; count += 1) ledger.noteCut(reader, "x1");
  ledger.noteGiven(reader, "x1");
  expect(owed(ledger)).toBe(true);
  ledger.noteGiven(reader, "x1");
  expect(owed(ledger)).toBe(false);
  ledger.noteCut(reader, "x1");
  expect(owed(ledger)).toBe(true);
  expect(owed(ledger, NOW_MS - ENDED_ANSWER_MS - 1)).toBe(false);
});

test("what is known of one answer says nothing of the next, and of others nothing", () => {
  const ledger = new EndLedger();
  ledger.noteGiven(reader, "x1");
  expect(owed(ledger, NOW_MS, "x2")).toBe(true);
  const other = { ...reader, tenant: "other" };
  expect(ledger.of(other, "x1")).toEqual({ isGiven: false, cutCount: 0 });
});

test("it does not grow without end", () => {
  const ledger = new EndLedger();
  ledger.noteGiven(reader, "x1");
  for (let count = 0; count < 10_000; count += 1)
    ledger.noteGiven({ ...reader, channel: `chat:${count + 2}` }, "x");
  expect(ledger.of(reader, "x1").isGiven).toBe(false);
});
