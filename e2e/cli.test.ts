/** The command line as users run it: each command is a process, and so is the server. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  listeningUrl,
  type ProcessEnd,
  type RunningProcess,
  type SpawnOptions,
  tachikoma,
} from "./support/running-process.ts";
import { eventually, within } from "./support/wait.ts";

const TEST_TIMEOUT_MS = 60_000;
const WAIT_MS = 15_000;

let folder: string;
let processes: RunningProcess[];
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tachikoma-cli-"));
  processes = [];
});

afterEach(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(folder, { recursive: true, force: true });
});

function start(argv: readonly string[], options: Omit<SpawnOptions, "cwd"> = {}): RunningProcess {
  const started = tachikoma(argv, { cwd: folder, ...options });
  processes.push(started);
  return started;
}

async function run(argv: readonly string[], options: Omit<SpawnOptions, "cwd"> = {}): Promise<ProcessEnd> {
  return await start(argv, options).ended(WAIT_MS);
}

/** Other tests keep the machine busy: that must refuse nobody here. */
const PATIENT_LIMITS = {
  TACHIKOMA_LIMITS__MAX_EVENT_LOOP_DELAY_MS: "60000",
  TACHIKOMA_LIMITS__MAX_EVENT_LOOP_UTILIZATION: "1",
};

/** A server in the folder of the test; its configuration is the file's, where one is given. */
async function serve(
  options: {
    readonly toml?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly argv?: readonly string[];
  } = {},
) {
  if (options.toml !== undefined) writeFileSync(join(folder, "tachikoma.toml"), options.toml);
  const env = { ...PATIENT_LIMITS, ...options.env };
  const server = start(["serve", "--port", "0", ...(options.argv ?? [])], { env });
  return { server, url: await listeningUrl(server) };
}

interface JsonLine {
  readonly type: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly data?: unknown;
  readonly [field: string]: unknown;
}

function jsonLines(text: string): JsonLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JsonLine);
}

/** Reads a channel from its start until the pattern is there. */
async function tailUntil(url: string, channel: string, pattern: RegExp): Promise<JsonLine[]> {
  const tail = start(["tail", channel, "--since", "start", "--json", "--url", url]);
  await tail.matched(pattern);
  tail.signal("SIGINT");
  const { code, stdout } = await tail.ended();
  expect(code).toBe(130);
  return jsonLines(stdout);
}

describe("with a server", { timeout: TEST_TIMEOUT_MS }, () => {
  test("run streams an answer and ends with 0; --json gives the chunks and the end", async () => {
    const { url } = await serve();
    const text = start(["run", "chat", "count to 60", "--url", url]);
    await text.matched(/1, 2, 3/);
    expect(text.hasEnded).toBe(false);
    const end = await text.ended(WAIT_MS);
    expect(end).toMatchObject({ code: 0, stderr: "" });
    expect(end.stdout).toContain("“count to 60”");
    expect(end.stdout).toContain("51, 52, 53, 54, 55, 56, 57, 58, 59, 60\n");

    const json = await run(["run", "chat", "count to 3", "--json", "--channel", "chat:json", "--url", url]);
    const lines = jsonLines(json.stdout);
    expect(json.code).toBe(0);
    expect(lines.at(-1)).toMatchObject({ type: "ended", outcome: "completed", channel: "chat:json" });
    expect(lines.slice(0, -1).every(({ type }) => type === "chunk")).toBe(true);
  });

  test("Ctrl-C cancels what runs, for everyone, and ends with 130", async () => {
    const { url } = await serve();
    const asked = start([
      "run",
      "chat",
      "count to 5000",
      "--channel",
      "chat:stop",
      "--client-id",
      "me",
      "--url",
      url,
    ]);
    await asked.matched(/1, 2, 3/);
    asked.signal("SIGINT");
    const end = await asked.ended(WAIT_MS);
    expect(end.code).toBe(130);
    const records = await tailUntil(url, "chat:stop", /"type":"ended"/);
    expect(records[0]).toMatchObject({ type: "started", handler: "chat", sender: "me" });
    expect(records.at(-1)).toMatchObject({
      type: "ended",
      outcome: "cancelled",
      reason: "requested",
      sender: "me",
    });
  });

  test("send stores text and JSON, from stdin too; tail follows and begins where it is told", async () => {
    const { url } = await serve();
    const first = await run(["send", "notes:1", "hello", "--url", url]);
    expect(first).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^\w+\.1\.\w+\n$/) });
    const live = start(["tail", "notes:1", "--since", "start", "--url", url]);
    await live.matched(/^hello\n/);
    await run(["send", "notes:1", '{"n": 1}', "--url", url]);
    await run(["send", "notes:1", "--text", '{"n": 2}', "--url", url]);
    await run(["send", "notes:1", "-", "--url", url], { stdin: "from a pipe" });
    await live.matched(/^hello\n\{"n":1\}\n\{"n": 2\}\nfrom a pipe\n$/);
    live.signal("SIGINT");
    expect(await live.ended()).toMatchObject({ code: 130 });
    const records = await tailUntil(url, "notes:1", /from a pipe/);
    expect(records.map(({ type, data }) => [type, data])).toEqual([
      ["message", "hello"],
      ["message", { n: 1 }],
      ["message", '{"n": 2}'],
      ["message", "from a pipe"],
    ]);
  });

  test("an API key is asked for, and read from a variable", async () => {
    const key = (await run(["token"])).stdout.trim();
    expect(key).toMatch(/^tk_[\w-]{43}$/);
    const env = { TACHIKOMA_SECURITY__API_KEY: key };
    const { server, url } = await serve({ env });
    const refused = await run(["send", "notes:1", "x", "--url", url]);
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toContain("refused the connection: 401");
    expect(await run(["send", "notes:1", "x", "--url", url, "--token", `${key}x`])).toMatchObject({
      code: 3,
    });
    expect(await run(["send", "notes:1", "x", "--url", url], { env })).toMatchObject({ code: 0 });
    expect(
      await run(["send", "notes:1", "x", "--url", url], { env: { TACHIKOMA_TOKEN: key } }),
    ).toMatchObject({
      code: 0,
    });
    expect(server.stdout + server.stderr).not.toContain(key);
  });

  test("the default database keeps the history over a restart and over kill -9", async () => {
    const before = await serve();
    await run(["send", "notes:1", "first", "--url", before.url]);
    before.server.signal("SIGTERM");
    expect(await before.server.ended(WAIT_MS)).toMatchObject({ code: 0 });
    expect(existsSync(join(folder, "data", "tachikoma.db"))).toBe(true);

    const between = await serve();
    await run(["send", "notes:1", "second", "--url", between.url]);
    const running = start(["run", "chat", "count to 5000", "--channel", "chat:1", "--url", between.url]);
    await running.matched(/1, 2, 3/);
    await between.server.kill();
    await running.kill();

    const { url } = await serve();
    const notes = await tailUntil(url, "notes:1", /second/);
    expect(notes.map(({ data }) => data)).toEqual(["first", "second"]);
    const chat = await tailUntil(url, "chat:1", /"type":"ended"/);
    expect(chat.at(-1)).toMatchObject({ outcome: "interrupted", reason: "owner_lost" });
    expect(chat.filter(({ type }) => type === "ended")).toHaveLength(1);
  });

  test("SIGTERM lets a running answer finish, and the one who asked sees its end", async () => {
    const { server, url } = await serve();
    const asked = start(["run", "chat", "count to 60", "--url", url]);
    await asked.matched(/1, 2, 3/);
    server.signal("SIGTERM");
    expect(await asked.ended(WAIT_MS)).toMatchObject({ code: 0, stdout: expect.stringContaining("59, 60") });
    expect(await server.ended(WAIT_MS)).toMatchObject({ code: 0 });
  });
});

describe("backends from a configuration file", { timeout: TEST_TIMEOUT_MS }, () => {
  test("a command counts words", async () => {
    const { url } = await serve({ toml: '[executions.wc]\nbackend = "command"\ncommand = ["wc", "-w"]\n' });
    const end = await run(["run", "wc", "one two three", "--url", url]);
    expect(end).toMatchObject({ code: 0, stderr: "" });
    // The conversation arrives as JSON, in which these words make three.
    expect(end.stdout.trim()).toBe("3");
    const unknown = await run(["run", "nobody", "x", "--url", url]);
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain("nobody");
  });

  test("cancelling a command ends its whole process group", async () => {
    const script = 'sleep 300 & echo "child $!"; wait';
    const { url } = await serve({
      toml: `[executions.slow]\nbackend = "command"\ncommand = ["sh", "-c", '${script}']\n`,
    });
    const asked = start(["run", "slow", "x", "--url", url]);
    const pid = Number((await asked.matched(/child (\d+)/))[1]);
    expect(isAlive(pid)).toBe(true);
    asked.signal("SIGINT");
    expect(await asked.ended(WAIT_MS)).toMatchObject({ code: 130 });
    await eventually(WAIT_MS, `the end of the grandchild ${pid}`, () => !isAlive(pid) || undefined);
  });

  test("a command that fails ends the execution as failed, and run with 1", async () => {
    const { url } = await serve({
      toml: `[executions.bad]\nbackend = "command"\ncommand = ["sh", "-c", "echo half; exit 7"]\n`,
    });
    const end = await run(["run", "bad", "x", "--url", url]);
    expect(end.code).toBe(1);
    expect(end.stdout).toContain("half");
    expect(end.stderr).toMatch(/did not complete: failed/);
  });

  test("an OpenAI-compatible endpoint streams, and is hung up on when the answer is stopped", async () => {
    const endpoint = await mockEndpoint();
    const { url } = await serve({
      toml: [
        "[executions.chat]",
        'backend = "openai-compatible"',
        `base_url = "${endpoint.url}/v1"`,
        'model = "mock-1"',
        'api_key_env = "MOCK_KEY"',
        'system = "Be brief."',
        "",
      ].join("\n"),
      env: { MOCK_KEY: "sk-mock" },
    });
    const end = await run(["run", "chat", "Hi", "--json", "--url", url]);
    expect(end.code, end.stderr).toBe(0);
    const lines = jsonLines(end.stdout);
    expect(lines.map((line) => (line["chunk"] as { delta?: string } | undefined)?.delta ?? "").join("")).toBe(
      "Hello from the mock.",
    );
    expect(lines.at(-1)).toMatchObject({ outcome: "completed", usage: { totalTokens: 11 } });
    expect(endpoint.requests[0]).toMatchObject({
      path: "/v1/chat/completions",
      authorization: "Bearer sk-mock",
      body: {
        model: "mock-1",
        stream: true,
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hi" },
        ],
      },
    });

    const stopped = start(["run", "chat", "forever", "--url", url]);
    await stopped.matched(/tick tick/);
    stopped.signal("SIGINT");
    expect(await stopped.ended(WAIT_MS)).toMatchObject({ code: 130 });
    await within(WAIT_MS, "the end of the request to the endpoint", endpoint.hungUp);
  });
});

describe("without a server", { timeout: TEST_TIMEOUT_MS }, () => {
  test.each([
    ["run", ["run", "chat", "x"]],
    ["send", ["send", "notes:1", "x"]],
    ["tail", ["tail", "notes:1"]],
  ])("%s ends with 3 and says what is wrong", async (_, argv) => {
    // Port 1 is nobody's.
    const end = await run([...argv, "--url", "http://127.0.0.1:1"]);
    expect(end).toMatchObject({ code: 3, stdout: "" });
    expect(end.stderr).toContain("nothing listens there");
  });

  test("config shows what is in force and where it comes from, and no secret", async () => {
    writeFileSync(
      join(folder, "tachikoma.toml"),
      "[server]\nport = 4100\n[websocket]\nping_interval_secs = 5\n",
    );
    const env = {
      TACHIKOMA_SERVER__PORT: "4200",
      TACHIKOMA_SECURITY__API_KEY: "tk_very-secret-key-of-this-test",
    };
    const text = await run(["config", "--log-level", "warn"], { env });
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toMatch(/^port = 4200\s+# TACHIKOMA_SERVER__PORT/m);
    expect(text.stdout).toMatch(/^ping_interval_secs = 5\s+# tachikoma\.toml/m);
    expect(text.stdout).toMatch(/^log_level = "warn"\s+# --log-level/m);
    expect(text.stdout).not.toContain("very-secret");
    const json = await run(["config", "--json"], { env });
    expect(() => JSON.parse(json.stdout)).not.toThrow();
    expect(json.stdout).not.toContain("very-secret");
  });

  test("config and serve refuse a setting that is wrong, and name the key", async () => {
    writeFileSync(join(folder, "tachikoma.toml"), "[server]\nprot = 4100\n");
    for (const command of ["config", "serve"]) {
      const end = await run([command]);
      expect(end.code, command).toBe(1);
      expect(end.stderr, command).toContain("prot");
      expect(end.stderr, command).toContain("port");
    }
  });

  test("a port that is in use is named", async () => {
    const { url } = await serve({ argv: ["--database", "memory://"] });
    const { port } = new URL(url);
    const second = await run(["serve", "--port", port, "--database", "memory://"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`port ${port} on 127.0.0.1 is in use`);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

interface MockRequest {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: { readonly messages: readonly { readonly content: string }[] };
}

/** Answers as such endpoints do; asked for `forever`, it does not stop by itself. */
async function mockEndpoint() {
  const requests: MockRequest[] = [];
  const { promise: hungUp, resolve } = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await bodyOf(request)) as MockRequest["body"];
    requests.push({ path: request.url, authorization: request.headers.authorization, body });
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (value: object) => response.write(`data: ${JSON.stringify(value)}\n\n`);
    const sendText = (content: string) => send({ choices: [{ index: 0, delta: { content } }] });
    if (body.messages.at(-1)?.content === "forever") {
      const timer = setInterval(() => sendText("tick "), 10);
      response.on("close", () => {
        clearInterval(timer);
        resolve();
      });
      return;
    }
    for (const text of ["Hello ", "from ", "the ", "mock."]) sendText(text);
    send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    send({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 } });
    response.end("data: [DONE]\n\n");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, hungUp };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  request.setEncoding("utf8");
  let body = "";
  for await (const part of request) body += String(part);
  return body;
}
