/** The command as people and scripts use it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunningProcess } from "../e2e/support/running-process.ts";
import { eventually } from "../e2e/support/wait.ts";
import { CorruptingProxy } from "./testing/corrupting-proxy.ts";
import {
  CONFIGURED,
  FIXTURE,
  memoryDatabase,
  restartablePort,
  ServerUnderTest,
} from "./testing/server-under-test.ts";

const BIN = fileURLToPath(new URL("bin/tachikoma-conformance.mjs", import.meta.url));
const PROFILE = join(FIXTURE, "profile.json");
const CONTROL = fileURLToPath(new URL("testing/server-control.mjs", import.meta.url));
const RUN_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 15_000;
const HOOKS_TIMEOUT_MS = 90_000;

let server: ServerUnderTest;
const folder = mkdtempSync(join(tmpdir(), "tachikoma-conformance-cli-"));
beforeAll(async () => {
  server = await ServerUnderTest.start(CONFIGURED, memoryDatabase());
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function canConnect(url: string): Promise<boolean> {
  const answer = fetch(url.replace("ws:", "http:"));
  return answer.then(
    () => true,
    () => false,
  );
}

function conformance(...argv: readonly string[]) {
  return new RunningProcess([BIN, ...argv]).ended(RUN_TIMEOUT_MS);
}

test("0: everything that applies has passed, and what does not apply is said", async () => {
  const end = await conformance(String(server.url), "--profile", PROFILE, "--only", "HS-4,CMD-3");
  expect(end.stdout).toContain("✓ HS-4.1");
  expect(end.stdout).toContain("(not applicable: needs custom:send)");
  expect(end.stdout).toMatch(/2 passed, 0 failed, \d not applicable/);
  expect(end).toMatchObject({ code: 0, stderr: "" });
});

test("1: something has failed, and all that passed is shown; the report says it to programs", async () => {
  const proxy = await CorruptingProxy.start(server.url, () => ({
    fromServer: (message) => [message["type"] === "pong" ? { ...message, ref: "other" } : message],
  }));
  const path = join(folder, "report.json");
  const argv = [
    "--token",
    "conformance-suite-key",
    "--only",
    "MSG-5",
    "--timeout-ms",
    "1000",
    "--json",
    path,
  ];
  const end = await conformance(String(proxy.url), ...argv);
  await proxy.close();
  expect(end.code).toBe(1);
  expect(end.stdout).toMatch(/✗ MSG-5\.1 .*\n.*\n.*connects to \/ws/);
  expect(end.stdout).toContain('a < {"type":"pong","ref":"other"}');
  const report = JSON.parse(readFileSync(path, "utf8"));
  expect(report).toMatchObject({
    protocol_version: 1,
    targets: [String(proxy.url)],
    summary: { passed: 1, failed: 1, not_applicable: 0, rules: 1 },
    cases: [
      { id: "MSG-5.1", rule: "MSG-5", status: "failed" },
      { id: "MSG-5.2", status: "passed" },
    ],
  });
});

test("2: nobody there, no token, no such case", async () => {
  const nobody = await conformance("ws://127.0.0.1:1/ws");
  expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be reached") });
  const noToken = await conformance(String(server.url));
  expect(noToken).toMatchObject({ code: 2, stderr: expect.stringContaining("it needs --token") });
  const noCase = await conformance(String(server.url), "--only", "NOPE-1");
  expect(noCase).toMatchObject({ code: 2, stderr: expect.stringContaining("no case named NOPE-1") });
});

test("hooks of a profile stop, kill and start a server", { timeout: HOOKS_TIMEOUT_MS }, async () => {
  const port = String(restartablePort());
  const hook = (action: string) => [process.execPath, CONTROL, action, folder, port];
  const path = join(folder, "hooks.json");
  const profile = {
    ...JSON.parse(readFileSync(join(FIXTURE, "application.profile.json"), "utf8")),
    hooks: { stop: hook("stop"), kill: hook("kill"), start: hook("start") },
  };
  writeFileSync(path, JSON.stringify(profile));
  await new RunningProcess(hook("start").slice(1)).ended();
  try {
    const url = `ws://127.0.0.1:${port}/ws`;
    await eventually(START_TIMEOUT_MS, "a server", async () => (await canConnect(url)) || undefined);
    const argv = ["--provide", "store:survives_kill", "--only", "DRN-2,RES-7.4,RES-8.2"];
    const end = await conformance(url, "--profile", path, ...argv);
    expect(end.stdout).toContain("3 passed, 0 failed, 0 not applicable");
  } finally {
    await new RunningProcess(hook("kill").slice(1)).ended();
  }
});

test("the list for programs has every case and what they need", async () => {
  const { stdout, code } = await conformance("--list", "--json");
  const { cases, requirements } = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(cases.length).toBeGreaterThan(150);
  expect(new Set(cases.map(({ id }: { id: string }) => id)).size).toBe(cases.length);
  const needed = new Set(cases.flatMap(({ requires }: { requires: string[] }) => requires));
  expect(new Set(Object.keys(requirements))).toEqual(needed);
});
