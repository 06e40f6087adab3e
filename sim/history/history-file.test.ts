import { expect, test } from "vitest";
import { formatHistory, parseHistory } from "./history-file.ts";
import type { HistoryRecord } from "./history-record.ts";

const RECORDS: HistoryRecord[] = [
  { kind: "phase", timeMs: 1, phase: "heal" },
  { kind: "process.error", timeMs: 2, process: "node-1", text: "two\nlines \u2028" },
];

test("a history survives the file", () => expect(parseHistory(formatHistory(RECORDS))).toEqual(RECORDS));

test("a last line that was cut off is left out", () => {
  expect(parseHistory(`${formatHistory(RECORDS)}{"kind":"pha`)).toEqual(RECORDS);
});

test("a broken line is named", () => {
  expect(() => parseHistory(`${formatHistory(RECORDS)}{"kind":\n`)).toThrow(
    "line 3 of the history is not JSON",
  );
  expect(() => parseHistory("7\n")).toThrow("line 1 of the history is not a record");
});
