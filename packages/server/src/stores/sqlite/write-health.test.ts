import { expect, test } from "vitest";
import { WriteHealth } from "./write-health.ts";

function makeHealth() {
  const lines: string[] = [];
  let nowMs = 0;
  const note = (fields: object, text: string) =>
    lines.push(`${text.split(".")[0]} ${JSON.stringify(fields)}`);
  const logger = { debug: note, info: note, warn: note, error: note };
  const health = new WriteHealth("x.db", logger, () => nowMs);
  return { health, lines, advance: (ms: number) => (nowMs += ms) };
}

const FULL = 'The disk of the database is full {"path":"x.db","reason":"no room"}';
const AGAIN = 'The database can be written again {"path":"x.db"}';

test("says once that writing stops, and once that it works again", () => {
  const { health, lines, advance } = makeHealth();
  health.committed();
  expect(lines).toEqual([]);
  for (let count = 0; count < 3; count++) health.failed("full", "no room");
  expect(health.canWrite).toBe(false);
  advance(10_000);
  for (let count = 0; count < 3; count++) health.committed();
  expect(health.canWrite).toBe(true);
  expect(lines).toEqual([FULL, AGAIN]);
});

test("says nothing of small commits that pass between large ones that fail", () => {
  const { health, lines, advance } = makeHealth();
  for (let count = 0; count < 100; count++) {
    health.failed("full", "no room");
    expect(health.canWrite).toBe(false);
    advance(100);
    health.committed();
    expect(health.canWrite).toBe(true);
  }
  expect(lines).toEqual([FULL]);
});

test("says it when the fault becomes another", () => {
  const { health, lines } = makeHealth();
  health.failed("full", "no room");
  health.failed("read-only", "not allowed");
  expect(lines).toHaveLength(2);
});
