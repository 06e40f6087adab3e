import { expect, test } from "vitest";
import type { Chunk } from "./chunk.ts";
import { foldChunks } from "./chunk-fold.ts";
import { earlierTurn, laterTurn } from "./earlier-turn.ts";
import { emptyMessage } from "./message.ts";

const asking: Chunk[] = [
  { type: "start", messageId: "m", messageMetadata: { a: 1 } },
  { type: "start-step" },
  { type: "tool-input-available", toolCallId: "c", toolName: "erase", input: { path: "/x" } },
  { type: "tool-approval-request", toolCallId: "c", approvalId: "a" },
  { type: "data-shown", data: 1, transient: true },
  { type: "finish-step" },
  { type: "finish", finishReason: "tool-calls", messageMetadata: { b: 2 } },
];
const going: Chunk[] = [
  { type: "start", messageId: "m", messageMetadata: { c: 3 } },
  { type: "start-step" },
  { type: "tool-output-available", toolCallId: "c", output: "gone" },
  { type: "finish-step" },
  { type: "finish" },
];

test("turns of one message are one stream: one start, one end, and the same message", () => {
  const stream = [...earlierTurn(asking, true), ...laterTurn(going)];
  expect(stream.filter(({ type }) => type === "start" || type === "finish").map(({ type }) => type)).toEqual([
    "start",
    "finish",
  ]);
  const { parts, metadata, id } = foldChunks(emptyMessage(), stream);
  expect({ id, metadata }).toEqual({ id: "m", metadata: { a: 1, b: 2, c: 3 } });
  expect(parts).toMatchObject([
    { type: "step-start" },
    { toolCallId: "c", state: "output-available", input: { path: "/x" }, output: "gone" },
    { type: "step-start" },
  ]);
});

test("a call that the client might make is shown and not made; one that is made elsewhere stays as it is", () => {
  expect(earlierTurn(asking, true).map(({ type }) => type)).not.toContain("tool-input-available");
  const elsewhere: Chunk = {
    type: "tool-input-available",
    toolCallId: "c",
    toolName: "t",
    providerExecuted: true,
  };
  expect(earlierTurn([elsewhere], false)).toEqual([elsewhere]);
});

test("neither failures nor what was for whoever watched then come again", () => {
  const chunks: Chunk[] = [
    { type: "abort" },
    { type: "error", errorText: "no" },
    { type: "data-x", transient: true },
  ];
  expect(earlierTurn(chunks, true)).toEqual([]);
});
