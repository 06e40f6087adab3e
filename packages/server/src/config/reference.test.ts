import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadSettings } from "./load.ts";
import { REFERENCE_END, REFERENCE_START, settingsReference, withReference } from "./reference.ts";
import { environmentName, SETTING_FIELDS } from "./setting-fields.ts";

const page = readFileSync(new URL("../../../../docs/configuration.md", import.meta.url), "utf8");

describe("docs/configuration.md", () => {
  test("is what the settings say (if not: node --conditions=source packages/server/src/config/write-reference.ts)", () => {
    expect(page).toBe(withReference(page));
  });

  test("has an example that loads", () => {
    const toml = /```toml\n(.*?)```/s.exec(page)?.[1];
    expect(toml).toContain("[executions.chat]");
    expect(loadSettings({ env: {}, readFile: () => toml })).toMatchObject({ kind: "loaded", warnings: [] });
  });

  test("has variables that load", () => {
    const lines = /```sh\n(.*?)```/s.exec(page)?.[1]?.trim().split("\n") ?? [];
    expect(lines.length).toBeGreaterThan(2);
    const env = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf("=")),
        line.slice(line.indexOf("=") + 1).replace(/^'|'$/g, ""),
      ]),
    );
    const toml = /```toml\n(.*?)```/s.exec(page)?.[1];
    expect(loadSettings({ env, readFile: () => toml })).toMatchObject({
      kind: "loaded",
      settings: { server: { port: 4000 } },
    });
  });
});

describe("the reference", () => {
  const reference = settingsReference();

  test("has a row for every setting, with its variable and a description", () => {
    for (const { path, meta } of SETTING_FIELDS) {
      expect(reference).toContain(`\`${environmentName(path)}\` |`);
      expect(meta.description).toMatch(/^[A-Z`].*\.$/s);
      expect(reference).toContain(meta.description);
    }
  });

  test("has no broken rows", () => {
    const cellCounts = reference.split("\n\n").map(
      (block) =>
        new Set(
          block
            .split("\n")
            .filter((line) => line.startsWith("|"))
            .map((line) => line.split(/(?<!\\)\|/).length),
        ),
    );
    for (const counts of cellCounts) expect(counts.size).toBeLessThanOrEqual(1);
  });

  test("a page without markers is refused", () => {
    expect(() => withReference("# Configuration")).toThrow("no markers");
    expect(() => withReference(`${REFERENCE_END}${REFERENCE_START}`)).toThrow("no markers");
  });
});
