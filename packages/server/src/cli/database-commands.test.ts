/** `backup` and `compact`: beside a real server, and on files. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { runProgram } from "./program.ts";
import { recordingTerminal } from "./testing/recording-terminal.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tachikoma-files-"));
const database = join(folder, "tachikoma.db");
const copy = join(folder, "copy.db");
const DATABASE = ["--database", `sqlite://${database}`];
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const withoutConfig = { TACHIKOMA_CONFIG: "" };

async function tachikoma(
  argv: readonly string[],
  options: { isTty?: boolean; env?: Record<string, string> } = {},
) {
  const terminal = recordingTerminal({ env: withoutConfig, ...options });
  const code = await runProgram(argv, terminal);
  return { code, out: terminal.outText(), err: terminal.errText() };
}

async function startServer(path: string): Promise<{ child: ChildProcess; url: string }> {
  const argv = ["--conditions=source", main, "serve", "--port", "0", "--database", `sqlite://${path}`];
  const child = spawn(process.execPath, argv, { cwd: folder, env: { PATH: process.env["PATH"] } });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  await vi.waitFor(() => expect(text).toContain("Tachikoma is listening"), { timeout: 10_000, interval: 20 });
  const { url } = JSON.parse(text.trim().split("\n").at(-1)!) as { url: string };
  return { child, url };
}

async function published(url: string, id: string): Promise<void> {
  const response = await fetch(`${url}/api/channels/chat:1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data: id }),
  });
  expect(response.status, await response.text()).toBe(200);
}

describe("beside a server", () => {
  test("backup copies what it has acknowledged; compact is refused until it has stopped", async () => {
    const { child, url } = await startServer(database);
    await published(url, "before");
    const backup = await tachikoma(["backup", copy, ...DATABASE], { isTty: true });
    expect(backup).toMatchObject({ code: 0 });
    expect(backup.out).toMatch(new RegExp(`^Copied ${database} to ${copy}: [\\d.]+ KiB, checked\n$`));
    await published(url, "after");
    expect(readFileSync(copy).includes('"before"')).toBe(true);
    expect(readFileSync(copy).includes('"after"')).toBe(false);

    const refused = await tachikoma(["compact", ...DATABASE]);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toMatch(
      process.platform === "linux"
        ? new RegExp(`^tachikoma: Database ${database} is in use by process ${child.pid}.*Stop it first`)
        : /is in use by .*Stop it first/,
    );
    child.kill("SIGTERM");
    await once(child, "exit");
    expect(await tachikoma(["compact", ...DATABASE])).toEqual({
      code: 0,
      out: expect.stringMatching(new RegExp(`^Compacted ${database}: .*\n$`)),
      err: "",
    });

    // The copy is a database that a server can take over.
    const { child: second, url: secondUrl } = await startServer(copy);
    const history = await (await fetch(`${secondUrl}/api/channels/chat:1/messages`)).text();
    expect(history).toContain('"before"');
    expect(history).not.toContain('"after"');
    second.kill("SIGTERM");
    await once(second, "exit");
  });
});

describe("backup", () => {
  test("replaces a file only when told to", async () => {
    const destination = join(folder, "precious.db");
    writeFileSync(destination, "precious");
    expect(await tachikoma(["backup", destination, ...DATABASE])).toEqual({
      code: 1,
      out: "",
      err: `tachikoma: ${destination} is there already\nhint: --force replaces it\n`,
    });
    expect((await tachikoma(["backup", destination, "--force", ...DATABASE])).code).toBe(0);
    expect(statSync(destination).size).toBeGreaterThan(1000);
  });

  test("shows how far it is on a terminal, and leaves nothing behind when it is interrupted", async () => {
    const large = join(folder, "large.db");
    const { openSqliteStore } = await import("../stores/sqlite/sqlite-store.ts");
    const store = await openSqliteStore({
      path: large,
      random: { id: (chars) => "a".repeat(chars), fraction: () => 0 },
    });
    await store.append({
      key: { tenant: "default", channel: "chat:1" },
      records: [{ type: "message", body: JSON.stringify("x".repeat(8_000_000)) }],
      nowMs: 1,
      retention: { maxRecords: 10, maxBytes: 1e9, maxAgeMs: 1e12 },
    });
    const destination = join(folder, "interrupted.db");
    const terminal = recordingTerminal({ env: withoutConfig, isTty: true });
    const ended = runProgram(["backup", destination, "--database", `sqlite://${large}`], terminal);
    await expect.poll(() => terminal.errText(), { timeout: 10_000, interval: 1 }).toMatch(/MiB of \d/);
    terminal.signal("SIGINT");
    expect(await ended).toBe(130);
    expect(existsSync(destination)).toBe(false);
    expect(existsSync(`${destination}.unfinished`)).toBe(false);
    await store.close();
  });
});

describe("both", () => {
  test.each(["backup", "compact"])("%s needs a database that is there", async (name) => {
    const argv = name === "backup" ? [name, join(folder, "x.db")] : [name];
    expect(await tachikoma([...argv, "--data-dir", join(folder, "none")])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`There is no database at ${join(folder, "none", "tachikoma.db")}`),
    });
  });

  test.each([
    ["backup", "memory://", "keeps nothing that could be copied", "--database sqlite://PATH"],
    ["backup", "redis://:canary-secret@127.0.0.1:1", "Redis copies its own data", "BGSAVE"],
    ["compact", "memory://", "has no file that could be compacted", "--database sqlite://PATH"],
    ["compact", "redis://:canary-secret@127.0.0.1:1", "no file to compact", "channels.NAME.history"],
  ])("%s of %s says what to do instead", async (name, url, part, hint) => {
    const argv = name === "backup" ? [name, join(folder, "x.db")] : [name];
    const { code, out, err } = await tachikoma([...argv, "--database", url]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(part);
    expect(err).toContain(hint);
    expect(err).not.toContain("canary");
  });

  test("a database in use by nobody may be named by a variable", async () => {
    const env = { ...withoutConfig, TACHIKOMA_DATABASE__URL: `sqlite://${database}` };
    expect((await tachikoma(["compact"], { env })).code).toBe(0);
  });
});
