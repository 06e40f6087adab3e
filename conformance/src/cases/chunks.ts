import { isChunk } from "@tachikoma/protocol";
import { section } from "../case.ts";
import type { RecordFrame } from "../clients/wire-message.ts";
import { equals, holds, shown } from "../expectation.ts";
import { yielded } from "./delivery.ts";

const EVERY_KIND = [
  { type: "start", messageId: "m", messageMetadata: { a: 1 } },
  { type: "start-step" },
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: "text" },
  { type: "text-end", id: "t" },
  { type: "reasoning-start", id: "r" },
  { type: "reasoning-delta", id: "r", delta: "thought" },
  { type: "reasoning-end", id: "r" },
  { type: "tool-input-start", toolCallId: "c", toolName: "search" },
  { type: "tool-input-delta", toolCallId: "c", inputTextDelta: '{"q":' },
  { type: "tool-input-available", toolCallId: "c", toolName: "search", input: { q: 1 } },
  { type: "tool-approval-request", approvalId: "p", toolCallId: "c" },
  { type: "tool-approval-response", approvalId: "p", approved: true },
  { type: "tool-output-available", toolCallId: "c", output: [1] },
  { type: "tool-output-error", toolCallId: "c", errorText: "no" },
  { type: "tool-output-denied", toolCallId: "c" },
  { type: "tool-input-error", toolCallId: "d", toolName: "x", errorText: "no", input: null },
  { type: "source-url", sourceId: "s", url: "https://example.org" },
  { type: "source-document", sourceId: "s", mediaType: "text/plain", title: "Title" },
  { type: "file", url: "data:,x", mediaType: "text/plain" },
  { type: "reasoning-file", url: "data:,x", mediaType: "text/plain" },
  { type: "custom", kind: "a.b" },
  { type: "steering-message", id: "i", parts: [{ type: "text", text: "faster" }] },
  { type: "data-weather", id: "w", data: { degrees: 20 } },
  { type: "message-metadata", messageMetadata: { b: 2 } },
  { type: "finish-step" },
  { type: "finish", finishReason: "stop" },
] as const;

export const chunks = section("Chunks", (rule) => {
  rule(
    "CHK-1",
    "what handlers stream is chunks of the vocabulary, with their fields",
    { requires: ["handler:echo", "handler:fail"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      for (const handler of ["handler:echo", "handler:fail"] as const) {
        await client.execute(t.text(handler), { channel, input: { prompt: "some words" } });
        for (const { chunk } of await client.recordsUntilEnd(channel))
          holds(chunk === undefined || isChunk(chunk), `${shown(chunk)} is a chunk`);
      }
    },
  );

  rule("CHK-1", "chunks of every type pass as they are", { requires: ["handler:chunks"] }, async (t) => {
    const { live, replayed } = await yielded(t, EVERY_KIND);
    for (const frames of [live, replayed]) equals(chunksOf(frames), EVERY_KIND, "the chunks");
    equals(live.at(-1)?.type, "execution_completed", "how it ended");
  });

  rule(
    "CHK-1",
    "what is no chunk is not delivered, and fails the execution",
    { requires: ["handler:chunks"] },
    async (t) => {
      const bad = [
        { type: "no-such-type" },
        { type: "text-delta", id: "t" },
        { type: "text-delta", id: 7, delta: "x" },
        { type: "tool-input-start", toolCallId: "c" },
        { type: "finish", finishReason: "whim" },
        { data: 1 },
      ];
      for (const chunk of bad) {
        const { live } = await yielded(t, [{ type: "text-start", id: "t" }, chunk]);
        const end = live.at(-1);
        equals(
          [end?.type, end?.error?.code],
          ["execution_failed", "INVALID_CHUNK"],
          `the end after ${shown(chunk)}`,
        );
        holds(chunksOf(live).every(isChunk), "no frame has anything that is no chunk");
      }
    },
  );

  rule(
    "CHK-2",
    "fields of a chunk that are not known pass unchanged",
    { requires: ["handler:chunks"] },
    async (t) => {
      const given = [
        { type: "text-start", id: "t", future: { camelCase: 1, snake_case: [null] } },
        { type: "text-delta", id: "t", delta: "x", weight: 0.5 },
        { type: "text-end", id: "t", future: "" },
        { type: "data-x", id: "1", data: { deep: { er: true } }, extra: false },
      ];
      const { live, replayed } = await yielded(t, given);
      for (const frames of [live, replayed])
        equals(
          chunksOf(frames).filter(({ type }) => !["start", "finish"].includes(type)),
          given,
          "the chunks",
        );
    },
  );

  rule(
    "CHK-6",
    "a value that is not there is written as null where readers need the field",
    { requires: ["handler:chunks"] },
    async (t) => {
      const bare = [
        [{ type: "tool-input-available", toolCallId: "c", toolName: "x" }, "input"],
        [{ type: "tool-output-available", toolCallId: "c" }, "output"],
        [{ type: "data-x", id: "1" }, "data"],
        [{ type: "message-metadata" }, "messageMetadata"],
      ] as const;
      const { live } = await yielded(
        t,
        bare.map(([chunk]) => chunk),
      );
      for (const [{ type }, field] of bare) {
        const chunk = chunksOf(live).find((one) => one.type === type);
        equals(chunk?.[field], null, `${field} of ${type}`);
      }
    },
  );
});

function chunksOf(frames: readonly RecordFrame[]) {
  return frames.flatMap(({ chunk }) => (chunk === undefined ? [] : [chunk]));
}
