import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { checkBoundaries, typeOnlyCircles } from "./check-boundaries.mjs";
import { drawLayers } from "./layer-graph.mjs";
import { readProject } from "./project.mjs";
import { RULES } from "./rules.mjs";

const MANIFESTS = {
  "packages/protocol/package.json": manifest("protocol", {
    ".": "./src/index.ts",
    "./schema": "./src/schema/index.ts",
  }),
  "packages/client/package.json": JSON.stringify({
    ...JSON.parse(manifest("client", { ".": "./src/index.ts" })),
    peerDependencies: { react: "*" },
  }),
  "packages/server/package.json": manifest("server", { ".": "./src/index.ts" }),
  "packages/console/package.json": manifest("console", {}),
  "packages/protocol/src/index.ts": "export const one = 1;",
  "packages/protocol/src/schema/index.ts": 'import { z } from "zod"; export const schema = z.string();',
  "packages/server/src/index.ts": "export const createServer = 1;",
  "packages/server/src/stores/store.ts": "export interface Store {}",
  "packages/server/src/stores/memory/memory-store.ts": "export class MemoryStore {}",
};

function manifest(name: string, entries: Record<string, string>): string {
  const exports = Object.fromEntries(Object.entries(entries).map(([entry, source]) => [entry, { source }]));
  return JSON.stringify({ name: `@tachikoma/${name}`, exports });
}

let folder: string | undefined;

afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

function project(files: Record<string, string>) {
  folder = mkdtempSync(join(tmpdir(), "boundaries-"));
  for (const [path, text] of Object.entries({ ...MANIFESTS, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return readProject(folder);
}

function rulesBrokenBy(path: string, text: string): string[] {
  return checkBoundaries(project({ [path]: text })).map((fault) => `${fault.rule} ${fault.what}`);
}

const CORE = "packages/server/src/core/thing.ts";

const ADAPTER = "packages/server/src/adapters/foreign/thing.ts";

const VIOLATIONS: [rule: string, path: string, text: string][] = [
  ["adapters-are-translations", ADAPTER, 'import type { UIMessage } from "ai";'],
  ["adapters-are-translations", ADAPTER, 'import { a } from "../other/a.ts";'],
  ["adapters-are-translations", ADAPTER, 'import { a } from "../../gateway/door.ts";'],
  ["adapters-are-translations", ADAPTER, 'import { a } from "../../stores/store.ts";'],
  ["adapters-are-leaves", CORE, 'import type { A } from "../adapters/foreign/a.ts";'],
  [
    "adapters-are-leaves",
    "packages/server/src/gateway/a.ts",
    'import { a } from "../adapters/foreign/a.ts";',
  ],
  ["protocol-is-pure", "packages/protocol/src/a.ts", 'import "node:fs";'],
  ["protocol-is-pure", "packages/protocol/src/a.ts", 'import { z } from "zod";'],
  ["protocol-is-pure", "packages/protocol/src/a.ts", "export const x = window.name;"],
  ["protocol-is-pure", "packages/protocol/src/a.ts", 'export const b = Buffer.from("x");'],
  ["protocol-is-pure", "packages/protocol/src/a.test.ts", 'import "@tachikoma/server";'],
  ["protocol-is-pure", "packages/protocol/src/schema/a.ts", 'import "pino";'],
  [
    "schema-stays-out-of-the-client",
    "packages/protocol/src/a.ts",
    'import { schema } from "./schema/index.ts";',
  ],
  ["client-needs-only-protocol", "packages/client/src/a.ts", 'import "@tachikoma/server";'],
  ["client-needs-only-protocol", "packages/client/src/a.test.ts", 'import "../../server/src/index.ts";'],
  ["client-needs-only-protocol", "packages/client/src/a.ts", 'import "@tachikoma/protocol/schema";'],
  ["client-needs-only-protocol", "packages/client/src/a.ts", 'import "../../protocol/src/index.ts";'],
  ["client-needs-only-protocol", "packages/client/src/a.ts", 'const fs = await import("node:fs");'],
  ["client-needs-only-protocol", "packages/client/src/a.ts", 'import ws from "ws";'],
  ["client-needs-only-protocol", "packages/client/src/a.ts", "process.exit();"],
  ["core-is-pure", CORE, 'import "../gateway/door.ts";'],
  ["core-is-pure", CORE, 'import { MemoryStore } from "../stores/memory/memory-store.ts";'],
  ["core-is-pure", CORE, 'import { Store } from "../stores/store.ts";'],
  ["core-is-pure", CORE, 'type S = import("../config/config.ts").Config;'],
  ["core-is-pure", CORE, 'import type { X } from "../executions/backends/demo.ts";'],
  ["core-is-pure", CORE, 'export * from "../cli/main.ts";'],
  ["core-is-pure", CORE, 'import { randomBytes } from "node:crypto";'],
  ["core-is-pure", "packages/server/src/core/thing.test.ts", 'import "../gateway/door.ts";'],
  ["core-has-no-clock-and-no-dice", CORE, "export const t = Date.now();"],
  ["core-has-no-clock-and-no-dice", CORE, "export const t = new Date();"],
  ["core-has-no-clock-and-no-dice", CORE, "export const t = performance.now();"],
  ["core-has-no-clock-and-no-dice", CORE, "setTimeout(() => {}, 1);"],
  ["core-has-no-clock-and-no-dice", CORE, "globalThis.setInterval(() => {}, 1);"],
  ["core-has-no-clock-and-no-dice", CORE, "const later = setImmediate; later(() => {});"],
  ["core-has-no-clock-and-no-dice", CORE, "export const r = Math.random();"],
  ["core-has-no-clock-and-no-dice", CORE, "export const r = crypto.randomUUID();"],
  [
    "stores-know-no-surface",
    "packages/server/src/stores/a.ts",
    'import type { D } from "../gateway/door.ts";',
  ],
  ["cli-uses-public-api", "packages/server/src/cli/a.ts", 'import "../core/thing.ts";'],
  ["cli-uses-public-api", "packages/server/src/cli/a.ts", 'import "../stores/memory/memory-store.ts";'],
  ["console-uses-public-api", "packages/console/src/a.tsx", 'import "@tachikoma/server";'],
  ["console-uses-public-api", "packages/console/src/a.tsx", 'import "../../client/src/connection.ts";'],
  ["conformance-knows-only-the-protocol", "conformance/src/a.ts", 'import "@tachikoma/server";'],
  ["conformance-knows-only-the-protocol", "conformance/src/a.ts", 'import "@tachikoma/protocol/schema";'],
  ["conformance-knows-only-the-protocol", "conformance/src/a.ts", 'import "../testing/a.ts";'],
  ["conformance-knows-only-the-protocol", "conformance/src/a.ts", 'import "pino";'],
  ["nothing-imports-the-console", "packages/server/src/gateway/a.ts", 'import "../../../console/src/a.tsx";'],
  ["nothing-imports-the-console", "sim/a.ts", 'import "@tachikoma/console";'],
  ["packages-know-no-harness", "packages/server/src/core/a.test.ts", 'import "../../../../sim/a.ts";'],
  ["packages-know-no-harness", "packages/client/src/a.ts", 'import "../../../chaos/a.ts";'],
];

describe("each rule flags its violation", () => {
  test.each(VIOLATIONS)("%s: %s %s", (rule, path, text) => {
    expect(rulesBrokenBy(path, text).map((fault) => fault.split(" ")[0])).toContain(rule);
  });

  test("every rule has an example", () => {
    const shown = new Set(VIOLATIONS.map(([rule]) => rule));
    expect(RULES.map((rule) => rule.id).filter((id) => !shown.has(id))).toEqual([]);
  });
});

describe("what is allowed is not flagged", () => {
  test.each([
    ["packages/protocol/src/schema/a.ts", 'import { z } from "zod"; import { one } from "../index.ts";'],
    ["packages/protocol/src/a.ts", 'import type { schema } from "./schema/index.ts";'],
    [
      "conformance/src/cases/a.ts",
      'import "node:net"; import { WebSocket } from "ws"; import { one } from "@tachikoma/protocol";',
    ],
    ["conformance/testing/a.ts", 'import { createServer } from "@tachikoma/server";'],
    ["packages/protocol/src/a.test.ts", 'import "fast-check"; import { createHash } from "node:crypto";'],
    ["packages/protocol/src/a.ts", "export interface Window { document: string; fetch(): void }"],
    [
      "packages/client/src/a.ts",
      'import { one } from "@tachikoma/protocol"; import { useState } from "react";',
    ],
    ["packages/client/src/a.ts", "export const socket = new WebSocket('ws://x');"],
    [CORE, 'import type { Store } from "../stores/store.ts"; import { one } from "@tachikoma/protocol";'],
    [
      CORE,
      "export function f(clock: { setTimeout(): void; crypto: 1 }) { clock.setTimeout(); return clock.crypto; }",
    ],
    [CORE, "export function f(setTimeout: () => void) { setTimeout(); }"],
    [CORE, "export const text = new Date(5).toISOString();"],
    ["packages/server/src/core/thing.test.ts", 'import "../stores/memory/memory-store.ts"; Date.now();'],
    ["packages/server/src/stores/a.ts", 'import "../core/ports.ts"; import "node:sqlite"; Date.now();'],
    ["packages/server/src/gateway/a.ts", 'import "../core/ports.ts"; setTimeout(() => {}, 1);'],
    ["packages/server/src/cli/a.ts", 'import "../index.ts"; import "../config/load.ts"; import "./b.ts";'],
    ["packages/console/src/a.tsx", 'import "@tachikoma/client"; import "preact"; import "./b.tsx";'],
    ["sim/a.ts", 'import "@tachikoma/server"; import "../packages/server/src/core/thing.ts";'],
  ])("%s: %s", (path, text) => {
    expect(rulesBrokenBy(path, text)).toEqual([]);
  });
});

describe("circles", () => {
  const at = (name: string) => `packages/server/src/gateway/${name}.ts`;

  test("a circle of three files is reported once, as a path", () => {
    const read = project({
      [at("a")]: 'import "./b.ts"; export {};',
      [at("b")]: 'import "./c.ts"; export {};',
      [at("c")]: 'export * from "./a.ts";',
      [at("d")]: 'import "./a.ts";',
    });
    const circles = checkBoundaries(read).filter((fault) => fault.rule === "no-import-cycles");
    expect(circles.map((fault) => fault.what)).toEqual([
      `imports itself: ${at("a")} -> ${at("b")} -> ${at("c")} -> ${at("a")}`,
    ]);
  });

  test("a circle that types close is a note, not a fault", () => {
    const read = project({
      [at("a")]: 'import { b } from "./b.ts"; export type A = typeof b;',
      [at("b")]: 'import type { A } from "./a.ts"; export const b: A | 1 = 1;',
    });
    expect(checkBoundaries(read)).toEqual([]);
    expect(typeOnlyCircles(read)).toHaveLength(1);
  });

  test("a diamond is no circle", () => {
    const read = project({
      [at("a")]: 'import "./b.ts"; import "./c.ts";',
      [at("b")]: 'import "./d.ts";',
      [at("c")]: 'import "./d.ts";',
      [at("d")]: "export {};",
    });
    expect(checkBoundaries(read)).toEqual([]);
  });
});

test("the graph draws type-only dependencies dotted", () => {
  const read = project({
    [CORE]: 'import type { Store } from "../stores/store.ts"; import { one } from "@tachikoma/protocol";',
  });
  expect(drawLayers(read.files)).toBe("flowchart TD\n    core --> protocol\n    core -.-> stores");
});
