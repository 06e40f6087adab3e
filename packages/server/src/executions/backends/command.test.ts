import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../core/testing/fake-clock.ts";
import type { Handler } from "../handler.ts";
import { type CommandOptions, command } from "./command.ts";
import {
  chunkReader,
  eventually,
  inTime,
  outcomeOf,
  proseOf,
  RecordingLogger,
  type TestExecution,
  testExecution,
} from "./testing/execution-context.ts";

let clock: FakeClock;
let logger: RecordingLogger;
let executions: TestExecution[];
beforeEach(() => {
  clock = new FakeClock();
  logger = new RecordingLogger();
  executions = [];
});
afterEach(async () => {
  const { pendingTimerCount } = clock;
  // A test that failed half way must not leave its processes behind.
  for (const execution of executions) execution.cancel();
  await clock.advance(5_000);
  expect(pendingTimerCount).toBe(0);
});

function execute(input: unknown = "Hi"): TestExecution {
  const execution = testExecution(input);
  executions.push(execution);
  return execution;
}

function backend(argv: readonly string[], options: Partial<CommandOptions> = {}): Handler {
  return command({ ...options, command: argv, ports: { clock, logger } });
}

const shell = (script: string, options?: Partial<CommandOptions>) => backend(["sh", "-c", script], options);
const node = (script: string, options?: Partial<CommandOptions>) =>
  backend([process.execPath, "-e", script], options);

function run(handler: Handler, input: unknown = "Hi") {
  return inTime("the end of the command", outcomeOf(handler(execute(input).context)));
}

/** A running command, up to its first line of output. */
async function started(handler: Handler) {
  const execution = execute();
  const reader = chunkReader(handler(execution.context));
  let output = "";
  while (!output.includes("\n")) {
    const { done, value } = await inTime("output of the command", reader.next());
    if (done) throw new Error(`The command ended after ${JSON.stringify(output)}`);
    output += proseOf([value]);
  }
  return { execution, reader, pids: output.trim().split(/\s+/).map(Number) };
}

/** A zombie is gone too: it waits for whoever inherited it, which is not always somebody who reaps. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    // Where there is no /proc the signal alone decides.
    return code === "ESRCH" || (code === "ENOENT" && process.platform === "linux");
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  expect(pids.every((pid) => pid > 1)).toBe(true);
  await eventually(`processes ${pids.join(", ")} are gone`, () => pids.every(isGone));
}

describe("output", () => {
  test("an answer, from start to finish; the conversation is on stdin", async () => {
    const { chunks, error } = await run(backend(["cat"], { system: "Be brief" }), { prompt: "Grüße" });
    expect(error).toBeUndefined();
    expect(chunks.map((chunk) => chunk.type)).toEqual([
      "start",
      "start-step",
      "text-start",
      "text-delta",
      "text-end",
      "finish-step",
      "finish",
    ]);
    expect(chunks[0]).toEqual({ type: "start", messageId: "x1" });
    expect(chunks.at(-1)).toEqual({ type: "finish", finishReason: "stop" });
    expect(JSON.parse(proseOf(chunks))).toEqual({
      messages: [
        { role: "system", content: "Be brief" },
        { role: "user", content: "Grüße" },
      ],
    });
  });

  test("wc -w", async () => {
    expect(proseOf((await run(backend(["wc", "-w"]), "one two three")).chunks).trim()).toBe("3");
  });

  test("no shell reads the arguments", async () => {
    const { chunks } = await run(backend(["printf", "%s", "$(id) ; echo `id` > x"]));
    expect(proseOf(chunks)).toBe("$(id) ; echo `id` > x");
  });

  test("characters that are written in pieces stay whole", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tachikoma-"));
    const [whole, firstByte, goOn] = ["\\303\\251", "\\346", join(folder, "go-on")];
    try {
      const script = `printf '${whole}${firstByte}'; while [ ! -e ${goOn} ]; do sleep 0.01; done; printf '\\224\\273'`;
      const reader = chunkReader(shell(script)(execute().context));
      let before = "";
      while (before === "") {
        const { value } = await inTime("the first half", reader.next());
        if (value !== undefined) before = proseOf([value]);
      }
      writeFileSync(goOn, "");
      const { chunks, error } = await inTime("the second half", outcomeOf(reader));
      expect(error).toBeUndefined();
      expect([before, proseOf(chunks)]).toEqual(["é", "攻"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("bytes that are no text do not break the stream", async () => {
    const { chunks, error } = await run(shell("printf 'a\\377b\\303'"));
    expect(error).toBeUndefined();
    expect(proseOf(chunks)).toBe("a\uFFFDb\uFFFD");
  });

  test("no output at all is an answer", async () => {
    const { chunks, error } = await run(backend(["true"]));
    expect(error).toBeUndefined();
    expect(chunks.map((chunk) => chunk.type)).toEqual(["start", "start-step", "finish-step", "finish"]);
  });

  test("a command that does not read its input is no failure", async () => {
    const input = "x".repeat(1_000_000);
    const { chunks, error } = await run(shell("exec <&-; echo done"), input);
    expect(error).toBeUndefined();
    expect(proseOf(chunks)).toBe("done\n");
  });

  test("all of a large output arrives, in order", async () => {
    const { chunks, error } = await run(shell("seq 1 200000"));
    expect(error).toBeUndefined();
    expect(proseOf(chunks)).toBe(Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join(""));
  });
});

describe("limits", () => {
  test("more output than allowed is a failure, and ends the command", async () => {
    const { chunks, error } = await run(shell("yes", { limits: { maxOutputBytes: 100_000 } }));
    expect(error).toMatchObject({
      code: "COMMAND_FAILED",
      message: "The command printed more than 100000 bytes",
    });
    expect(proseOf(chunks).length).toBeLessThanOrEqual(100_000);
  });

  test("no output in time", async () => {
    const outcome = outcomeOf(
      shell("sleep 1000", { limits: { firstByteTimeoutMs: 9_000 } })(execute().context),
    );
    await eventually("the command is waited for", () => clock.pendingTimerCount === 1);
    await clock.advance(8_999);
    expect(clock.pendingTimerCount).toBe(1);
    await clock.advance(1);
    const { error } = await inTime("the end of the command", outcome);
    expect(error).toMatchObject({
      code: "COMMAND_FAILED",
      message: "The command printed nothing for 9000 ms",
    });
  });

  test("no further output in time; what was said stays", async () => {
    const { reader, pids } = await started(shell("echo $$; sleep 1000"));
    const rest = outcomeOf(reader);
    await eventually("the command is waited for", () => clock.pendingTimerCount === 1);
    await clock.advance(60_000);
    const { chunks, error } = await inTime("the end of the command", rest);
    expect(error).toMatchObject({
      code: "COMMAND_FAILED",
      message: "The command printed nothing for 60000 ms",
    });
    expect(chunks).toEqual([]);
    await allGone(pids);
  });

  test("a slow reader is not silence of the command", async () => {
    const { reader } = await started(shell("echo 1; echo 2"));
    await clock.advance(3_600_000);
    expect((await inTime("the end", outcomeOf(reader))).error).toBeUndefined();
  });
});

describe("failures", () => {
  test.each<[what: string, argv: string[], message: string]>([
    ["an exit code", ["sh", "-c", "echo partial; exit 3"], 'The command "sh" ended with exit code 3'],
    ["a signal", ["sh", "-c", "echo partial; kill -SEGV $$"], 'The command "sh" was ended by SIGSEGV'],
  ])("%s: what was said stays, but the answer is not complete", async (_what, argv, message) => {
    const { chunks, error } = await run(backend(argv));
    expect(error).toMatchObject({ code: "COMMAND_FAILED", message });
    expect(proseOf(chunks)).toBe("partial\n");
    expect(chunks.at(-1)?.type).toBe("text-delta");
  });

  test("a program that does not exist is named without its folder", async () => {
    const { error } = await run(backend(["/no/such/folder/prog", "--key=secret"]));
    const message = 'The command "prog" could not be started (ENOENT)';
    expect(error).toMatchObject({ code: "COMMAND_FAILED", message });
  });

  test("a program that may not be run", async () => {
    const { error } = await run(backend(["/etc/passwd"]));
    const message = 'The command "passwd" could not be started (EACCES)';
    expect(error).toMatchObject({ code: "COMMAND_FAILED", message });
  });

  test("arguments that are too long", async () => {
    const { error } = await run(backend(["echo", "x".repeat(10_000_000)]));
    expect(error).toMatchObject({ code: "COMMAND_FAILED", message: expect.stringContaining("(E2BIG)") });
  });

  test("stderr goes to the log, its end only, and never to the client", async () => {
    const { chunks, error } = await run(shell("seq 1 5000 >&2; printf 'the end' >&2; echo out; exit 1"));
    expect(error).toMatchObject({ code: "COMMAND_FAILED" });
    expect(`${proseOf(chunks)}${String(error)}`).not.toContain("the end");
    expect(logger.lines).toHaveLength(1);
    const { stderr, program } = logger.lines[0]!.fields as { stderr: string; program: string };
    expect(program).toBe("sh");
    expect(stderr.endsWith("5000\nthe end")).toBe(true);
    expect(stderr).toMatch(/^\(\d+ bytes before this\)/);
    expect(Buffer.byteLength(stderr)).toBeLessThan(4096 + 50);
  });

  test("an empty command is refused at once", () => {
    expect(() => command({ command: [] })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(() => command({ command: ["a\0b"] })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  test("input that is no conversation starts nothing", () => {
    expect(() => backend(["cat"])(execute(7).context)).toThrow(
      expect.objectContaining({ code: "INVALID_MESSAGE" }),
    );
  });
});

describe("cancel", () => {
  test("ends the command and what it started", async () => {
    const { execution, reader, pids } = await started(
      node(`
        const { spawn } = require("node:child_process");
        const child = spawn("sleep", ["1000"]);
        console.log(process.pid, child.pid);
        setInterval(() => {}, 1000);
      `),
    );
    expect(pids).toHaveLength(2);
    const rest = outcomeOf(reader);
    execution.cancel();
    expect((await inTime("the end", rest)).error).toMatchObject({ name: "AbortError" });
    await allGone(pids);
  });

  test("works while the reader is busy elsewhere", async () => {
    const { execution, pids } = await started(shell("sleep 1000 & echo $$ $!; wait"));
    execution.cancel();
    await allGone(pids);
    await eventually("the timers are cleared", () => clock.pendingTimerCount === 0);
  });

  test("a command that ignores SIGTERM is killed after the grace, with its children", async () => {
    const forever = "while :; do sleep 0.1; done";
    const { execution, reader, pids } = await started(
      shell(`trap '' TERM; sh -c 'echo $PPID $$; ${forever}' & ${forever}`),
    );
    expect(pids).toHaveLength(2);
    const rest = outcomeOf(reader);
    execution.cancel();
    await clock.advance(4_999);
    expect(pids.map(isGone)).toEqual([false, false]);
    await clock.advance(1);
    expect((await inTime("the end", rest)).error).toMatchObject({ name: "AbortError" });
    await allGone(pids);
  });

  test("a child that ignores SIGTERM does not outlive its parent", async () => {
    const { execution, reader, pids } = await started(
      shell(`sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done' & wait`),
    );
    const rest = outcomeOf(reader);
    execution.cancel();
    expect((await inTime("the end", rest)).error).toMatchObject({ name: "AbortError" });
    await allGone(pids);
  });

  test("gives time to end in good order, but what is said then is not heard", async () => {
    const { execution, reader, pids } = await started(
      shell("trap 'echo bye; echo bye >&2; exit 0' TERM; echo $$; while :; do sleep 0.05; done"),
    );
    const rest = outcomeOf(reader);
    execution.cancel();
    const { chunks, error } = await inTime("the end", rest);
    expect(error).toMatchObject({ name: "AbortError" });
    expect(chunks).toEqual([]);
    expect(logger.lines[0]?.fields).toMatchObject({ stderr: expect.stringContaining("bye") });
    await allGone(pids);
  });

  test("by leaving the stream ends the command too", async () => {
    const { reader, pids } = await started(shell("echo $$; sleep 1000"));
    await inTime("the stream to be left", reader.return?.() ?? Promise.reject());
    await allGone(pids);
  });

  test("before the start starts nothing", async () => {
    const execution = execute();
    execution.cancel();
    const { error } = await inTime("the end", outcomeOf(backend(["/no/such/program"])(execution.context)));
    expect(error).toMatchObject({ name: "AbortError" });
  });
});

describe("what a command leaves behind", () => {
  test("is ended when it has let go of the output", async () => {
    const { reader, pids } = await started(shell("sleep 1000 >&- 2>&- & echo $$ $!"));
    expect((await inTime("the end", outcomeOf(reader))).error).toBeUndefined();
    await allGone(pids);
  });

  test("is ended after the grace when it holds the output open", async () => {
    const { reader, pids } = await started(shell("sleep 1000 & echo $$ $!"));
    const rest = outcomeOf(reader);
    await eventually("the command itself is gone", () => isGone(pids[0] ?? 0));
    // The first advance may still find the limit on silence, which is longer.
    for (let turn = 0; turn < 2; turn++) await clock.advance(5_000);
    expect((await inTime("the end", rest)).error).toBeUndefined();
    await allGone(pids);
  });
});

test("only the usual variables and the configured ones are passed on", async () => {
  process.env["CANARY_SECRET"] = "canary";
  try {
    const { chunks } = await run(backend(["env"], { env: { MODEL_DIR: "/models", LANG: "C" } }));
    const names = proseOf(chunks)
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0] ?? "");
    expect(proseOf(chunks)).not.toContain("canary");
    expect(proseOf(chunks)).toContain("MODEL_DIR=/models");
    expect(proseOf(chunks)).toMatch(/^LANG=C$/m);
    expect(proseOf(chunks)).toContain("TACHIKOMA_EXECUTION_ID=x1");
    expect(names).toContain("PATH");
    expect(names.filter((name) => /npm_|NODE|VITEST/i.test(name))).toEqual([]);
  } finally {
    delete process.env["CANARY_SECRET"];
  }
});

test("the working directory", async () => {
  expect(proseOf((await run(backend(["pwd"], { cwd: "/" }))).chunks)).toBe("/\n");
});
