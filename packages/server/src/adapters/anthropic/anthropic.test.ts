import type { Chunk } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import { anthropic } from "../../executions/backends/anthropic.ts";
import type { ExecutionContext } from "../../executions/handler.ts";
import type { ServerOptions } from "../../server-options.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { everything } from "../openai/testing/openai-server.ts";

const body = { model: "everything", max_tokens: 100, messages: [{ role: "user", content: "Hello" }] };

interface Event {
  readonly type: string;
  readonly index?: number;
  readonly delta?: Readonly<Record<string, unknown>>;
  readonly usage?: object;
}

function eventsOf(text: string): Event[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "")
    .map((block) => {
      const [name, data] = block.split("\n");
      const event = JSON.parse(data!.slice("data: ".length)) as Event;
      expect(name).toBe(`event: ${event.type}`);
      return event;
    });
}

async function start(executions: NonNullable<ServerOptions["executions"]>): Promise<TestServer> {
  return startTestServer({ executions, security: { apiKey: "right" } });
}

const version = { "anthropic-version": "2023-06-01" };
const key = { ...version, "x-api-key": "right" };

describe("POST /v1/messages", () => {
  test("answers whole", async () => {
    const server = await start({ everything });
    const { status, json } = await server.post("/v1/messages", body, key);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      type: "message",
      role: "assistant",
      model: "everything",
      stop_reason: "end_turn",
      content: [
        { type: "thinking", thinking: "Let me think." },
        { type: "tool_use", id: "c1", name: "weather", input: { city: "Köln" } },
        { type: "text", text: "It is grey 🌧\n\r\u2028 there." },
      ],
      usage: { input_tokens: 4, output_tokens: 5, cache_read_input_tokens: 3 },
    });
  });

  test("answers in events: blocks are opened, filled and stopped in their order", async () => {
    const server = await start({ everything });
    const { text } = await server.post("/v1/messages", { ...body, stream: true }, key);
    const events = eventsOf(text);
    expect(
      events
        .map(({ type, index }) => `${type} ${index ?? ""}`.trim())
        .filter((name, at, all) => name !== all[at - 1]),
    ).toEqual([
      "message_start",
      "content_block_start 0",
      "content_block_delta 0",
      "content_block_stop 0",
      "content_block_start 1",
      "content_block_delta 1",
      "content_block_stop 1",
      "content_block_start 2",
      "content_block_delta 2",
      "content_block_stop 2",
      "message_delta",
      "message_stop",
    ]);
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: "end_turn" }, usage: { output_tokens: 5 } });
  });

  test("is understood by our own Anthropic backend, which asks this same server", async () => {
    const server = await start({
      everything,
      async relay(context) {
        return anthropic({ baseUrl: server.httpUrl("/v1"), model: "everything", apiKey: "right" })(context);
      },
    });
    const { json } = await server.post("/v1/messages", { ...body, model: "relay" }, key);
    expect(json).toMatchObject({
      content: [
        { type: "thinking", thinking: "Let me think." },
        { type: "tool_use", id: "c1", input: { city: "Köln" } },
        { type: "text", text: "It is grey 🌧\n\r\u2028 there." },
      ],
      usage: { input_tokens: 4, output_tokens: 5, cache_read_input_tokens: 3 },
    });
  });

  test("content blocks become what handlers take", async () => {
    const seen: unknown[] = [];
    const server = await start({
      async *watch({ input }: ExecutionContext<{ messages: unknown }>) {
        seen.push(input.messages);
        yield "ok";
      },
    });
    const messages = [
      { role: "user", content: [{ type: "text", text: "Hi" }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "" },
          { type: "text", text: "Wait" },
          { type: "tool_use", id: "c", name: "f", input: { a: 1 } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "42" }] },
    ];
    const system = [{ type: "text", text: "Be brief." }];
    await server.post("/v1/messages", { ...body, model: "watch", system, messages }, key);
    expect(seen).toEqual([
      [
        { role: "system", content: [{ type: "text", text: "Be brief." }] },
        { role: "user", content: [{ type: "text", text: "Hi" }] },
        {
          role: "assistant",
          content: [{ type: "text", text: "Wait" }],
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
        },
        { role: "user", content: "42", tool_call_id: "c" },
      ],
    ]);
  });

  test("an end that is none is an error event after the usage, and a status", async () => {
    const server = await start({
      async *broken({ usage }): AsyncGenerator<Chunk> {
        usage({ outputTokens: 1 });
        yield { type: "text-delta", id: "t", delta: "half" };
        throw new Error("secret");
      },
    });
    const stream = await server.post("/v1/messages", { ...body, model: "broken", stream: true }, key);
    expect(eventsOf(stream.text).slice(-2)).toMatchObject([
      { type: "message_delta", usage: { output_tokens: 1 } },
      { type: "error", error: { type: "api_error", code: "HANDLER_FAILED" } },
    ]);
    const whole = await server.post("/v1/messages", { ...body, model: "broken" }, key);
    expect(whole).toMatchObject({ status: 500, json: { type: "error", error: { type: "api_error" } } });
  });

  test("errors have Anthropic's shape", async () => {
    const server = await start({ everything });
    const errorOf = (type: string) => ({ json: { type: "error", error: { type } } });
    expect(await server.post("/v1/messages", body)).toMatchObject({
      status: 401,
      ...errorOf("authentication_error"),
    });
    const wrong = { ...version, "x-api-key": "wrong" };
    expect(await server.post("/v1/messages", body, wrong)).toMatchObject({ status: 401 });
    // A key that is no part of Anthropic's API is not looked at.
    expect(await server.post("/v1/messages", body, { "x-api-key": "right" })).toMatchObject({ status: 401 });
    expect(await server.post("/v1/messages", { ...body, model: "no" }, key)).toMatchObject({
      status: 404,
      ...errorOf("not_found_error"),
    });
    expect(await server.post("/v1/messages", { model: "everything" }, key)).toMatchObject({
      status: 400,
      ...errorOf("invalid_request_error"),
    });
  });
});
