/** `tachikoma serve` and the commands that talk to it, as processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const API_KEY = "tk_only-for-this-test-0123456789";
const folder = mkdtempSync(join(tmpdir(), "tachikoma-serve-"));

interface Running {
  readonly child: ChildProcess;
  readonly texts: { out: string; err: string };
  readonly ended: Promise<number | null>;
}

function tachikoma(argv: readonly string[]): Running {
  const env = { PATH: process.env["PATH"], TACHIKOMA_SECURITY__API_KEY: API_KEY };
  const child = spawn(process.execPath, ["--conditions=source", main, ...argv], { cwd: folder, env });
  const texts = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    texts.err += text;
  });
  const { promise: ended, resolve } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  return { child, texts, ended };
}

async function finish({ texts, ended }: Running) {
  const code = await ended;
  return { code, ...texts };
}

const within10s = { timeout: 10_000, interval: 20 };

async function startServer(): Promise<Running & { readonly url: string }> {
  const running = tachikoma([
    "serve",
    "--port",
    "0",
    "--database",
    "memory://",
    "--set",
    "server.drain_timeout_secs=1",
  ]);
  await vi.waitFor(
    () => expect(running.texts.out + running.texts.err).toContain("Tachikoma is listening"),
    within10s,
  );
  const { url } = JSON.parse(running.texts.out.trim().split("\n").at(-1)!) as { url: string };
  return { ...running, url };
}

describe("serve", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    server?.child.kill("SIGKILL");
    await server?.ended;
    rmSync(folder, { recursive: true, force: true });
  });

  test("send and tail", async () => {
    const tail = tachikoma(["tail", "chat:1", "--since", "start", "--url", server.url]);
    const sent = await finish(tachikoma(["send", "chat:1", "hello", "--url", server.url]));
    expect(sent).toEqual({ code: 0, out: expect.stringMatching(/^\w+\.1\.\w+\n$/), err: "" });
    await expect.poll(() => tail.texts.out, within10s).toBe("hello\n");
    tail.child.kill("SIGINT");
    expect(await finish(tail)).toEqual({ code: 130, out: "hello\n", err: "" });
  });

  test("run, cancelled by Ctrl-C", async () => {
    const run = tachikoma(["run", "chat", "500 words", "--url", server.url]);
    await expect.poll(() => run.texts.out, within10s).not.toBe("");
    run.child.kill("SIGINT");
    expect(await finish(run)).toMatchObject({ code: 130, err: "" });
  });

  test("a wrong key does not come in and is not repeated", async () => {
    const refused = await finish(
      tachikoma(["send", "chat:1", "x", "--token", "canary", "--url", server.url]),
    );
    expect(refused).toMatchObject({ code: 3, err: expect.stringContaining("401 Unauthorized") });
    expect(refused.err).not.toContain("canary");
  });

  test("a port in use is named", async () => {
    const { port } = new URL(server.url);
    const { code, err } = await finish(tachikoma(["serve", "--port", port, "--database", "memory://"]));
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^tachikoma: port ${port} on 127\\.0\\.0\\.1 is in use\nhint: `));
  });

  test("SIGTERM ends it with 0, and nothing it said holds the key", async () => {
    server.child.kill("SIGTERM");
    const { code, out, err } = await finish(server);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("Tachikoma has stopped");
    expect(out).not.toContain(API_KEY);
  });
});
