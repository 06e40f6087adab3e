import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { describe, expect, test } from "vitest";
import { findTomlLines, lineOfPath } from "./toml-lines.ts";

const DOCUMENT = `# port = 1
top = 1
[server]            # a comment = 1
host = "a # b = c"
"quoted key" = 2
dotted . key = 3

[executions."my.bot"]
system = """
port = 3
\\"""
[server]
"""
command = [
  "a", # = ]
  'b]',
]
raw = '''
x = 1'''''
env = { A = "1", B = "]" }
last = 1
`;

describe("findTomlLines", () => {
  const lines = findTomlLines(DOCUMENT);

  test.each([
    [["top"], 2],
    [["server"], 3],
    [["server", "host"], 4],
    [["server", "quoted key"], 5],
    [["server", "dotted", "key"], 6],
    [["executions", "my.bot"], 8],
    [["executions", "my.bot", "system"], 9],
    [["executions", "my.bot", "command"], 14],
    [["executions", "my.bot", "raw"], 18],
    [["executions", "my.bot", "env"], 20],
    [["executions", "my.bot", "last"], 21],
  ])("%j is on line %d", (path, line) => {
    expect(lineOfPath(lines, path)).toBe(line);
  });

  test("the document of this test is TOML", () => {
    expect(parse(DOCUMENT)).toHaveProperty(["executions", "my.bot", "last"], 1);
  });

  test("a key inside of an inline table has the line of the table", () => {
    expect(lineOfPath(lines, ["executions", "my.bot", "env", "A"])).toBe(20);
  });

  test("what stands in a comment or a text is no key", () => {
    expect(lines.has("port")).toBe(false);
    expect(lineOfPath(lines, ["nothing"])).toBeUndefined();
  });

  test("line ends of Windows count as one", () => {
    expect(lineOfPath(findTomlLines("a = 1\r\n\r\n[b]\r\nc = 2\r\n"), ["b", "c"])).toBe(4);
  });

  test("every key of any document is found where it stands", () => {
    const key = fc.stringMatching(/^[a-z_-]{1,8}$/);
    const text = fc.string({ maxLength: 12 });
    const table = fc.dictionary(key, fc.oneof(text, fc.integer(), fc.array(text, { maxLength: 3 })), {
      maxKeys: 5,
    });
    fc.assert(
      fc.property(fc.dictionary(key, table, { maxKeys: 4 }), (document) => {
        const toml = stringify(document);
        const written = toml.split("\n");
        const found = findTomlLines(toml);
        for (const [section, entries] of Object.entries(document)) {
          for (const entry of Object.keys(entries)) {
            const line = found.get(`${section}\n${entry}`);
            expect(written[(line ?? 0) - 1]).toMatch(new RegExp(`^"?${entry}"? = `));
          }
        }
      }),
    );
  });
});
