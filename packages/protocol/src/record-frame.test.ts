import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyChunk } from "../test/chunk-arbitraries.ts";
import { decodeServerMessage, encodeMessage } from "./codec.ts";
import {
  encodeChunkFrame,
  encodeExecutionFrame,
  encodeMessageFrame,
  encodeSkipFrame,
} from "./record-frame.ts";
import { type ServerMessage, serverMessage } from "./schema/server-messages.ts";
import { toWireNames } from "./wire-names.ts";

const position = "k3x9a2.1042.p7fQ";
const channel = fc.constantFrom("chat:42", 'chat:"quoted"', "~session:ä", "chat:\u2028");
const name = fc.constantFrom("ada", 'a"b', "\u2028", "\ud800");
const count = fc.integer({ min: 1, max: 100_000 });

const awkward = fc.constantFrom<unknown>(
  JSON.parse('{"__proto__":{"a":1},"constructor":1}'),
  "\u2028\u2029",
  "\ud83d",
  "\ude00",
  JSON.parse(`${"[".repeat(400)}${"]".repeat(400)}`),
  { execution_id: 1, executionId: 2, initial_state: { some_key: 1 } },
  null,
);
const data = fc.oneof(awkward, fc.jsonValue());

/** The frame is what `encodeMessage` makes of the same message, and what the schema asks for. */
function expectFrame(frame: string, message: ServerMessage): void {
  expect(JSON.parse(frame)).toEqual(JSON.parse(encodeMessage(message)));
  const decoded = decodeServerMessage(frame);
  expect(decoded).toEqual(JSON.parse(JSON.stringify(message)));
  expect(serverMessage.safeParse(decoded).error).toBeUndefined();
}

describe("DEL-1 frames made of texts equal encoded messages", () => {
  test("message", () => {
    fc.assert(
      fc.property(channel, data, fc.option(name, { nil: undefined }), (channel, data, sender) => {
        const frame = encodeMessageFrame({
          channelJson: JSON.stringify(channel),
          position,
          bodyJson: JSON.stringify(data),
          senderJson: sender === undefined ? undefined : JSON.stringify(sender),
        });
        expectFrame(frame, {
          type: "message",
          channel,
          position,
          data,
          ...(sender !== undefined && { sender }),
        });
      }),
    );
  });

  test("chunk", () => {
    fc.assert(
      fc.property(channel, count, name, anyChunk, (channel, n, executionId, chunk) => {
        const frame = encodeChunkFrame({
          channelJson: JSON.stringify(channel),
          position,
          coveredRecordCount: n,
          executionIdJson: JSON.stringify(executionId),
          chunkJson: JSON.stringify(chunk),
        });
        expectFrame(frame, { type: "chunk", channel, position, ...(n > 1 && { n }), executionId, chunk });
      }),
    );
  });

  test("skip", () => {
    fc.assert(
      fc.property(channel, count, (channel, n) => {
        const frame = encodeSkipFrame({
          channelJson: JSON.stringify(channel),
          position,
          coveredRecordCount: n,
        });
        expectFrame(frame, { type: "skip", channel, position, ...(n > 1 && { n }) });
      }),
    );
  });

  const usage = { inputTokens: 3, outputTokens: 5, cachedInputTokens: 1, model: "m" };
  const place = { channel: "chat:1", position, executionId: "e" };
  test.each<ServerMessage>([
    { type: "execution_started", ...place, handler: "chat", sender: "ada" },
    { type: "execution_restarted", ...place, attempt: 2 },
    { type: "execution_completed", ...place, usage },
    { type: "execution_completed", ...place, usage: {} },
    { type: "execution_failed", ...place, usage, error: { code: "HANDLER_FAILED", message: 'It "failed"' } },
    { type: "execution_cancelled", ...place, usage, reason: "requested", sender: "ada" },
    { type: "execution_interrupted", ...place, usage, reason: "owner_lost" },
  ])("$type", (message) => {
    const { type, channel, position, executionId, sender, ...body } = message as ServerMessage & {
      type: `execution_${string}`;
      sender?: string;
    };
    const frame = encodeExecutionFrame({
      type,
      channelJson: JSON.stringify(channel),
      position,
      executionIdJson: JSON.stringify(executionId),
      bodyJson: JSON.stringify(toWireNames(body)),
      senderJson: sender === undefined ? undefined : JSON.stringify(sender),
    });
    expectFrame(frame, message);
  });
});

test("an empty execution body adds nothing", () => {
  const frame = { type: "execution_started", channelJson: '"c"', position, executionIdJson: '"e"' } as const;
  expect(encodeExecutionFrame({ ...frame, bodyJson: "{}" })).toBe(
    `{"type":"execution_started","channel":"c","position":"${position}","execution_id":"e"}`,
  );
  expect(() => encodeExecutionFrame({ ...frame, bodyJson: "[1]" })).toThrow(TypeError);
});

test("a body of any depth is framed, because it is never walked", () => {
  const bodyJson = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const frame = encodeMessageFrame({ channelJson: '"c"', position, bodyJson });
  expect(decodeServerMessage(frame)).toMatchObject({ type: "message", channel: "c" });
});
