import { expect, test } from "vitest";
import { pacedTokens } from "../paced-tokens.ts";
import { wordText } from "../words.ts";
import { AnswerReader } from "./answer-reader.ts";
import { parseSseAnswer } from "./sse-answer.ts";

test("an answer is put together out of merged chunks, and ends with its execution", async () => {
  const reader = new AnswerReader();
  const take = (message: object) => {
    const bytes = Buffer.from(JSON.stringify(message));
    reader.onText(bytes, 0, bytes.length);
  };
  take({ type: "execution_started", channel: "a" });
  take({ type: "chunk", position: "e.2.t", chunk: { type: "text-start", id: "0" } });
  take({
    type: "chunk",
    position: "e.4.t",
    n: 2,
    chunk: { type: "text-delta", id: "0", delta: " the rain" },
  });
  take({ type: "chunk", position: "e.5.t", chunk: { type: "text-delta", id: "0", delta: " é" } });
  take({ type: "execution_completed", channel: "a" });
  await reader.ended;
  expect(reader.text).toBe(" the rain é");
  expect(reader.recordCount).toBe(4);
  expect(reader.firstAtMs).toBeGreaterThan(0);
  expect(reader.endedAtMs).toBeGreaterThanOrEqual(reader.firstAtMs);
});

test("an answer over SSE is counted without its headers, with what HTTP adds to each event", () => {
  const headers = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  const events = [
    'data: {"type":"start"}\n\n',
    'data: {"type":"text-delta","id":"0","delta":" the"}\n\n',
    'data: {"type":"text-delta","id":"0","delta":" é"}\n\n',
    "data: [DONE]\n\n",
  ];
  const chunks = events.map((event) => `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
  const body = `${chunks.join("")}0\r\n\r\n`;
  const { text, byteCount } = parseSseAnswer(Buffer.from(headers + body));
  expect(text).toBe(" the é");
  expect(byteCount).toBe(Buffer.byteLength(body));
});

test("words are as long as a model's tokens, always the same, and come out of the source as they are", async () => {
  const text = wordText(10_000);
  expect(text.length / 10_000).toBeGreaterThan(4);
  expect(text.length / 10_000).toBeLessThan(5);
  const tokens: string[] = [];
  for await (const token of pacedTokens({ tokenCount: 50, tokensPerSec: 100_000, text: "words" }))
    tokens.push(token);
  expect(tokens.join("")).toBe(text.slice(0, tokens.join("").length));
});
