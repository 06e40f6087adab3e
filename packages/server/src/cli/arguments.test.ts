import { describe, expect, test } from "vitest";
import { parseArguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";

const command: Command = {
  name: "paint",
  summary: "Paint",
  positionals: [
    { name: "WALL", summary: "Which" },
    { name: "COLOUR", summary: "What with", isOptional: true },
  ],
  options: [
    { name: "coats", short: "n", value: "N", summary: "How many" },
    { name: "set", value: "KEY=VALUE", summary: "More", isMultiple: true },
    { name: "dry-run", summary: "Only say it" },
  ],
  examples: [],
  run: async () => EXIT_CODES.ok,
};

const parse = (...argv: string[]) => parseArguments(command, argv);

describe("parseArguments", () => {
  test("values, repeated values, switches and arguments in any order", () => {
    const args = parse("--set", "a=1", "north", "-n", "2", "--set=b=2", "--dry-run", "red");
    expect(args.positionals).toEqual(["north", "red"]);
    expect(args.value("coats")).toBe("2");
    expect(args.values("set")).toEqual(["a=1", "b=2"]);
    expect(args.has("dry-run")).toBe(true);
    expect(args.has("coats")).toBe(true);
    expect(args.has("help")).toBe(false);
  });

  test("the last value counts", () => {
    expect(parse("w", "--coats", "1", "--coats=3").value("coats")).toBe("3");
  });

  test("a dash, a negative number and what follows two dashes are values", () => {
    expect(parse("-").positionals).toEqual(["-"]);
    expect(parse("w", "--coats", "-1").value("coats")).toBe("-1");
    expect(parse("w", "--coats=-x").value("coats")).toBe("-x");
    expect(parse("--", "--dry-run").positionals).toEqual(["--dry-run"]);
  });

  test.each<[string[], string, string | undefined]>([
    [["w", "--coast", "1"], "paint has no option --coast", "did you mean --coats?"],
    [["w", "--zebra=secret"], "paint has no option --zebra", "see tachikoma paint --help"],
    [["w", "-x"], "paint has no option -x", "see tachikoma paint --help"],
    [["w", "--coats"], "--coats needs a value: N", undefined],
    [["w", "--coats", "--dry-run"], "--coats needs a value: N", undefined],
    [["w", "--dry-run=yes"], "--dry-run takes no value", undefined],
    [[], "paint needs WALL", "see tachikoma paint --help"],
    [["a", "b", "c"], "paint takes at most WALL COLOUR, and got 3", "see tachikoma paint --help"],
  ])("%j", (argv, message, hint) => {
    expect(() => parse(...argv)).toThrow(
      expect.objectContaining({ message, hint, exitCode: EXIT_CODES.usage }),
    );
  });

  test("help needs nothing else", () => {
    expect(parse("--help").wantsHelp).toBe(true);
    expect(parse("-h").wantsHelp).toBe(true);
  });
});
