import { asSchema, readUIMessageStream, type UIMessageChunk, uiMessageChunkSchema } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyChunk, chunkStream } from "../test/chunk-arbitraries.ts";
import {
  type AnswerEnding,
  type AnswerEvent,
  AnswerStream,
  type AnswerStreamOptions,
} from "./answer-stream.ts";
import type { Chunk } from "./chunk.ts";
import { mergeRun } from "./chunk-merge.ts";

const ENDINGS: ReadonlySet<string> = new Set(["finish", "abort", "error"]);
const COMPLETED: AnswerEnding = { type: "ended", outcome: "completed" };
const started: AnswerEvent = { type: "started" };
const restarted: AnswerEvent = { type: "restarted" };
const say = (...chunks: Chunk[]): AnswerEvent[] => chunks.map((chunk) => ({ type: "chunk", chunk }));
const text = (delta: string): Chunk[] => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta },
];
const START: Chunk = { type: "start", messageId: "x1" };

function given(events: readonly AnswerEvent[], options: Partial<AnswerStreamOptions> = {}) {
  const stream = new AnswerStream({ executionId: "x1", ...options });
  const steps = events.map((event) => stream.take(event));
  return {
    chunks: steps.flatMap(({ chunks }) => chunks),
    state: steps.findLast(({ state }) => state !== "open")?.state ?? "open",
  };
}

describe("an answer begins and ends", () => {
  test("with its start, and with the ending that the handler gave", () => {
    const { chunks, state } = given([
      started,
      ...say(START, ...text("a"), { type: "finish", finishReason: "stop" }),
      COMPLETED,
    ]);
    expect(chunks).toEqual([START, ...text("a"), { type: "finish", finishReason: "stop" }]);
    expect(state).toBe("over");
  });

  test.each<[AnswerEnding["outcome"], Chunk, Chunk]>([
    ["completed", { type: "finish" }, { type: "finish" }],
    ["cancelled", { type: "abort", reason: "cancelled" }, { type: "abort", reason: "cancelled" }],
    ["failed", { type: "error", errorText: "no" }, { type: "error", errorText: "no" }],
    // An abort would look as if somebody had pressed stop.
    [
      "interrupted",
      { type: "abort", reason: "interrupted" },
      { type: "error", errorText: "The answer was interrupted: its server was lost" },
    ],
  ])("as it was %s", (outcome, closing, last) => {
    const ending: AnswerEnding = {
      type: "ended",
      outcome,
      ...(outcome === "failed" ? { error: { code: "X", message: "no" } } : {}),
      ...(outcome === "interrupted" ? { reason: "owner_lost" } : {}),
    };
    expect(given([started, ...say(START), ending]).chunks.at(-1)).toEqual(last);
    expect(given([started, ...say(START, closing), ending]).chunks).toEqual([START, last]);
  });

  test("never as complete when the execution failed after its content had", () => {
    const ending: AnswerEnding = { type: "ended", outcome: "failed", error: { code: "X", message: "lost" } };
    const { chunks } = given([started, ...say(START, { type: "finish" }), ending]);
    expect(chunks.at(-1)).toEqual({ type: "error", errorText: "lost" });
  });

  test("with what was used, where the backend told", () => {
    const { chunks } = given([started, ...say(START), { ...COMPLETED, usage: { outputTokens: 3 } }]);
    expect(chunks[1]).toMatchObject({
      type: "data-execution-ended",
      transient: true,
      data: { usage: { outputTokens: 3 } },
    });
  });

  test("with an error where its beginning is not retained", () => {
    for (const event of [...say(...text("a")), COMPLETED]) {
      const { chunks, state } = given([event]);
      expect(chunks).toMatchObject([{ type: "error" }]);
      expect(state).toBe("over");
    }
  });

  test("in its middle where the client has the rest", () => {
    const { chunks } = given([...say({ type: "text-delta", id: "t", delta: "b" }), COMPLETED], {
      isBegun: true,
    });
    expect(chunks).toEqual([{ type: "text-delta", id: "t", delta: "b" }, { type: "finish" }]);
    expect(given([restarted], { isBegun: true }).state).toBe("void");
  });
});

describe("what turns out to be void", () => {
  const step: Chunk = { type: "start-step" };

  test("is taken back where one step was given, and given again", () => {
    const second = [restarted, ...say(START, step, ...text("new"), { type: "finish" }), COMPLETED];
    const { chunks } = given([started, ...say(START, step, ...text("old")), ...second]);
    expect(chunks).toEqual([
      START,
      step,
      ...text("old"),
      { type: "reset-step" },
      ...text("new"),
      { type: "finish" },
    ]);
  });

  test("costs nothing where nothing was given", () => {
    const { chunks } = given([started, ...say(START), restarted, ...say(START, ...text("new")), COMPLETED]);
    expect(chunks).toEqual([START, ...text("new"), { type: "finish" }]);
  });

  test.each<[string, Chunk[], Partial<AnswerStreamOptions>]>([
    ["a second step", [START, step, ...text("a"), step, ...text("b")], {}],
    ["metadata of the message", [{ ...START, messageMetadata: { a: 1 } } as Chunk, ...text("a")], {}],
    ["a message that the client had before", [START, step, ...text("a")], { isContinuation: true }],
  ])("ends the stream where there is %s", (_what, chunks, options) => {
    const { state } = given([started, ...say(...chunks), restarted], options);
    expect(state).toBe("void");
  });

  test("ends the stream where the log was reset, unless nothing was given", () => {
    expect(given([started, ...say(START, ...text("a")), { type: "reset" }]).state).toBe("void");
    const { chunks, state } = given([{ type: "reset" }, started, ...say(START, ...text("a")), COMPLETED]);
    expect([chunks.length, state]).toEqual([4, "over"]);
  });

  test("is followed by nothing", () => {
    const stream = new AnswerStream({ executionId: "x1", isContinuation: true });
    for (const event of [started, ...say(START, ...text("a")), restarted]) stream.take(event);
    for (const event of [started, ...say(...text("b")), COMPLETED]) {
      expect(stream.take(event)).toEqual({ chunks: [], state: "open" });
    }
  });
});

describe("the SDK's own client", () => {
  const schema = asSchema(uiMessageChunkSchema);
  const isTaken = async (chunk: Chunk) => (await schema.validate!(JSON.parse(JSON.stringify(chunk)))).success;

  async function messageOf(chunks: readonly Chunk[]): Promise<unknown> {
    const stream = new ReadableStream<UIMessageChunk>({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(structuredClone(chunk) as UIMessageChunk);
        controller.close();
      },
    });
    let last: unknown;
    for await (const message of readUIMessageStream({ stream, onError: () => undefined }))
      last = structuredClone(message);
    return last;
  }

  test("takes every chunk that is given, whatever a handler has yielded", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyChunk, { maxLength: 12 }),
        fc.constantFrom("completed", "failed", "cancelled", "interrupted"),
        async (chunks, outcome) => {
          const { chunks: all } = given([started, ...say(...chunks), { type: "ended", outcome }]);
          for (const chunk of all) expect(await isTaken(chunk), JSON.stringify(chunk)).toBe(true);
          expect(ENDINGS.has(all.at(-1)!.type)).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("folds a merged answer to the same message", async () => {
    await fc.assert(
      fc.asyncProperty(chunkStream, async (chunks) => {
        const whole = given([started, ...say(...chunks), COMPLETED]).chunks;
        const merged = given([started, ...say(...mergeRun(chunks)), COMPLETED]).chunks;
        expect(await messageOf(merged)).toEqual(await messageOf(whole));
        expect(merged.length).toBeLessThanOrEqual(whole.length);
      }),
      { numRuns: 100 },
    );
  });

  test("shows the second attempt alone where the first is taken back", async () => {
    const attempt = fc.array(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        attempt,
        attempt,
        fc.boolean(),
        fc.boolean(),
        async (old, young, hasStep, isMergedLater) => {
          const chunksOf = (words: readonly string[]): Chunk[] => [
            START,
            ...(hasStep ? [{ type: "start-step" } as Chunk] : []),
            { type: "text-start", id: "t" },
            ...words.map((delta): Chunk => ({ type: "text-delta", id: "t", delta })),
          ];
          const closing: Chunk[] = [{ type: "text-end", id: "t" }, { type: "finish" }];
          const second = isMergedLater ? mergeRun(chunksOf(young)) : chunksOf(young);
          const twice = given([
            started,
            ...say(...chunksOf(old)),
            restarted,
            ...say(...second, ...closing),
            COMPLETED,
          ]);
          const once = given([started, ...say(...chunksOf(young), ...closing), COMPLETED]);
          expect(await messageOf(twice.chunks)).toEqual(await messageOf(once.chunks));
        },
      ),
      { numRuns: 100 },
    );
  });
});
