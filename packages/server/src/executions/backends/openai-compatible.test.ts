import type { Chunk } from "@tachikoma/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BackendBench, CANARY_KEY } from "./testing/backend-bench.ts";
import { outcomeOf, proseOf, testExecution } from "./testing/execution-context.ts";
import { byteByByte, type Step } from "./testing/mock-upstream.ts";
import { openAi } from "./testing/upstream-scripts.ts";

let bench: BackendBench;
beforeEach(async () => {
  bench = await BackendBench.start();
});
afterEach(() => bench.close());

async function answerTo(steps: readonly Step[]) {
  bench.upstream.script({ steps });
  const execution = testExecution("Hi");
  return { ...(await outcomeOf(bench.openAi()(execution.context))), usages: execution.usages };
}

const types = (chunks: readonly Chunk[]) => chunks.map((chunk) => chunk.type);
const finishOf = (chunks: readonly Chunk[]) => chunks.at(-1);

test("an answer, from start to finish", async () => {
  const { chunks, error, usages } = await answerTo(openAi.answer("Grü", "ße"));
  expect(error).toBeUndefined();
  expect(chunks).toEqual([
    { type: "start", messageId: "x1" },
    { type: "start-step" },
    { type: "text-start", id: "p1" },
    { type: "text-delta", id: "p1", delta: "Grü" },
    { type: "text-delta", id: "p1", delta: "ße" },
    { type: "text-end", id: "p1" },
    { type: "finish-step" },
    { type: "finish", finishReason: "stop" },
  ]);
  expect(usages).toEqual([{ inputTokens: 7, outputTokens: 2, totalTokens: 9 }]);
});

test("what is sent", async () => {
  bench.upstream.script({ steps: openAi.answer("ok") });
  const handler = bench.openAi({
    system: "Be brief",
    temperature: 0.5,
    maxOutputTokens: 100,
    headers: { "X-Gateway": "gateway-secret" },
    extraBody: { reasoning_effort: "low", model: "other", stream: false },
  });
  await outcomeOf(
    handler(testExecution({ messages: [{ role: "user", content: "Hi" }], model: "theirs" }).context),
  );
  const [request] = bench.upstream.requests;
  expect(request?.path).toBe("/v1/chat/completions");
  expect(request?.headers).toMatchObject({
    authorization: `Bearer ${CANARY_KEY}`,
    "x-gateway": "gateway-secret",
  });
  expect(request?.body).toEqual({
    model: "test-model",
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.5,
    max_tokens: 100,
    reasoning_effort: "low",
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: "Hi" },
    ],
  });
});

test("an endpoint without a key gets no authorization", async () => {
  bench.upstream.script({ steps: openAi.answer("ok") });
  await outcomeOf(bench.openAi({ apiKey: undefined })(testExecution("Hi").context));
  expect(bench.upstream.requests[0]?.headers.authorization).toBeUndefined();
});

test("bytes that arrive one by one make the same answer", async () => {
  const { chunks, error } = await answerTo(byteByByte(openAi.answer("攻殻", "機動隊 🕷️").join("")));
  expect(error).toBeUndefined();
  expect(proseOf(chunks)).toBe("攻殻機動隊 🕷️");
});

test("CRLF, comments and a byte order mark", async () => {
  const stream = `\uFEFF: hello\n\n${openAi.answer("ok").join("")}`.replaceAll("\n", "\r\n");
  const { chunks, error } = await answerTo([stream]);
  expect(error).toBeUndefined();
  expect(proseOf(chunks)).toBe("ok");
});

describe("reasoning", () => {
  test.each(["reasoning_content", "reasoning"])("as %s", async (field) => {
    const { chunks } = await answerTo([openAi.delta({ [field]: "Hm." }), ...openAi.answer("Hi")]);
    expect(proseOf(chunks, "reasoning-delta")).toBe("Hm.");
    expect(types(chunks).slice(2, 7)).toEqual([
      "reasoning-start",
      "reasoning-delta",
      "reasoning-end",
      "text-start",
      "text-delta",
    ]);
  });

  test("under both names at once is one thought", async () => {
    const both = openAi.delta({ reasoning: "Hm.", reasoning_content: "Hm." });
    const { chunks } = await answerTo([both, ...openAi.answer("Hi")]);
    expect(proseOf(chunks, "reasoning-delta")).toBe("Hm.");
  });

  test("as parts of the content", async () => {
    const thought = { type: "thinking", thinking: [{ type: "text", text: "Hm." }] };
    const { chunks } = await answerTo([
      openAi.delta({ content: [thought, { type: "text", text: "So " }] }),
      ...openAi.answer("be it"),
    ]);
    expect(proseOf(chunks, "reasoning-delta")).toBe("Hm.");
    expect(proseOf(chunks)).toBe("So be it");
  });
});

describe("tool calls", () => {
  const calls = (...toolCalls: object[]) => openAi.delta({ tool_calls: toolCalls });
  const inputs = (chunks: readonly Chunk[]) =>
    chunks.flatMap((chunk) =>
      chunk.type === "tool-input-available" ? [[chunk.toolCallId, chunk.toolName, chunk.input]] : [],
    );
  const ending = [openAi.finish("tool_calls"), openAi.done];

  test("in pieces, two side by side", async () => {
    const { chunks } = await answerTo([
      openAi.text("Let me see."),
      calls({ index: 0, id: "a", type: "function", function: { name: "weather", arguments: "" } }),
      calls({ index: 0, function: { arguments: '{"city":' } }),
      calls({ index: 1, id: "b", type: "function", function: { name: "time", arguments: "{}" } }),
      calls({ index: 0, function: { arguments: '"Köln"}' } }),
      ...ending,
    ]);
    expect(inputs(chunks)).toEqual([
      ["a", "weather", { city: "Köln" }],
      ["b", "time", {}],
    ]);
    expect(finishOf(chunks)).toEqual({ type: "finish", finishReason: "tool-calls" });
  });

  test.each<[what: string, steps: string[]]>([
    [
      "all with index 0",
      [
        calls({ index: 0, id: "a", function: { name: "f", arguments: "{}" } }),
        calls({ index: 0, id: "b", function: { name: "g", arguments: "{}" } }),
      ],
    ],
    [
      "without an index",
      [
        calls({ id: "a", function: { name: "f", arguments: "{" } }),
        calls({ function: { arguments: "}" } }),
        calls({ id: "b", function: { name: "g", arguments: "{}" } }),
      ],
    ],
    [
      "with the id repeated",
      [
        calls({ index: 0, id: "a", function: { name: "f", arguments: "{" } }),
        calls({ index: 0, id: "a", function: { name: "f", arguments: "}" } }),
        calls({ index: 1, id: "b", function: { name: "g", arguments: "{}" } }),
      ],
    ],
  ])("%s", async (_what, steps) => {
    const { chunks } = await answerTo([...steps, ...ending]);
    expect(inputs(chunks)).toEqual([
      ["a", "f", {}],
      ["b", "g", {}],
    ]);
  });

  test("a call without an id gets one", async () => {
    const { chunks } = await answerTo([
      calls({ index: 0, function: { name: "f", arguments: "{}" } }),
      ...ending,
    ]);
    expect(inputs(chunks)).toEqual([["x1-call-1", "f", {}]]);
  });

  test("a call without a name is unreadable", async () => {
    const { error } = await answerTo([
      calls({ index: 0, id: "a", function: { arguments: "{}" } }),
      ...ending,
    ]);
    expect(error).toMatchObject({ code: "UPSTREAM_INVALID" });
  });
});

describe("the end of an answer", () => {
  test.each([
    ["stop", "stop"],
    ["length", "length"],
    ["content_filter", "content-filter"],
    ["tool_calls", "tool-calls"],
    ["function_call", "tool-calls"],
    ["eos", "other"],
    ["constructor", "other"],
  ])("%s is told as %s", async (theirs, ours) => {
    const { chunks } = await answerTo([openAi.text("x"), openAi.finish(theirs), openAi.done]);
    expect(finishOf(chunks)).toEqual({ type: "finish", finishReason: ours });
  });

  test.each<[what: string, steps: Step[]]>([
    ["no [DONE]", [openAi.finish("stop")]],
    ["cut after the finish reason", [openAi.finish("stop"), "cut"]],
    ["reset after [DONE]", [openAi.finish("stop"), openAi.done, "reset"]],
    ["[DONE] alone", [openAi.done]],
  ])("%s is complete", async (_what, steps) => {
    const { chunks, error } = await answerTo([openAi.text("whole"), ...steps]);
    expect(error).toBeUndefined();
    expect(proseOf(chunks)).toBe("whole");
    expect(finishOf(chunks)?.type).toBe("finish");
  });

  test("nothing after [DONE] counts", async () => {
    const { chunks } = await answerTo([...openAi.answer("a"), openAi.text("b")]);
    expect(proseOf(chunks)).toBe("a");
  });

  test("a second choice is not mixed in", async () => {
    const second = openAi.event({ choices: [{ index: 1, delta: { content: "other" } }] });
    const { chunks } = await answerTo([second, ...openAi.answer("a")]);
    expect(proseOf(chunks)).toBe("a");
  });

  test("a refusal is what was said", async () => {
    const { chunks } = await answerTo([openAi.delta({ refusal: "I will not." }), openAi.finish("stop")]);
    expect(proseOf(chunks)).toBe("I will not.");
  });
});

test("usage in every chunk is reported as it grows, with its details", async () => {
  const { usages } = await answerTo([
    openAi.usage(7, 1),
    openAi.event({
      choices: [],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 5,
        total_tokens: 12,
        completion_tokens_details: { reasoning_tokens: 3 },
        prompt_tokens_details: { cached_tokens: 4 },
      },
    }),
    openAi.finish("stop"),
  ]);
  expect(usages).toEqual([
    { inputTokens: 7, outputTokens: 1, totalTokens: 8 },
    { inputTokens: 7, outputTokens: 5, totalTokens: 12, reasoningTokens: 3, cachedInputTokens: 4 },
  ]);
});

test("connections are used again for later answers", async () => {
  const texts: string[] = [];
  for (const text of ["a", "b", "c", "d", "e"])
    texts.push(proseOf((await answerTo(openAi.answer(text))).chunks));
  expect(texts.join("")).toBe("abcde");
  // Two, not one: the next request may start in the very moment in which the connection is handed back.
  expect(bench.upstream.connectionCount).toBeLessThanOrEqual(2);
});

test("input that is no conversation is refused before anything is sent", () => {
  const run = () => bench.openAi()(testExecution({ messages: "no" }).context);
  expect(run).toThrow(expect.objectContaining({ code: "INVALID_MESSAGE" }));
  expect(bench.upstream.requests).toHaveLength(0);
});
