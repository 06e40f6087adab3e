import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runProgram } from "./program.ts";
import { recordingTerminal } from "./testing/recording-terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "tachikoma-doctor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function doctor(argv: readonly string[], env: Record<string, string> = {}) {
  const terminal = recordingTerminal({ env });
  const code = await runProgram(["doctor", ...argv], terminal);
  return { code, out: terminal.outText(), err: terminal.errText() };
}

describe("tachikoma doctor", () => {
  test("says one line for each finding under its title, and ends with a sentence and 0", async () => {
    const { code, out, err } = await doctor(["--database", `sqlite://${join(folder, "t.db")}`]);
    expect(err).toBe("");
    expect(out).toMatch(
      /^Configuration\n {2}ok {7}no configuration file, 1 setting is given and valid\n\nProcess\n {2}ok {7}Node /,
    );
    expect(out).toContain(`\n\nDatabase\n`);
    expect(out).toMatch(
      /t\.db is not there yet and will be made\n\n(All \d+ checks are fine|No problem and)/,
    );
    expect(code).toBe(0);
  });

  test("a warning is no problem", async () => {
    const { code, out } = await doctor(["--database", "memory://"]);
    expect(out).toContain("  warning  everything is in memory: the end of the server is the end of it\n");
    expect(out).toContain("           -> set database.url to sqlite:// or redis://\n");
    expect(code).toBe(0);
  });

  test("settings that are refused are each a problem, and nothing else is looked at", async () => {
    const path = join(folder, "bad.toml");
    writeFileSync(path, '[server]\nport = 99999\nhots = "x"\n[database]\nurl = "redis://:canary@h/x"\n');
    const { code, out } = await doctor(["--config", path]);
    expect(out.match(/^ {2}problem {2}/gm)).toHaveLength(3);
    expect(out).toContain("server.hots: is not a setting\n           -> did you mean server.host");
    expect(out).not.toContain("Process");
    expect(out).not.toContain("canary");
    expect(out).toMatch(/3 problems: a server with these settings would not start/);
    expect(code).toBe(1);
  });

  test("in JSON, for programs", async () => {
    const { code, out } = await doctor(["--json", "--database", "redis://user:canary@127.0.0.1:1/0"]);
    const report = JSON.parse(out) as { findings: { check: string; level: string }[] };
    expect(report).toMatchObject({
      ok: false,
      problems: 1,
      verdict: expect.stringContaining("problem") as string,
    });
    expect(report.findings).toEqual(
      expect.arrayContaining([
        {
          area: "database",
          check: "redis_connection",
          level: "problem",
          text: "redis://127.0.0.1:1: nothing listens there",
          advice: "is Redis running? does database.url name its host and port?",
        },
      ]),
    );
    expect(out).not.toContain("canary");
    expect(code).toBe(1);
  });
});
