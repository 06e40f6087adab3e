import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  ERRORS,
  type ErrorCode,
  type ErrorEntry,
  errorCodeOf,
  retryAdviceForClose,
  TachikomaError,
} from "./errors.ts";
import { ERRORS_TABLE_BEGIN, ERRORS_TABLE_END, errorsTable } from "./errors-table.ts";

const entries = Object.entries<ErrorEntry>(ERRORS) as [ErrorCode, ErrorEntry][];
const closing = entries.filter(([, entry]) => entry.closeCode !== undefined);

describe("the catalogue", () => {
  test.each(entries)("%s has a code, a text and numbers of the right kind", (code, entry) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(entry.message).toMatch(/^[A-Z].*[^.!\s]$/);
    if (entry.httpStatus !== undefined) {
      expect(entry.httpStatus).toBeGreaterThanOrEqual(400);
      expect(entry.httpStatus).toBeLessThan(600);
    }
    if (entry.closeCode !== undefined) {
      const isRfc = entry.closeCode >= 1001 && entry.closeCode <= 1014;
      const isOwn = entry.closeCode >= 4000 && entry.closeCode <= 4499;
      expect(isRfc || isOwn).toBe(true);
      // RFC 6455, section 5.5: a close frame has 125 bytes, two of them are the code.
      expect(new TextEncoder().encode(entry.message).length).toBeLessThanOrEqual(123);
    }
  });

  test("each close code of our own belongs to one error", () => {
    const own = closing.map(([, entry]) => entry.closeCode!).filter((closeCode) => closeCode >= 4000);
    expect(new Set(own).size).toBe(own.length);
  });

  test("CLS-2 a close code alone gives the advice of its error", () => {
    for (const [code, entry] of closing) {
      expect(retryAdviceForClose(entry.closeCode!), code).toBe(entry.retry);
    }
  });

  test("texts of different errors differ", () => {
    const texts = entries.map(([, entry]) => entry.message);
    expect(new Set(texts).size).toBe(texts.length);
  });
});

test.each([
  [1000, "resume"],
  [1005, "resume"],
  [1006, "resume"],
  [1002, "never"],
  [1003, "never"],
  [1007, "never"],
  [1010, "never"],
  [3000, "resume"],
  [4099, "resume"],
  [4100, "fresh"],
  [4199, "fresh"],
  [4200, "resume"],
  [4399, "resume"],
  [4400, "never"],
  [4499, "never"],
  [4500, "resume"],
] as const)("CLS-2 an unknown code %i means %s", (closeCode, advice) => {
  expect(retryAdviceForClose(closeCode)).toBe(advice);
});

describe("TachikomaError", () => {
  test("carries its row of the catalogue", () => {
    const error = new TachikomaError("FORBIDDEN");
    expect(error).toMatchObject({
      code: "FORBIDDEN",
      message: "Not allowed",
      retry: "never",
      entry: ERRORS.FORBIDDEN,
    });
    expect(new TachikomaError("FORBIDDEN", "Not you", { cause: error })).toMatchObject({
      message: "Not you",
      cause: error,
    });
  });

  test("is recognised by its code", () => {
    expect(errorCodeOf(new TachikomaError("FENCED"))).toBe("FENCED");
    expect(errorCodeOf({ code: "FENCED" })).toBe("FENCED");
    for (const other of [
      { code: "ENOENT" },
      { code: "toString" },
      { code: 1 },
      new Error("x"),
      null,
      "FENCED",
    ]) {
      expect(errorCodeOf(other)).toBeUndefined();
    }
  });
});

test("the table in PROTOCOL.md is the catalogue", async () => {
  const document = await readFile(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");
  const begin = document.indexOf(ERRORS_TABLE_BEGIN);
  const end = document.indexOf(ERRORS_TABLE_END);
  expect(begin).toBeGreaterThan(-1);
  expect(end).toBeGreaterThan(begin);
  const table = document.slice(begin + ERRORS_TABLE_BEGIN.length, end).trim();
  expect(table, "Put the output of errorsTable() between the markers in PROTOCOL.md").toBe(errorsTable());
});
