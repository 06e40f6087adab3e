/** The command line as a process: what only a real one shows (exit codes, the two outputs, terminals, pipes). */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { COMMANDS } from "./commands.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tachikoma-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function tachikoma(argv: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const child = spawn(process.execPath, ["--conditions=source", main, ...argv], {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    texts.err += text;
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  const code = await promise;
  return { code, ...texts };
}

describe("help", () => {
  test("of all", async () => {
    const { code, out, err } = await tachikoma(["--help"]);
    expect(code).toBe(0);
    expect(err).toBe("");
    for (const { name, summary } of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
    expect(out).toContain("  130  interrupted (Ctrl-C)");
    expect(out).toContain("  3    cannot connect to the server");
  });

  test("of one command, asked in either way", async () => {
    const [option, word] = await Promise.all([tachikoma(["run", "--help"]), tachikoma(["help", "run"])]);
    expect(option).toEqual(word);
    expect(option.code).toBe(0);
    expect(option.out).toContain("  tachikoma run HANDLER [PROMPT] [OPTIONS]\n");
    expect(option.out).toMatch(
      /^ {2}-u, --url URL +Address of the server \(default: ws:\/\/127\.0\.0\.1:3000\/ws\)$/m,
    );
    expect(option.out).toContain(`  tachikoma run chat "Why is the sky blue?"`);
  });

  test("instead of a command is a usage error", async () => {
    const { code, out, err } = await tachikoma([]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("tachikoma COMMAND [OPTIONS]");
  });

  test("the version", async () => {
    expect(await tachikoma(["--version"])).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/),
      err: "",
    });
  });
});

describe("usage errors", () => {
  test.each([
    [["serv"], 'tachikoma: there is no command "serv"\nhint: did you mean serve?\n'],
    [["zebra"], 'tachikoma: there is no command "zebra"\nhint: see tachikoma --help\n'],
    [["serve", "--prot", "1"], "tachikoma: serve has no option --prot\nhint: did you mean --port?\n"],
    [["serve", "--port"], "tachikoma: --port needs a value: N\n"],
    [
      ["serve", "--port", "x"],
      'tachikoma: the configuration has a problem:\n  --port: server.port = "x": must be a whole number from 0 to 65535\n',
    ],
    [["config", "--set", "canary"], "tachikoma: --set needs KEY=VALUE\nhint: as in --set server.port=4000\n"],
    [["token", "more"], "tachikoma: token takes no arguments, and got 1\nhint: see tachikoma token --help\n"],
    [["tail"], "tachikoma: tail needs CHANNEL\nhint: see tachikoma tail --help\n"],
    [["run", "chat"], "tachikoma: run needs a PROMPT, - for stdin, or --input\n"],
    [["run", "chat", "--input", "{canary"], "tachikoma: --input is not valid JSON\n"],
  ])("%j", async (argv, text) => {
    expect(await tachikoma(argv)).toEqual({ code: 2, out: "", err: text });
  });
});

describe("config", () => {
  test("prints settings with their sources, and no secret", async () => {
    writeFileSync(
      join(folder, "tachikoma.toml"),
      '[server]\nport = 4001\n[security]\napi_key = "canary-0123456789"\n',
    );
    const { code, out, err } = await tachikoma(["config", "--host", "0.0.0.0"], {
      TACHIKOMA_SERVER__LOG_LEVEL: "warn",
    });
    rmSync(join(folder, "tachikoma.toml"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain('host = "0.0.0.0"  # --host\nport = 4001  # tachikoma.toml:2\n');
    expect(out).toContain('log_level = "warn"  # TACHIKOMA_SERVER__LOG_LEVEL\n');
    expect(out).not.toContain("canary");
  });

  test("fails where serve would, with 1 when the command line is not to blame", async () => {
    const { code, out, err } = await tachikoma(["config"], {
      TACHIKOMA_SERVER__PORT: "x",
      TACHIKOMA_SERVER__HOST: "",
    });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err.split("\n")).toEqual([
      "tachikoma: the configuration has 2 problems:",
      expect.stringMatching(/^ {2}TACHIKOMA_SERVER__HOST: server\.host = "": /),
      expect.stringMatching(/^ {2}TACHIKOMA_SERVER__PORT: server\.port = "x": /),
      "",
    ]);
  });

  test("--json is JSON, --docs is the reference", async () => {
    const [json, docs] = await Promise.all([
      tachikoma(["config", "--json"]),
      tachikoma(["config", "--docs"]),
    ]);
    expect(JSON.parse(json.out)).toMatchObject({ settings: { server: { port: 3000 } } });
    expect(docs.out).toContain("### `[websocket]`");
  });

  test("a reader that leaves early is no error", async () => {
    const command = `"${process.execPath}" --conditions=source "${main}" config --docs | true; echo "\${PIPESTATUS[0]}"`;
    const child = spawn("bash", ["-c", command], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stdout.on("data", (part: Buffer) => {
      text += part.toString();
    });
    child.stderr.on("data", (part: Buffer) => {
      text += part.toString();
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    child.on("close", () => resolve());
    await promise;
    expect(text).toBe("0\n");
  });
});

describe("token", () => {
  test("prints a key alone on stdout, a new one each time, and does not repeat it beside", async () => {
    const [first, second] = await Promise.all([tachikoma(["token"]), tachikoma(["token"])]);
    expect(first.out).toMatch(/^tk_[\w-]{43}\n$/);
    expect(first.out).not.toBe(second.out);
    expect(first.err).toContain("TACHIKOMA_SECURITY__API_KEY=");
    expect(first.err).toContain('api_key = "');
    expect(first.err).not.toContain(first.out.trim());
  });
});

describe("colour", () => {
  const ESCAPE = "\u001b[";

  test("only where it is wanted", async () => {
    const [plain, forced, refused] = await Promise.all([
      tachikoma(["zebra"]),
      tachikoma(["zebra"], { FORCE_COLOR: "1" }),
      tachikoma(["zebra"], { FORCE_COLOR: "1", NO_COLOR: "1" }),
    ]);
    expect(plain.err).not.toContain(ESCAPE);
    expect(forced.err).toContain(ESCAPE);
    expect(refused.err).not.toContain(ESCAPE);
  });
});

describe("a server that is not there", () => {
  test("is exit code 3, in one line and a hint, without the token", async () => {
    const { code, out, err } = await tachikoma(["send", "a", "b", "--url", "ws://127.0.0.1:1"], {
      TACHIKOMA_TOKEN: "canary",
    });
    expect({ code, out }).toEqual({ code: 3, out: "" });
    expect(err).toMatch(
      /^tachikoma: cannot connect to ws:\/\/127\.0\.0\.1:1\/ws: nothing listens there\nhint: .*\n$/,
    );
  });
});

describe("TACHIKOMA_DEBUG", () => {
  test("adds the stack", async () => {
    const { err } = await tachikoma(["zebra"], { TACHIKOMA_DEBUG: "1" });
    expect(err).toMatch(/^ +at /m);
  });
});
