import { describe, expect, test } from "vitest";
import { readErrorBody, textCleaner } from "./upstream-text.ts";

describe("textCleaner", () => {
  const clean = textCleaner(["canary-4711-canary", "abc"]);

  test.each([
    ["Wrong key canary-4711-canary.", "Wrong key [redacted]."],
    ["Incorrect API key provided: sk-proj-ab***************wxyz.", "Incorrect API key provided: [redacted]."],
    ["Authorization: Bearer ey.J0-x/y= was bad", "Authorization: [redacted] was bad"],
    ["two\nlines\u0000 \u001b[31mred\u202e", "two lines [31mred"],
    ["a short secret does not tear abcdef apart", "a short secret does not tear abcdef apart"],
  ])("%j", (text, shown) => {
    expect(clean(text)).toBe(shown);
  });

  test("cuts what is long, after the secrets are out", () => {
    const shown = clean(`${"x".repeat(290)} canary-4711-canary ${"y".repeat(100)}`);
    expect(shown.length).toBeLessThanOrEqual(301);
    expect(shown).not.toContain("canary");
    expect(shown.endsWith("…")).toBe(true);
  });
});

describe("readErrorBody", () => {
  const clean = textCleaner([]);

  test.each<[body: unknown, type: string, text: string]>([
    [{ error: { message: "No", type: "t", code: "c" } }, "c", "No"],
    [{ error: { message: "No", type: "t", code: null } }, "t", "No"],
    [{ error: { message: "No", code: 429 } }, "429", "No"],
    [{ type: "error", error: { type: "overloaded_error", message: "Busy" } }, "overloaded_error", "Busy"],
    [{ error: "model not found" }, "", "model not found"],
    [{ message: "No", type: "x" }, "x", "No"],
    [{}, "", ""],
    ["<html>", "", ""],
    [undefined, "", ""],
  ])("%j", (body, type, text) => {
    expect(readErrorBody(body, clean)).toEqual({ type, text });
  });
});
