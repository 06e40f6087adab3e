import { describe, expect, test } from "vitest";
import { parseInline, safeHref } from "./inline.ts";

const text = (value: string) => ({ kind: "text", text: value }) as const;

describe("parseInline", () => {
  test("reads bold, emphasis and code", () => {
    expect(parseInline("a **b *c*** `**d**` _e_")).toEqual([
      text("a "),
      { kind: "strong", children: [text("b "), { kind: "emphasis", children: [text("c")] }] },
      text(" "),
      { kind: "code", text: "**d**" },
      text(" "),
      { kind: "emphasis", children: [text("e")] },
    ]);
  });

  test.each([
    "2 * 3 * 4",
    "snake_case_name",
    "an **open mark",
    "an `open code",
    "** spaced **",
    "[no target]",
    "[[wiki](link)",
    "****",
  ])("leaves %j as it is", (source) => {
    expect(parseInline(source)).toEqual([text(source)]);
  });

  test("a backslash takes the meaning of a mark away", () => {
    expect(parseInline("\\*not\\* \\a")).toEqual([text("*not* \\a")]);
  });

  test("reads links to the web", () => {
    expect(parseInline("see [the **docs**](https://example.com/a?b=1)")).toEqual([
      text("see "),
      {
        kind: "link",
        href: "https://example.com/a?b=1",
        children: [text("the "), { kind: "strong", children: [text("docs")] }],
      },
    ]);
  });

  test.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert`1`",
    "java\nscript:alert`1`",
    "\u0001javascript:alert`1`",
    "data:text/html,<script>alert`1`</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.com/x",
    "//example.com",
    "/api/stats",
    "",
  ])("makes no link to %j", (href) => {
    expect(safeHref(href)).toBeUndefined();
    expect(JSON.stringify(parseInline(`[x](${href})`))).not.toContain('"link"');
  });

  test("stays linear on text made of opening marks", () => {
    const startedAtMs = performance.now();
    for (const mark of ["[", "*a ", "**a ", "`", "_a ", "[x](", "*a **b _c `d "]) {
      parseInline(mark.repeat(50_000));
    }
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  });
});
