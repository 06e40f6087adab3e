import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeServerMessage, encodeMessage } from "./codec.ts";
import { type ServerMessage, serverMessage } from "./schema/server-messages.ts";

const channel = "chat:42";
const position = "e.7.t";
const MESSAGES: ServerMessage[] = [
  {
    type: "welcome",
    connectionId: "c",
    sessionId: "s",
    clientId: "k",
    serverVersion: "0.1.0",
    resumed: false,
    reason: "expired_session",
    subscriptions: [
      { channel: "~all", position, recovered: true },
      { channel, recovered: false, reason: "forbidden" },
    ],
  },
  { type: "pong", ref: "1" },
  {
    type: "subscribed",
    channel,
    position,
    recovered: false,
    reason: "trimmed",
    initialState: { someKey: 1 },
  },
  { type: "unsubscribed", channel },
  { type: "receipt", ref: "1", status: "accepted", executionId: "e", channel },
  { type: "receipt", ref: "1", status: "rejected", error: { code: "FORBIDDEN", message: "Not allowed" } },
  { type: "message", channel, position, data: { some_key: 1, someKey: 2 }, sender: "k" },
  {
    type: "chunk",
    channel,
    position,
    n: 3,
    executionId: "e",
    chunk: { type: "text-delta", id: "0", delta: "a" },
  },
  { type: "skip", channel, position, n: 2 },
  { type: "execution_started", channel, position, executionId: "e", handler: "chat" },
  { type: "execution_restarted", channel, position, executionId: "e", attempt: 2 },
  { type: "execution_completed", channel, position, executionId: "e", usage: { inputTokens: 1, model: "m" } },
  {
    type: "execution_failed",
    channel,
    position,
    executionId: "e",
    usage: {},
    error: { code: "X", message: "Y" },
  },
  { type: "execution_cancelled", channel, position, executionId: "e", usage: {}, reason: "unwatched" },
  { type: "execution_interrupted", channel, position, executionId: "e", usage: {}, reason: "owner_lost" },
  { type: "reset", channel, reason: "epoch_changed", position },
  { type: "reconnect", inMs: 500, reason: "restarting" },
  { type: "error", code: "INVALID_MESSAGE", message: "Message is not JSON" },
  { type: "signal", channel, data: { typing: true }, sender: "k" },
  { type: "presence", channel, event: "members", members: [{ clientId: "k", state: { isTyping: 1 } }] },
  { type: "authenticated", ref: "2" },
  { type: "custom", ref: "3", action: "echo", payload: { aB: 1 } },
];

test("there is a sample of every message of the server", () => {
  const types = serverMessage.options.map((option) => option.shape.type.value);
  expect(new Set(MESSAGES.map((message) => message.type))).toEqual(new Set(types));
});

test.each(MESSAGES)("MSG-2 $type goes out in snake_case and comes back the same", (message) => {
  const text = encodeMessage(message);
  const { data: _, payload: __, initial_state: ___, members: ____, ...envelope } = JSON.parse(text);
  expect(JSON.stringify(envelope)).not.toMatch(/"[a-z_]*[A-Z][a-zA-Z]*":/);
  expect(decodeServerMessage(text)).toEqual(message);
  expect(serverMessage.safeParse(decodeServerMessage(text)).error).toBeUndefined();
});

test("MSG-3 a message of a newer server passes; what is no message does not", () => {
  expect(decodeServerMessage('{"type":"new_thing","some_field":1}')).toEqual({
    type: "new_thing",
    someField: 1,
  });
  for (const text of ["", "{", "null", "7", "[]", "{}", '{"type":1}']) {
    expect(decodeServerMessage(text)).toBeUndefined();
  }
});

test("any text is survived", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => void decodeServerMessage(text)),
  );
  const deep = `{"type":"x","usage":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  expect(decodeServerMessage(deep)).toMatchObject({ type: "x" });
});
