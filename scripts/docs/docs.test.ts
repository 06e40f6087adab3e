import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkedBlocks, compileExamples } from "./examples.mjs";
import { findBrokenLinks } from "./links.mjs";
import { readMarkdown, slugOf } from "./markdown-page.mjs";
import { compareRuleIds } from "./rule-ids.mjs";

const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

function brokenLinks(pages: Record<string, string>, otherFiles: string[] = []) {
  const root = mkdtempSync(join(tmpdir(), "docs-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of [...Object.entries(pages), ...otherFiles.map((path) => [path, ""] as const)]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const read = Object.entries(pages).map(([path, text]) => readMarkdown(text, path));
  return findBrokenLinks(root, read).map(({ path, line }) => `${path}:${line}`);
}

describe("links", () => {
  test("to files, folders and anchors that exist are fine, and so is the web", () => {
    const a =
      "# One two\n[b](docs/b.md#two) [f](docs) [self](#one-two) [web](https://example.org/x#y)\n[r]: docs/b.md\n";
    expect(
      brokenLinks({ "a.md": a, "docs/b.md": "## Two\n[a](../a.md) ![i](i.png)" }, ["docs/i.png"]),
    ).toEqual([]);
  });

  test("to a missing file, anchor, definition or image are found at their line", () => {
    const a = "# A\n\n[x](missing.md)\n[y](#nope)\n[z]: gone.md\n![i](i.png)\n[out](../../etc)";
    expect(brokenLinks({ "a.md": a })).toEqual(["a.md:3", "a.md:4", "a.md:5", "a.md:6", "a.md:7"]);
  });

  test("in code are text", () => {
    expect(brokenLinks({ "a.md": "```\n[x](missing.md)\n```\n`[y](missing.md)`" })).toEqual([]);
  });

  test.each([
    ["Life of a `record`", "life-of-a-record"],
    ["3. Positions & epochs", "3-positions--epochs"],
    ["[Link](x.md) here", "link-here"],
    ["`on_unwatched`", "on_unwatched"],
  ])("the anchor of %s is %s", (heading, slug) => expect(slugOf(heading)).toBe(slug));

  test("repeated headings are numbered", () => {
    expect([...readMarkdown("# A\n# A\n# A", "a.md").anchors]).toEqual(["a", "a-1", "a-2"]);
  });
});

describe("examples", () => {
  const blocksOf = (text: string) => checkedBlocks([readMarkdown(text, "page.md")]);

  test("only marked blocks are checked", () => {
    const text = "```ts\nx\n```\n\n```ts check\nconst a = 1;\n```\n```sh check\nls\n```\n~~~js check\nb\n~~~";
    expect(blocksOf(text).map(({ line, extension }) => [line, extension])).toEqual([
      [6, "ts"],
      [12, "js"],
    ]);
  });

  test("one that does not compile is reported at its line in the page", () => {
    const text =
      '# Page\n\n```ts check\nconst a = 1;\nconst b: string = a;\n```\n\n```ts check\nimport "node:fs";\n```';
    const faults = compileExamples(repository, blocksOf(text));
    expect(faults.map(({ path, line }) => `${path}:${line}`)).toEqual(["page.md:5"]);
    expect(faults[0]?.what).toContain("TS2322");
  });
});

describe("rule ids", () => {
  const protocol = {
    path: "PROTOCOL.md",
    text: "- **RES-1** A server MUST. See RES-2.\n| RES-2 | row |\n### `HB-1` Ping\nTexts are UTF-8.\n",
  };

  test("rules that no test names are listed", () => {
    const tests = [{ path: "a.test.ts", text: 'test("RES-1 HB-1: x", () => {})' }];
    expect(compareRuleIds(protocol, tests, [protocol])).toEqual({
      ids: ["RES-1", "RES-2", "HB-1"],
      untested: ["RES-2"],
      faults: [],
    });
  });

  test("ids that do not exist are faults, in tests and in pages; other things with a dash are not", () => {
    const tests = [{ path: "a.test.ts", text: '\ntest("RES-3 UTF-8 SHA-256", () => {})' }];
    const page = { path: "b.md", text: "as HB-2 says" };
    expect(
      compareRuleIds(protocol, tests, [protocol, page]).faults.map(({ path, line }) => `${path}:${line}`),
    ).toEqual(["a.test.ts:2", "b.md:1"]);
  });

  test("an id that is defined twice is a fault", () => {
    const twice = { path: "PROTOCOL.md", text: "RES-1 a\nRES-1 b" };
    expect(compareRuleIds(twice, [], [twice]).faults.map(({ line }) => line)).toEqual([2]);
  });
});
