import { describe, expect, test } from "vitest";
import { createStyle, isColourWanted, withoutControlCharacters } from "./style.ts";

describe("colour", () => {
  test.each<[Record<string, string>, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ NO_COLOR: "0" }, true, false],
    [{ NO_COLOR: "" }, true, true],
    [{ FORCE_COLOR: "1" }, false, true],
    [{ FORCE_COLOR: "" }, false, true],
    [{ FORCE_COLOR: "0" }, true, false],
    [{ FORCE_COLOR: "1", NO_COLOR: "1" }, true, false],
    [{ TERM: "dumb" }, true, false],
  ])("%j on a terminal: %s", (env, isTty, isWanted) => {
    expect(isColourWanted(env, isTty)).toBe(isWanted);
  });

  test("is put around the text, or not at all", () => {
    expect(createStyle(true).red("x")).toBe("\u001b[31mx\u001b[39m");
    expect(createStyle(false).red("x")).toBe("x");
  });
});

test("what others wrote cannot take over the terminal", () => {
  expect(withoutControlCharacters("a\u001b]0;title\u0007b\u009b31mc\rd\n\te")).toBe("a]0;titleb31mcd\n\te");
});
