import type { Chunk } from "@tachikoma/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BackendBench, CANARY_KEY } from "./testing/backend-bench.ts";
import { chunkReader, outcomeOf, proseOf, testExecution } from "./testing/execution-context.ts";
import { byteByByte, type Step } from "./testing/mock-upstream.ts";
import { claude } from "./testing/upstream-scripts.ts";

let bench: BackendBench;
beforeEach(async () => {
  bench = await BackendBench.start();
});
afterEach(() => bench.close());

async function answerTo(steps: readonly Step[]) {
  bench.upstream.script({ steps });
  const execution = testExecution("Hi");
  return { ...(await outcomeOf(bench.anthropic()(execution.context))), usages: execution.usages };
}

const finishOf = (chunks: readonly Chunk[]) => chunks.at(-1);

test("an answer, from start to finish", async () => {
  const { chunks, error, usages } = await answerTo(claude.answer("Grü", "ße"));
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
  expect(usages).toEqual([
    { inputTokens: 7, outputTokens: 1, totalTokens: 8 },
    { inputTokens: 7, outputTokens: 2, totalTokens: 9 },
  ]);
});

test("what is sent: the system prompt has its own field, and there is always a limit", async () => {
  bench.upstream.script({ steps: claude.answer("ok") });
  const input = {
    messages: [
      { role: "system", content: "Theirs" },
      { role: "user", content: "Hi" },
    ],
  };
  await outcomeOf(bench.anthropic({ system: "Ours" })(testExecution(input).context));
  const [request] = bench.upstream.requests;
  expect(request?.path).toBe("/v1/messages");
  expect(request?.headers).toMatchObject({ "x-api-key": CANARY_KEY, "anthropic-version": "2023-06-01" });
  expect(request?.body).toEqual({
    model: "test-model",
    stream: true,
    max_tokens: 4096,
    system: "Ours\n\nTheirs",
    messages: [{ role: "user", content: "Hi" }],
  });
});

test("thoughts, text and a tool call, byte by byte, with pings and unknown events in between", async () => {
  const steps = [
    claude.start(10),
    claude.event({ type: "ping" }),
    claude.blockStart(0, { type: "thinking", thinking: "" }),
    claude.blockDelta(0, { type: "thinking_delta", thinking: "Hm 🕷️" }),
    claude.blockDelta(0, { type: "signature_delta", signature: "abc" }),
    claude.blockStop(0),
    claude.blockStart(1, { type: "redacted_thinking", data: "xyz" }),
    claude.blockStop(1),
    claude.blockStart(2, { type: "text", text: "" }),
    claude.text("Let me see.", 2),
    claude.event({ type: "something_new", index: "?" }),
    claude.blockStop(2),
    claude.blockStart(3, { type: "tool_use", id: "t1", name: "weather", input: {} }),
    claude.blockDelta(3, { type: "input_json_delta", partial_json: "" }),
    claude.blockDelta(3, { type: "input_json_delta", partial_json: '{"city": "K' }),
    claude.blockDelta(3, { type: "input_json_delta", partial_json: 'öln"}' }),
    claude.blockStop(3),
    claude.blockStart(4, { type: "tool_use", id: "t2", name: "now", input: {} }),
    claude.blockStop(4),
    claude.stopReason("tool_use", 20),
    claude.stop,
  ];
  const { chunks, error } = await answerTo(byteByByte(steps.join("")));
  expect(error).toBeUndefined();
  expect(chunks.slice(2)).toEqual([
    { type: "reasoning-start", id: "p1" },
    { type: "reasoning-delta", id: "p1", delta: "Hm 🕷️" },
    { type: "reasoning-end", id: "p1" },
    { type: "text-start", id: "p2" },
    { type: "text-delta", id: "p2", delta: "Let me see." },
    { type: "text-end", id: "p2" },
    { type: "tool-input-start", toolCallId: "t1", toolName: "weather" },
    { type: "tool-input-delta", toolCallId: "t1", inputTextDelta: '{"city": "K' },
    { type: "tool-input-delta", toolCallId: "t1", inputTextDelta: 'öln"}' },
    { type: "tool-input-available", toolCallId: "t1", toolName: "weather", input: { city: "Köln" } },
    { type: "tool-input-start", toolCallId: "t2", toolName: "now" },
    { type: "tool-input-available", toolCallId: "t2", toolName: "now", input: {} },
    { type: "finish-step" },
    { type: "finish", finishReason: "tool-calls" },
  ]);
});

test.each([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["refusal", "content-filter"],
  ["pause_turn", "other"],
])("%s is told as %s", async (theirs, ours) => {
  const { chunks } = await answerTo([claude.start(1), claude.stopReason(theirs, 1), claude.stop]);
  expect(finishOf(chunks)).toEqual({ type: "finish", finishReason: ours });
});

test("a stop reason without message_stop is not the end", async () => {
  const { chunks, error } = await answerTo(claude.answer("almost").slice(0, -1));
  expect(error).toMatchObject({ code: "UPSTREAM_CUT" });
  expect(proseOf(chunks)).toBe("almost");
  expect(finishOf(chunks)?.type).not.toBe("finish");
});

test("what the cache gave and took counts as input", async () => {
  const { usages } = await answerTo([
    claude.event({
      type: "message_start",
      message: {
        usage: {
          input_tokens: 5,
          cache_read_input_tokens: 100,
          cache_creation_input_tokens: 20,
          output_tokens: 1,
          service_tier: "standard",
        },
      },
    }),
    claude.stopReason("end_turn", 8),
    claude.stop,
  ]);
  expect(usages.at(-1)).toEqual({
    inputTokens: 125,
    outputTokens: 8,
    totalTokens: 133,
    cachedInputTokens: 100,
    cacheWriteInputTokens: 20,
  });
});

test("a cancelled answer has reported what was known", async () => {
  bench.upstream.script({ steps: [...claude.answer("Hi").slice(0, 3), "hang"] });
  const execution = testExecution("Hi");
  const reader = chunkReader(bench.anthropic()(execution.context));
  for (let type = ""; type !== "text-delta"; ) type = (await reader.next()).value.type;
  execution.cancel();
  expect((await outcomeOf(reader)).error).toMatchObject({ name: "AbortError" });
  expect(execution.usages).toEqual([{ inputTokens: 7, outputTokens: 1, totalTokens: 8 }]);
});
