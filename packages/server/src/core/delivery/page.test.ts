import { type Chunk, emptyMessage, foldChunks, parsePosition } from "@tachikoma/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogRecord } from "../../stores/store.ts";
import { ChannelLog } from "../log/channel-log.ts";
import { lineFraming } from "../testing/text-transport.ts";
import { buildPage } from "./page.ts";

const origin = { epoch: "e", seq: 0, tag: "0" };
const reader = { sessionId: "me", transport: { framing: lineFraming } };

function logOf(): ChannelLog {
  const state = { base: origin, head: origin };
  return new ChannelLog({ tenant: "t", channel: "chat:1" }, state, { maxRecords: 10, maxBytes: 10_000 }, 0);
}

type Frame = Record<string, unknown> & { readonly chunk: Chunk };

function framesOf(bytes: Uint8Array): Frame[] {
  const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Frame);
}

const body = fc.oneof(
  fc.record({ kind: fc.constant("delta" as const), part: fc.constantFrom("a", "b"), text: fc.string() }),
  fc.record({ kind: fc.constant("start" as const), part: fc.constantFrom("a", "b") }),
  fc.record({ kind: fc.constant("restart" as const) }),
  fc.record({ kind: fc.constant("message" as const), text: fc.string() }),
  fc.record({ kind: fc.constant("excluded" as const), text: fc.string() }),
);

const records = fc
  .array(fc.tuple(body, fc.constantFrom("x1", "x2")), { minLength: 1, maxLength: 40 })
  .map((items) =>
    items.map(([item, executionId], index): LogRecord => {
      const common = { seq: index + 1, tag: `t${index}`, timeMs: 0 };
      switch (item.kind) {
        case "delta":
          return {
            ...common,
            type: "chunk",
            executionId,
            body: JSON.stringify({ type: "text-delta", id: item.part, delta: item.text }),
          };
        case "start":
          return {
            ...common,
            type: "chunk",
            executionId,
            body: JSON.stringify({ type: "text-start", id: item.part }),
          };
        case "restart":
          return { ...common, type: "execution_restarted", executionId, body: '{"attempt":2}' };
        case "message":
          return { ...common, type: "message", body: JSON.stringify(item.text) };
        default:
          return { ...common, type: "message", body: JSON.stringify(item.text), exclude: ["me"] };
      }
    }),
  );

/** The chunks of each attempt: nothing is merged across the record that separates two. */
function attemptsOf<Item>(items: readonly Item[], chunkOf: (item: Item) => Chunk | undefined): Chunk[][] {
  const attempts: Chunk[][] = [[]];
  for (const item of items) {
    const chunk = chunkOf(item);
    if (chunk === undefined) attempts.push([]);
    else attempts.at(-1)!.push(chunk);
  }
  return attempts;
}

test("pages cover every record once, in order, whatever the budget; folding them equals folding the log", () => {
  fc.assert(
    fc.property(records, fc.integer({ min: 1, max: 2_000 }), (all, maxBytes) => {
      let nextSeq = 1;
      const seen: Frame[] = [];
      while (nextSeq <= all.length) {
        const page = buildPage(logOf(), all.slice(nextSeq - 1), reader, maxBytes);
        expect(page.recordCount).toBeGreaterThan(0);
        const frames = framesOf(page.bytes);
        expect(frames).toHaveLength(page.frameCount);
        for (const frame of frames) {
          const position = parsePosition(String(frame["position"]))!;
          const covered = Number(frame["n"] ?? 1);
          expect(position.seq - covered + 1).toBe(nextSeq);
          expect(position.tag).toBe(all[position.seq - 1]?.tag);
          nextSeq = position.seq + 1;
        }
        expect(page.place).toEqual({ epoch: "e", seq: nextSeq - 1, tag: all[nextSeq - 2]?.tag });
        seen.push(...frames);
      }
      const messages = seen.filter((frame) => frame["type"] === "message").map((frame) => frame["data"]);
      const visible = all.filter((one) => one.type === "message" && one.exclude === undefined);
      expect(messages).toEqual(visible.map((one) => JSON.parse(one.body)));
      for (const executionId of ["x1", "x2"]) {
        const got = attemptsOf(
          seen.filter((frame) => frame["execution_id"] === executionId),
          (frame) => (frame["type"] === "chunk" ? frame.chunk : undefined),
        );
        const logged = attemptsOf(
          all.filter((one) => one.executionId === executionId),
          (one) => (one.type === "chunk" ? (JSON.parse(one.body) as Chunk) : undefined),
        );
        expect(got.map((chunks) => foldChunks(emptyMessage(), chunks))).toEqual(
          logged.map((chunks) => foldChunks(emptyMessage(), chunks)),
        );
      }
    }),
  );
});

test("a page tells which executions end in it, and those that start again do not", () => {
  const end: LogRecord = {
    seq: 1,
    tag: "t",
    timeMs: 0,
    type: "execution_completed",
    executionId: "x1",
    body: '{"usage":{"output_tokens":3}}',
  };
  const restarted: LogRecord = {
    ...{ seq: 1, tag: "t", timeMs: 0, executionId: "x2", body: '{"attempt":2}' },
    type: "execution_restarted",
  };
  expect(buildPage(logOf(), [restarted], reader, 1_000).endedExecutionIds).toEqual([]);
  const page = buildPage(logOf(), [end], reader, 1_000);
  expect(page.endedExecutionIds).toEqual(["x1"]);
  expect(framesOf(page.bytes)).toEqual([
    {
      type: "execution_completed",
      channel: "chat:1",
      position: "e.1.t",
      execution_id: "x1",
      usage: { output_tokens: 3 },
    },
  ]);
});
