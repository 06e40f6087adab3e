import { spawnSync } from "node:child_process";
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
  testExecution,
} from "./testing/execution-context.ts";

let clock: FakeClock;
let logger: RecordingLogger;
beforeEach(() => {
  clock = new FakeClock();
  logger = new RecordingLogger();
});
afterEach(() => {
  expect(clock.pendingTimerCount).toBe(0);
});

function backend(argv: readonly string[], options: Partial<CommandOptions> = {}): Handler {
  return command({ ...options, command: argv, ports: { clock, logger } });
}

const shell = (script: string, options?: Partial<CommandOptions>) => backend(["sh", "-c", script], options);
const node = (script: string, options?: Partial<CommandOptions>) => backend([process.execPath, "-e", script], options);

function run(handler: Handler, input: unknown = "Hi") {
  return inTime("the end of the command", outcomeOf(handler(testExecution(input).context)));
}

/** A running command, up to its first line of output. */
async function started(handler: Handler) {
  const execution = testExecution("Hi");
  const reader = chunkReader(handler(execution.context));
  let output = "";
  while (!output.includes("\n")) {
    const { done, value } = await inTime("output of the command", reader.next());
    if (done) throw new Error(`The command ended after ${JSON.stringify(output)}`);
    output += proseOf([value]);
  }
  return { execution, reader, pids: output.trim().split(/\s+/).map(Number) };
}

/** A zombie is gone too: it waits for whoever started it, which is not always us. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  return /^Z/.test(spawnSync("ps", ["-o", "stat=", "-p", String(pid)]).stdout.toString().trim());
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
    const { chunks } = await run(
      node(`
        const bytes = Buffer.from("攻殻 🕷️ é");
        const next = (at) => at < bytes.length && process.stdout.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
        next(0);
      `),
    );
    expect(proseOf(chunks)).toBe("攻殻 🕷️ é");
    expect(chunks.filter((chunk) => chunk.type === "text-delta").length).toBeGreaterThan(1);
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

  test("a command waits while nobody reads", async () => {
    // Counts on stderr what it could write to stdout.
    const script = `
      const piece = Buffer.alloc(65536, "x");
      const next = (count) => count < 400 && process.stdout.write(piece, () => next(count + 1));
      next(0);
      process.stdout.on("drain", () => {});
    `;
    const { reader } = await startedWithText(node(script));
    const read = async () => {
      const { value } = await inTime("output", reader.next());
      return value === undefined ? "" : proseOf([value]);
    };
    let total = (await read()).length;
    // Whatever can be written by now has been: the pipe and two buffers, not 26 MB.
    const before = process.memoryUsage().external;
    for (let turn = 0; turn < 2_000; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(process.memoryUsage().external - before).toBeLessThan(5_000_000);
    for (let text = await read(); text !== ""; text = await read()) total += text.length;
    expect(total).toBeGreaterThan(0);
    await outcomeOf(reader);
  });

  test("more than the limit is a failure", async () => {
    const { chunks, error } = await run(shell("yes"), "Hi").catch((thrown) => ({ chunks: [], error: thrown }));
    expect([chunks, error]).toBeDefined();
  });
});
