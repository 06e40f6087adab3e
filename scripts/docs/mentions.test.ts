import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadSettings } from "../../packages/server/src/config/load.ts";
import {
  NAME_PLACEHOLDER,
  resolvePath,
  SECTION_NAMES,
} from "../../packages/server/src/config/setting-fields.ts";
import { readMarkdown } from "./markdown-page.mjs";
import { mentionedFiles, mentionedSettings, mentionedVariables } from "./mentions.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "PROTOCOL.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Settings of the text that the server does not have. */
function unknownSettings(text: string): string[] {
  const paths = [
    ...mentionedSettings(text, SECTION_NAMES),
    ...mentionedVariables(text).map((name) =>
      name.slice("TACHIKOMA_".length).toLowerCase().replaceAll("__", "."),
    ),
  ];
  return paths.filter((path) => {
    const parts = path.split(".").map((part) => (part === "*" ? NAME_PLACEHOLDER : part));
    const { kind } = resolvePath(parts);
    return kind !== "setting" && kind !== "group" && kind !== "entry";
  });
}

describe("settings that pages name", () => {
  test.each(PAGES)("%s names only such as exist", (page) => {
    expect(unknownSettings(readPage(page))).toEqual([]);
  });

  test("are found, with a value or a placeholder, and code is not taken for one", () => {
    const text =
      '`websocket.ping_interval_secs` `server.host = "0.0.0.0"` `channels.*.history` `executions.NAME.model` `server.attach(x)` `server.ts`';
    expect(mentionedSettings(text, SECTION_NAMES)).toEqual([
      "websocket.ping_interval_secs",
      "server.host",
      "channels.*.history",
      "executions.NAME.model",
    ]);
    expect(unknownSettings(text)).toEqual([]);
  });

  test("that do not exist are reported, as variables too", () => {
    expect(unknownSettings("`server.hots` `limits.max_conections = 3` TACHIKOMA_SERVER__PROT=1")).toEqual([
      "server.hots",
      "limits.max_conections",
      "server.prot",
    ]);
  });
});

test.each(["README.md", "docs/configuration.md"])("the configuration file in %s loads", (page) => {
  const block = readMarkdown(readPage(page), page).blocks.find(({ info }) => info === "toml");
  expect(loadSettings({ env: {}, readFile: () => block?.text })).toMatchObject({
    kind: "loaded",
    warnings: [],
    settings: { executions: { wc: { backend: "command" } } },
  });
});

describe("files that ARCHITECTURE.md names", () => {
  /** Folders from which the page may name a file, besides the root. */
  const FOLDERS = [
    ".",
    "packages",
    "packages/protocol/src",
    "packages/client/src",
    "packages/server/src",
    "packages/server/src/core",
    "packages/server/src/executions",
  ];
  const sourceNames = new Set(
    globSync("packages/*/src/**/*.ts", { cwd: root }).map((path) => basename(path)),
  );
  const exists = (name: string) =>
    FOLDERS.some((folder) => existsSync(join(root, folder, name))) ||
    (!name.includes("/") && sourceNames.has(name));

  test("are there", () => {
    const names = mentionedFiles(readPage("ARCHITECTURE.md"));
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => !exists(name))).toEqual([]);
  });

  test("are told from other code, and braces stand for several", () => {
    const text =
      "`core/a.ts` `schema/{client,server}-messages.ts` `log/` `a.b()` `/ws` `https://x/`\n```\n`no.ts`\n```";
    expect(mentionedFiles(text)).toEqual([
      "core/a.ts",
      "schema/client-messages.ts",
      "schema/server-messages.ts",
      "log/",
    ]);
  });
});
