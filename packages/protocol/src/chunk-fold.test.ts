import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunkDisorder, chunkStream } from "../test/chunk-arbitraries.ts";
import type { Chunk } from "./chunk.ts";
import { foldChunk, foldChunks, MessageFold } from "./chunk-fold.ts";
import { emptyMessage, type FoldedMessage, textOf } from "./message.ts";

function fold(...chunks: Chunk[]): FoldedMessage {
  return foldChunks(emptyMessage(), chunks);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const item of Object.values(value)) deepFreeze(item);
}

describe("the fold as a whole", () => {
  test("chunk by chunk, all at once and with pauses give the same", () => {
    fc.assert(
      fc.property(fc.oneof(chunkStream, chunkDisorder), fc.nat(30), (chunks, pauseAt) => {
        const atOnce = fold(...chunks);
        const oneByOne = chunks.reduce(foldChunk, emptyMessage());
        const paused = foldChunks(fold(...chunks.slice(0, pauseAt)), chunks.slice(pauseAt));
        expect(oneByOne).toEqual(atOnce);
        expect(paused).toEqual(atOnce);
      }),
      { numRuns: 500 },
    );
  });

  test("a message that was handed out does not change any more", () => {
    fc.assert(
      fc.property(fc.oneof(chunkStream, chunkDisorder), (chunks) => {
        const running = new MessageFold();
        const seen: { readonly message: FoldedMessage; readonly copy: FoldedMessage }[] = [];
        for (const chunk of chunks) {
          deepFreeze(chunk);
          running.add(chunk);
          const { message } = running;
          deepFreeze(message);
          seen.push({ message, copy: structuredClone(message) });
        }
        for (const { message, copy } of seen) expect(message).toEqual(copy);
      }),
      { numRuns: 200 },
    );
  });

  test("parts that did not change keep their identity", () => {
    const before = fold({ type: "text-start", id: "a" }, { type: "text-start", id: "b" });
    const after = foldChunk(before, { type: "text-delta", id: "b", delta: "x" });
    expect(after.parts[0]).toBe(before.parts[0]);
    expect(after.parts[1]).not.toBe(before.parts[1]);
  });

  test("a message without news is the same object", () => {
    const running = new MessageFold();
    expect(running.message).toBe(running.message);
  });

  test("a stream of 100,000 tokens and as many parts is folded in linear time", () => {
    const count = 100_000;
    const running = new MessageFold();
    const startMs = performance.now();
    for (let at = 0; at < count; at += 1) {
      running.add({ type: "text-delta", id: "0", delta: "word " });
      running.add({ type: "data-note", id: `${at}`, data: at });
      running.add({ type: "tool-output-available", toolCallId: `${at % 100}`, output: at });
    }
    expect(textOf(running.message).length).toBe(5 * count);
    expect(running.message.parts.length).toBe(1 + count + 100);
    // Quadratic work would take minutes; the bound leaves room for a busy machine.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });
});

describe("text and reasoning", () => {
  test("parts grow, end, and may overlap", () => {
    const message = fold(
      { type: "start", messageId: "m" },
      { type: "reasoning-start", id: "0" },
      { type: "reasoning-delta", id: "0", delta: "hm" },
      { type: "text-start", id: "0", providerMetadata: { a: { b: 1 } } },
      { type: "text-delta", id: "0", delta: "Hel" },
      { type: "reasoning-end", id: "0" },
      { type: "text-delta", id: "0", delta: "lo" },
      { type: "text-end", id: "0", citations: [1] },
    );
    expect(message.id).toBe("m");
    expect(message.parts).toEqual([
      { type: "reasoning", id: "0", text: "hm", state: "done" },
      {
        type: "text",
        id: "0",
        text: "Hello",
        state: "done",
        citations: [1],
        providerMetadata: { a: { b: 1 } },
      },
    ]);
    expect(textOf(message)).toBe("Hello");
  });

  test("a later part may use an id again", () => {
    const message = fold(
      { type: "text-start", id: "0" },
      { type: "text-delta", id: "0", delta: "one" },
      { type: "text-end", id: "0" },
      { type: "text-start", id: "0" },
      { type: "text-delta", id: "0", delta: "two" },
    );
    expect(message.parts.map((part) => part.type === "text" && [part.text, part.state])).toEqual([
      ["one", "done"],
      ["two", "streaming"],
    ]);
  });

  test("CHK-5 a delta whose start is no longer retained begins its part", () => {
    const message = fold({ type: "text-delta", id: "7", delta: "tail" }, { type: "text-end", id: "8" });
    expect(message.parts).toEqual([{ type: "text", id: "7", text: "tail", state: "streaming" }]);
  });
});

describe("tool calls", () => {
  const started: Chunk = { type: "tool-input-start", toolCallId: "c", toolName: "find", title: "Find" };
  const available: Chunk = {
    type: "tool-input-available",
    toolCallId: "c",
    toolName: "find",
    input: { q: 1 },
  };

  test("input streams, is complete, and gets its output", () => {
    const call = { type: "tool-find", toolName: "find", toolCallId: "c", title: "Find" };
    const running = new MessageFold();
    running.add(started);
    running.add({ type: "tool-input-delta", toolCallId: "c", inputTextDelta: '{"q"' });
    running.add({ type: "tool-input-delta", toolCallId: "c", inputTextDelta: ":1}" });
    expect(running.message.parts).toEqual([{ ...call, state: "input-streaming", rawInput: '{"q":1}' }]);
    running.add(available);
    expect(running.message.parts).toEqual([{ ...call, state: "input-available", input: { q: 1 } }]);
    running.add({ type: "tool-output-available", toolCallId: "c", output: 1, preliminary: true });
    running.add({ type: "tool-output-available", toolCallId: "c", output: 2, providerMetadata: { p: {} } });
    expect(running.message.parts).toEqual([
      { ...call, state: "output-available", input: { q: 1 }, output: 2, resultProviderMetadata: { p: {} } },
    ]);
  });

  test("an approval is asked for and answered", () => {
    const request: Chunk = {
      type: "tool-approval-request",
      approvalId: "a",
      toolCallId: "c",
      reason: "Costs",
    };
    const asked = fold(available, request);
    expect(asked.parts[0]).toMatchObject({
      state: "approval-requested",
      input: { q: 1 },
      approval: { id: "a", requestReason: "Costs" },
    });
    const answered = foldChunks(asked, [
      { type: "tool-approval-response", approvalId: "a", approved: false, reason: "No" },
      { type: "tool-output-denied", toolCallId: "c" },
    ]);
    expect(answered.parts).toEqual([
      {
        type: "tool-find",
        toolName: "find",
        toolCallId: "c",
        state: "output-denied",
        input: { q: 1 },
        approval: { id: "a", requestReason: "Costs", approved: false, reason: "No" },
      },
    ]);
  });

  test("an answer without a question is left out", () => {
    expect(fold({ type: "tool-approval-response", approvalId: "a", approved: true }).parts).toEqual([]);
  });

  test("errors of input and of output", () => {
    const badInput = fold(started, {
      type: "tool-input-error",
      toolCallId: "c",
      toolName: "find",
      input: "{",
      errorText: "Bad",
    });
    expect(badInput.parts[0]).toMatchObject({ state: "output-error", input: "{", errorText: "Bad" });
    const failed = fold(available, { type: "tool-output-error", toolCallId: "c", errorText: "Down" });
    expect(failed.parts[0]).toMatchObject({ state: "output-error", input: { q: 1 }, errorText: "Down" });
  });

  test("a piece of the input that comes after the whole adds nothing", () => {
    const late: Chunk = { type: "tool-input-delta", toolCallId: "c", inputTextDelta: "x" };
    expect(fold(available, late)).toEqual(fold(available));
  });

  test("a dynamic tool keeps its kind", () => {
    const message = fold({ ...started, dynamic: true } as Chunk, {
      type: "tool-output-available",
      toolCallId: "c",
      output: 1,
    });
    expect(message.parts[0]).toMatchObject({
      type: "dynamic-tool",
      toolName: "find",
      state: "output-available",
    });
  });

  test("a later step may use the id of a call again", () => {
    const message = fold(available, { type: "start-step" }, available, {
      type: "tool-output-available",
      toolCallId: "c",
      output: 2,
    });
    expect(message.parts.map((part) => "state" in part && part.state)).toEqual([
      "input-available",
      false,
      "output-available",
    ]);
  });

  test("CHK-5 an output whose call is no longer retained is kept", () => {
    const message = fold({ type: "tool-output-available", toolCallId: "c", output: 2 });
    expect(message.parts[0]).toMatchObject({ type: "dynamic-tool", toolName: "", output: 2 });
  });
});

describe("steps", () => {
  test("CHK-3 reset-step takes back what the current step has brought, and no more", () => {
    const message = fold(
      { type: "start-step" },
      { type: "text-delta", id: "0", delta: "kept" },
      { type: "finish-step" },
      { type: "start-step" },
      { type: "text-delta", id: "1", delta: "lost" },
      { type: "data-x", id: "d", data: 1 },
      { type: "reset-step" },
      { type: "text-delta", id: "1", delta: "again" },
      { type: "data-x", id: "d", data: 2 },
    );
    expect(message.parts).toEqual([
      { type: "step-start" },
      { type: "text", id: "0", text: "kept", state: "streaming" },
      { type: "step-start" },
      { type: "text", id: "1", text: "again", state: "streaming" },
      { type: "data-x", id: "d", data: 2 },
    ]);
  });

  test("reset-step before any step takes back everything", () => {
    expect(fold({ type: "text-delta", id: "0", delta: "x" }, { type: "reset-step" }).parts).toEqual([]);
  });

  test("a call of an earlier step is found again after a reset", () => {
    const call: Chunk = { type: "tool-input-available", toolCallId: "c", toolName: "t", input: 1 };
    const message = fold(
      call,
      { type: "start-step" },
      { ...call, input: 2 },
      { type: "reset-step" },
      { type: "data-x", id: "d", data: 3 },
      { type: "tool-output-available", toolCallId: "c", output: 4 },
    );
    expect(message.parts).toMatchObject([
      { toolCallId: "c", input: 1, output: 4 },
      { type: "step-start" },
      { type: "data-x", data: 3 },
    ]);
  });
});

describe("data, sources, files", () => {
  test("CHK-4 the same type and id replaces, transient data leaves no trace", () => {
    const message = fold(
      { type: "data-x", id: "1", data: 1, transient: false },
      { type: "data-y", id: "1", data: 2 },
      { type: "data-x", data: 3 },
      { type: "data-x", id: "1", data: 4 },
      { type: "data-x", id: "1", data: 5, transient: true },
      { type: "data-x", data: 6 },
    );
    expect(message.parts).toEqual([
      { type: "data-x", id: "1", data: 4 },
      { type: "data-y", id: "1", data: 2 },
      { type: "data-x", data: 3 },
      { type: "data-x", data: 6 },
    ]);
  });

  test("each other kind of content is a part", () => {
    const chunks: Chunk[] = [
      { type: "source-url", sourceId: "s", url: "u", title: "T" },
      { type: "source-document", sourceId: "s", mediaType: "m", title: "T", filename: "f" },
      { type: "file", url: "u", mediaType: "m" },
      { type: "reasoning-file", url: "u", mediaType: "m", providerMetadata: { p: {} } },
      { type: "custom", kind: "acme.box" },
      { type: "steering-message", id: "m", parts: [{ type: "text", text: "shorter" }] },
    ];
    expect(fold(...chunks).parts).toEqual(chunks);
  });
});

describe("metadata and ends", () => {
  test("metadata is merged field by field", () => {
    const message = fold(
      { type: "start", messageMetadata: { a: { x: 1 }, list: [1] } },
      { type: "message-metadata", messageMetadata: { a: { y: 2 }, list: [2] } },
      { type: "finish", finishReason: "stop", messageMetadata: { done: true } },
    );
    expect(message.metadata).toEqual({ a: { x: 1, y: 2 }, list: [2], done: true });
    expect(message).toMatchObject({ status: "finished", finishReason: "stop" });
  });

  test("metadata cannot reach a prototype, however deep it is", () => {
    const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    const deep = JSON.parse(`${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`);
    const chunks = [evil, evil, deep, deep].map(
      (messageMetadata): Chunk => ({ type: "message-metadata", messageMetadata }),
    );
    const { metadata } = fold({ type: "start", messageMetadata: { own: 1 } }, ...chunks);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((metadata as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("an abort and an error say why", () => {
    expect(fold({ type: "abort", reason: "cancelled" })).toMatchObject({
      status: "aborted",
      abortReason: "cancelled",
    });
    const failed = fold({ type: "error", errorText: "Boom" }, { type: "finish", finishReason: "error" });
    expect(failed).toMatchObject({ status: "failed", errorText: "Boom", finishReason: "error" });
  });

  test("a type of a newer vocabulary is left out", () => {
    const unknown = { type: "hologram" } as unknown as Chunk;
    const inherited = { type: "toString" } as unknown as Chunk;
    expect(fold(unknown, inherited)).toEqual(emptyMessage());
  });
});
