import { isChunk } from "@tachikoma/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InputQueue } from "../../core/execution/input-queue.ts";
import { FakeClock } from "../../core/testing/fake-clock.ts";
import { demo } from "./demo.ts";
import { demoPieces, demoScript } from "./demo-script.ts";
import { steeringText } from "./steering-queue.ts";
import {
  chunkReader,
  inTime,
  type Outcome,
  outcomeOf,
  proseOf,
  type TestExecution,
  testExecution,
} from "./testing/execution-context.ts";

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});
afterEach(() => {
  expect(clock.pendingTimerCount).toBe(0);
});

const start = (execution: TestExecution) => outcomeOf(demo({ ports: { clock } })(execution.context));

/** Lets time pass until the demo has ended. */
async function toTheEnd(outcome: Promise<Outcome>): Promise<Outcome> {
  await clock.advance(15 * 60_000);
  return inTime("the end of the demo", outcome);
}

async function answerTo(prompt: string) {
  const execution = testExecution(prompt);
  return { ...(await toTheEnd(start(execution))), usages: execution.usages };
}

test("says first that it is no model, and how to get one", async () => {
  const { chunks, error } = await answerTo("What is a spider tank?");
  expect(error).toBeUndefined();
  expect(chunks.every(isChunk)).toBe(true);
  expect([chunks[0], chunks.at(-1)]).toEqual([
    { type: "start", messageId: "x1" },
    { type: "finish", finishReason: "stop" },
  ]);
  const text = proseOf(chunks);
  expect(text).toMatch(
    /^This is the built-in demo of Tachikoma, \*\*not a model\*\*; to get real answers, set `backend` /,
  );
  expect(text).toContain("“What is a spider tank?”");
  expect(text).toMatch(/\n- \*\*/);
  expect(text).toMatch(/```toml\n[^`]+\n```\n/);
  expect(text).toContain("攻殻機動隊");
  expect(text.split("\n\n").length).toBeGreaterThan(5);
});

test("speaks at thirty pieces a second", async () => {
  const execution = testExecution("count to 1000");
  const outcome = start(execution);
  await clock.advance(10_000);
  // The first piece comes at once; the interval is no whole number.
  expect(execution.usages.length).toBeGreaterThanOrEqual(300);
  expect(execution.usages.length).toBeLessThanOrEqual(301);
  await toTheEnd(outcome);
});

test("does not catch up in a burst after a reader was slow", async () => {
  const execution = testExecution("count to 1000");
  const reader = chunkReader(demo({ ports: { clock } })(execution.context));
  while (execution.usages.length < 5) {
    const next = reader.next();
    await clock.advance(40);
    await inTime("the next chunk", next);
  }
  await clock.advance(60_000);
  const rest = outcomeOf(reader);
  await clock.advance(1_000);
  expect(execution.usages.length).toBeLessThanOrEqual(5 + 32);
  await toTheEnd(rest);
});

describe("length", () => {
  test("counts to a number", async () => {
    const { chunks } = await answerTo("Please count to 23!");
    const lines = proseOf(chunks).split("\n\n").slice(2).join(" ").trim();
    expect(lines.split(/[, ]+/)).toEqual(Array.from({ length: 23 }, (_, index) => String(index + 1)));
  });

  test("writes as many words as asked for", () => {
    const words = demoScript("write 500 words").slice(2).flat();
    expect(words).toHaveLength(500);
  });

  test("has an end, whatever is asked for", () => {
    expect(demoScript(`count to ${"9".repeat(400)}`).flat().length).toBeLessThan(11_000);
    expect(demoScript("99999999 words").flat().length).toBeLessThan(11_000);
  });

  test("a long question is echoed in part, on one line", () => {
    const echo = demoScript(`a\n\n# b ${"🕷️".repeat(1_000)}`)[1]?.join("") ?? "";
    expect(echo.trim()).not.toContain("\n");
    expect(echo.length).toBeLessThan(700);
    expect(echo.isWellFormed()).toBe(true);
  });
});

test("pieces put together are the text", () => {
  const text = "  a  b\n\n- c 🕷️\n";
  expect(demoPieces(text).join("")).toBe(text);
});

test("reports what it used so far with every piece", async () => {
  const { usages, chunks } = await answerTo("count to 5 please");
  const pieces = chunks.filter((chunk) => chunk.type === "text-delta").length;
  expect(usages[0]).toEqual({ inputTokens: 4, outputTokens: 1, totalTokens: 5 });
  expect(usages.at(-1)).toEqual({ inputTokens: 4, outputTokens: pieces, totalTokens: 4 + pieces });
});

test("stops at once when it is cancelled", async () => {
  const execution = testExecution("Hi");
  const outcome = start(execution);
  await clock.advance(1_000);
  execution.cancel();
  const { chunks, error } = await inTime("the end", outcome);
  expect(error).toMatchObject({ name: "AbortError" });
  expect(proseOf(chunks).length).toBeGreaterThan(50);
  expect(chunks.at(-1)?.type).toBe("text-delta");
});

describe("steering", () => {
  function steered(prompt: string) {
    const taken: unknown[] = [];
    const inputs = new InputQueue(10);
    const say = (data: unknown) =>
      inputs.push({ data, onTaken: () => taken.push(data), onDropped: () => {} });
    return { outcome: start(testExecution(prompt, { inputs })), say, taken };
  }

  test("what is said is answered between two paragraphs, in order", async () => {
    const { outcome, say, taken } = steered("count to 60");
    await clock.advance(2_000);
    say({ text: "faster" });
    say("and louder");
    const text = proseOf((await toTheEnd(outcome)).chunks);
    expect(taken).toEqual([{ text: "faster" }, "and louder"]);
    const [faster, louder] = [
      text.indexOf("> You added: “faster”"),
      text.indexOf("> You added: “and louder”"),
    ];
    expect(text.slice(faster - 2, faster)).toBe("\n\n");
    expect(faster).toBeGreaterThan(0);
    expect(louder).toBeGreaterThan(faster);
    expect(text.trimEnd().endsWith("60")).toBe(true);
  });

  test("one input at a time is taken, the others wait where they are bounded", async () => {
    const { outcome, say, taken } = steered("Hi");
    await clock.advance(100);
    for (const text of ["a", "b", "c"]) say({ text });
    await clock.settle();
    expect(taken).toEqual([{ text: "a" }]);
    await toTheEnd(outcome);
  });

  test.each<[input: unknown, text: string]>([
    ["a", "a"],
    [{ text: "a" }, "a"],
    [{ prompt: "a" }, "a"],
    [{ messages: [{ role: "user", parts: [{ type: "text", text: "a" }] }] }, "a"],
    [{ approved: true }, '{"approved":true}'],
    [undefined, ""],
    [3, "3"],
  ])("%j", (input, text) => {
    expect(steeringText(input)).toBe(text);
  });
});

test("input that is no conversation is refused", () => {
  expect(() => demo()(testExecution({}).context)).toThrow(
    expect.objectContaining({ code: "INVALID_MESSAGE" }),
  );
});
