import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Chunk, connect, type Execution } from "@tachikoma/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { RunningProcess } from "../e2e/support/running-process.ts";
import { eventually } from "../e2e/support/wait.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const MAX_START_MS = 15_000;
/** On a crowded machine a server sends its first clients away for some seconds; they come back by themselves. */
const PATIENCE_MS = 60_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS });

/** Starts a program that prints its address, and ends it with the test. */
async function start(...argv: string[]): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ["--conditions=source", ...argv], {
    cwd: root,
    env: { ...process.env, PORT: "0", TACHIKOMA_SERVER__PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  return { url: await firstAddress(child), child };
}

function firstAddress(child: ChildProcess): Promise<string> {
  const seen: string[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no address in ${MAX_START_MS} ms: ${seen}`)),
      MAX_START_MS,
    );
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface(stream).on("line", (line) => {
        seen.push(line);
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    }
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}: ${seen.join("\n")}`));
    });
  });
}

/** Runs a program beside a server, and ends it with the test. */
function run(...argv: string[]): RunningProcess {
  const program = new RunningProcess(["--conditions=source", ...argv]);
  onTestFinished(() => program.kill());
  return program;
}

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-examples-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function client(url: string, token?: string) {
  const tachikoma = connect(`${url.replace("http", "ws")}/ws`, token === undefined ? {} : { token });
  onTestFinished(() => tachikoma.close());
  return tachikoma;
}

async function answer(url: string, handler: string, prompt: string): Promise<string> {
  const execution = client(url).execute(handler, { messages: [{ role: "user", content: prompt }] });
  let text = "";
  for await (const chunk of execution) if (chunk.type === "text-delta") text += chunk["delta"];
  return text.trim();
}

test("node-http: its own pages, and an execution", async () => {
  const { url, child } = await start("examples/node-http/server.ts");
  expect(await (await fetch(`${url}/hello`)).text()).toBe("You asked for /hello\n");
  expect(await answer(url, "countdown", "now")).toBe("5 4 3 2 1 go!");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("express: its own pages, and a note that only its owner may write", async () => {
  const { url } = await start("examples/express/server.ts");
  const me = await fetch(`${url}/me`, { headers: { authorization: "Bearer ann-token" } });
  expect(await me.json()).toEqual({ person: "ann" });
  await client(url, "ann-token").channel("note:ann").publish("milk");
  await expect(client(url, "bob-token").channel("note:ann").publish("beer")).rejects.toMatchObject({
    code: "FORBIDDEN",
  });
});

test("fastify: what a route publishes reaches who watches", async () => {
  const { url } = await start("examples/fastify/server.ts");
  const subscription = client(url).channel("order:7").subscribe({ since: "start" });
  const shipped = await fetch(`${url}/orders/7/shipped`, { method: "POST" });
  expect(await shipped.json()).toEqual({ position: expect.any(String) });
  for await (const delivery of subscription) {
    expect(delivery).toMatchObject({ type: "message", data: { status: "shipped" } });
    break;
  }
});

test("command-backend: a program answers", async () => {
  const config = "examples/command-backend/tachikoma.toml";
  const { url } = await start("packages/server/src/cli/main.ts", "serve", "--config", config);
  expect(await answer(url, "echo", "say it again")).toBe("say it again");
  expect(await answer(url, "words", "how many words")).toMatch(/^\d+ words of JSON$/);
});

test("hono: its own page, and what a route publishes reaches a WebSocket and the HTTP API", async () => {
  const { url, child } = await start("examples/hono/server.ts");
  expect(await (await fetch(url)).text()).toBe("A page of Hono's\n");
  expect((await fetch(`${url}/nowhere`)).status).toBe(404);
  const subscription = client(url).channel("order:7").subscribe();
  await subscription.ready;
  const body = JSON.stringify({ carrier: "by bike" });
  const { position } = await (await fetch(`${url}/orders/7/shipped`, { method: "POST", body })).json();
  const published = { type: "message", position, data: { carrier: "by bike", status: "shipped" } };
  for await (const delivery of subscription) {
    expect(delivery).toMatchObject(published);
    break;
  }
  const { records } = await (await fetch(`${url}/api/channels/order:7/messages`)).json();
  expect(records).toMatchObject([published]);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

const APPROVAL_CLIENT = "examples/agent-approval/client.ts";
const QUESTION = /may it do that\?/;

async function startAgent(): Promise<{ server: string; url: string }> {
  const { url } = await start("examples/agent-approval/server.ts");
  return { server: `${url.replace("http", "ws")}/ws`, url };
}

/** Asks for a refund, and waits until the agent asks back. */
async function refundAsked(server: string): Promise<{ person: RunningProcess; executionId: string }> {
  const person = run(APPROVAL_CLIENT, "--server", server, "Refund order 7");
  await person.matched(QUESTION, PATIENCE_MS);
  return { person, executionId: /execution (\w+)/.exec(person.stdout)![1]! };
}

async function joined(server: string, executionId: string): Promise<RunningProcess> {
  const device = run(APPROVAL_CLIENT, "--server", server, "--join", executionId);
  await device.matched(QUESTION, PATIENCE_MS);
  return device;
}

test("agent-approval: the tool runs when its call is approved", async () => {
  const { server, url } = await startAgent();
  const { person } = await refundAsked(server);
  expect(person.stdout).toContain('[refund_order {"orderId":"7","euros":20}]');
  person.tell("perhaps");
  await person.matched(/y, n or s\?/, PATIENCE_MS);
  person.tell("y");
  const { code, stdout } = await person.ended(PATIENCE_MS);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/approved.*20 euros are on their way/s),
  });
  expect(stdout).toContain("[completed]");
  expect(await saidOfOrder7(url)).toMatch(/refunded already/);
});

test("agent-approval: another device denies, after the first has gone, and the tool does not run", async () => {
  const { server, url } = await startAgent();
  const { person, executionId } = await refundAsked(server);
  await person.kill();
  const [device, watcher] = [await joined(server, executionId), await joined(server, executionId)];
  device.tell("n");
  for (const { code, stdout } of [await device.ended(PATIENCE_MS), await watcher.ended(PATIENCE_MS)]) {
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/denied.*I leave it as it is/s),
    });
    expect(stdout).toContain("[completed]");
  }
  expect(await saidOfOrder7(url)).toMatch(/I would give them back/);
});

test("agent-approval: a cancel from another device ends the waiting, and the tool does not run", async () => {
  const { server, url } = await startAgent();
  const { person, executionId } = await refundAsked(server);
  const device = await joined(server, executionId);
  device.tell("s");
  for (const { code, stdout } of [await person.ended(PATIENCE_MS), await device.ended(PATIENCE_MS)]) {
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("[cancelled]") });
    expect(stdout).not.toMatch(/approved|denied|on their way/);
  }
  expect(await saidOfOrder7(url)).toMatch(/I would give them back/);
});

test("agent-approval: of two answers the first counts, and the other is told that it came too late", async () => {
  const { url } = await startAgent();
  const execution = client(url).execute("agent", "Refund order 8");
  await firstOf(execution, "tool-approval-request");
  const say = (data: unknown) => execution.input(data);
  const results = await Promise.all([
    say({ approvalId: "another", approved: false }),
    say({ approvalId: "may-i-refund", approved: "no" }),
    say({ approvalId: "may-i-refund", approved: true }),
    say({ approvalId: "may-i-refund", approved: false }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["applied", "applied", "applied", "rejected"]);
  expect(await execution.text).toMatch(/35 euros are on their way/);
});

test("agent-approval: two devices that answer at once see the same decision", async () => {
  const { server, url } = await startAgent();
  const { person, executionId } = await refundAsked(server);
  const device = await joined(server, executionId);
  person.tell("y");
  device.tell("n");
  const ends = [await person.ended(PATIENCE_MS), await device.ended(PATIENCE_MS)];
  expect(ends.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(2).fill({ code: 0, stderr: "" }));
  const [first, second] = ends.map(({ stdout }) => /\[(approved|denied)\]/.exec(stdout)?.[1]);
  expect(first).toBe(second);
  const state = first === "approved" ? /refunded already/ : /I would give them back/;
  expect(await saidOfOrder7(url)).toMatch(state);
});

test("agent-approval: an order that is not there is said to be unknown", async () => {
  const { url } = await startAgent();
  expect(await answer(url, "agent", "Refund order 12")).toMatch(/I find no such order/);
});

/** What the agent says of order 7 until it ends or asks. */
async function saidOfOrder7(url: string): Promise<string> {
  const execution = client(url).execute("agent", "And order 7?");
  let text = "";
  for await (const chunk of execution) {
    if (chunk.type === "text-delta") text += chunk.delta;
    if (chunk.type === "tool-approval-request") break;
  }
  return text;
}

async function firstOf(execution: Execution, type: Chunk["type"]): Promise<readonly Chunk[]> {
  for await (const chunk of execution) if (chunk.type === type) return [chunk];
  return [];
}

const COUNT = 90;
const EXPECTED = Array.from({ length: COUNT }, (_, index) => ({
  number: index + 1,
  square: (index + 1) ** 2,
}));

function serve(...argv: string[]) {
  return start("packages/server/src/cli/main.ts", "serve", ...argv);
}

function worker(program: string, url: string, file: string): RunningProcess {
  return run(`examples/http-worker/${program}`, url, file, String(COUNT));
}

/** Waits until the worker has got so far, and kills it in the middle of what it does then. */
async function killAt(number: number, program: RunningProcess): Promise<void> {
  await program.matched(new RegExp(`^${number}$`, "m"), PATIENCE_MS);
  await program.kill();
}

function seenBy(viewer: RunningProcess): unknown[] {
  const lines = viewer.stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => (line.startsWith("{") ? JSON.parse(line) : line));
}

async function expectSeenOnce(viewer: RunningProcess): Promise<void> {
  const isWhole = () => (viewer.stdout.includes(`"number":${COUNT},`) ? true : undefined);
  await eventually(PATIENCE_MS, "the last number", isWhole, () => viewer.stdout + viewer.stderr);
  expect(seenBy(viewer)).toEqual(EXPECTED);
}

test("http-worker: killed again and again, it appends every number once and in order", async () => {
  const { url } = await serve("--database", "memory://");
  const file = join(scratchFolder(), "squares.json");
  const viewer = run("examples/http-worker/viewer.mjs", url);
  await killAt(20, worker("worker.mjs", url, file));
  await killAt(50, worker("worker.mjs", url, file));
  expect((await worker("worker.mjs", url, file).ended(PATIENCE_MS)).code).toBe(0);
  await expectSeenOnce(viewer);

  const again = await worker("worker.mjs", url, file).ended(PATIENCE_MS);
  expect(again).toMatchObject({ code: 0, stdout: `${COUNT} once more\n` });
  const { records } = await (await fetch(`${url}/api/channels/job:squares/messages?limit=1000`)).json();
  expect(records.map(({ data }: { data: unknown }) => data)).toEqual(EXPECTED);
});

test("http-worker: when the server is killed, worker and viewer go on where they were", async () => {
  const folder = scratchFolder();
  const database = `sqlite://${join(folder, "worker.db")}`;
  const { url, child } = await serve("--database", database);
  const viewer = run("examples/http-worker/viewer.mjs", url);
  const program = worker("worker.mjs", url, join(folder, "squares.json"));
  await viewer.matched(/"number":30,/, PATIENCE_MS);
  child.kill("SIGKILL");
  await once(child, "exit");
  await serve("--database", database, "--port", new URL(url).port);
  expect((await program.ended(PATIENCE_MS)).code).toBe(0);
  await expectSeenOnce(viewer);
});

test("http-worker: a producer of Durable Streams that is killed appends every number once", async () => {
  const { url } = await serve("--database", "memory://");
  const file = join(scratchFolder(), "squares.json");
  await killAt(40, worker("stream-worker.mjs", url, file));
  expect((await worker("stream-worker.mjs", url, file).ended(PATIENCE_MS)).code).toBe(0);
  const again = await worker("stream-worker.mjs", url, file).ended(PATIENCE_MS);
  expect(again).toMatchObject({ code: 0, stdout: `${COUNT} once more\n` });
  expect(await (await fetch(`${url}/v1/stream/jobs/squares?offset=-1`)).json()).toEqual(EXPECTED);
});
