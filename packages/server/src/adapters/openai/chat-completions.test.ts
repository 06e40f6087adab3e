import type { Chunk } from "@tachikoma/protocol";
import {
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import { describe, expect, test } from "vitest";
import { openAiCompatible } from "../../executions/backends/openai-compatible.ts";
import type { ExecutionContext } from "../../executions/handler.ts";
import { within } from "../../gateway/websocket/testing/deadline.ts";
import { everything, startOpenAi } from "./testing/openai-server.ts";

const messages = [{ role: "user" as const, content: "What is the weather?" }];

async function* echo({ input }: ExecutionContext<{ messages: { role: string; content: string }[] }>) {
  for (const { role, content } of input.messages) yield `${role}: ${content}\n`;
}

async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe("an answer", () => {
  test("comes whole", async () => {
    const { client } = await startOpenAi({ everything });
    const completion = await client.chat.completions.create({ model: "everything", messages });
    expect(completion).toMatchObject({
      object: "chat.completion",
      model: "everything",
      choices: [
        {
          index: 0,
          finish_reason: "stop",
          message: {
            role: "assistant",
            content: "It is grey 🌧\n\r\u2028 there.",
            reasoning_content: "Let me think.",
            tool_calls: [
              { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Köln"}' } },
            ],
          },
        },
      ],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 5,
        total_tokens: 12,
        prompt_tokens_details: { cached_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
    });
    expect(completion.id).toMatch(/^chatcmpl-[0-9a-z]{12}$/);
  });

  test("comes in pieces, with usage where it is asked for", async () => {
    const { client } = await startOpenAi({ everything });
    const stream = await client.chat.completions.create({
      model: "everything",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 12 } });
    expect(chunks.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: "stop" });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test("is put together by the stock helper as it was said", async () => {
    const { client } = await startOpenAi({ everything });
    const final = await client.chat.completions
      .stream({ model: "everything", messages })
      .finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe("It is grey 🌧\n\r\u2028 there.");
    expect(final.choices[0]?.message.tool_calls).toMatchObject([
      { id: "c1", function: { name: "weather", arguments: '{"city":"Köln"}' } },
    ]);
  });

  test("calls for the client to run end with tool_calls, also where their input comes whole", async () => {
    const { client } = await startOpenAi({
      async *calls(): AsyncGenerator<Chunk> {
        yield { type: "tool-input-available", toolCallId: "a", toolName: "first", input: { n: 1 } };
        yield { type: "tool-input-available", toolCallId: "b", toolName: "second", input: {} };
        yield { type: "finish", finishReason: "tool-calls" };
      },
    });
    const final = await client.chat.completions.stream({ model: "calls", messages }).finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        tool_calls: [
          { id: "a", function: { name: "first", arguments: '{"n":1}' } },
          { id: "b", function: { name: "second", arguments: "{}" } },
        ],
      },
    });
  });

  test("roles of OpenAI become those that backends take, and everything else is there for handlers", async () => {
    const seen: unknown[] = [];
    const { client } = await startOpenAi({
      async *watch({ input }) {
        seen.push(input);
        yield "ok";
      },
    });
    await client.chat.completions.create({
      model: "watch",
      temperature: 0.5,
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: "Hi" }] },
        {
          role: "assistant",
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "c", content: "42" },
      ],
    });
    expect(seen).toEqual([
      {
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: [{ type: "text", text: "Hi" }] },
          {
            role: "assistant",
            content: "",
            tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "user", content: "42", tool_call_id: "c" },
        ],
        parameters: { temperature: 0.5 },
      },
    ]);
  });

  test("comes from a backend that asks this same server over this same API", async () => {
    const { server, client } = await startOpenAi({
      echo,
      async relay(context) {
        return openAiCompatible({ baseUrl: server.httpUrl("/v1"), model: "echo" })(context);
      },
    });
    const completion = await client.chat.completions.create({ model: "relay", messages });
    expect(completion.choices[0]?.message.content).toBe("user: What is the weather?\n");
  });
});

describe("life of the execution", () => {
  test("a client that leaves does not stop it, and the same key finds it again", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const goOn = Promise.withResolvers<void>();
    let runCount = 0;
    const { client } = await startOpenAi({
      async *slow({ signal }) {
        runCount += 1;
        yield "one ";
        begun.resolve(signal);
        await goOn.promise;
        yield "two";
      },
    });
    const request = { model: "slow", messages, stream: true as const };
    const options = { idempotencyKey: "k1", headers: { "Idempotency-Key": "k1" } };
    const first = await client.chat.completions.create(request, options);
    const signal = await within("the handler to begin", begun.promise);
    first.controller.abort();
    goOn.resolve();
    const again = await collect(await client.chat.completions.create(request, options));
    expect(again.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe("one two");
    expect(signal.aborted && signal.reason.message).not.toBe("Execution cancelled");
    expect(runCount).toBe(1);
  });

  test("a cancel from anywhere ends the stream with its usage and an error, and the whole with an error", async () => {
    const { client, server } = await startOpenAi({
      async *endless({ signal, usage }) {
        usage({ inputTokens: 1, outputTokens: 2 });
        yield "half";
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    const device = await server.welcomed("/ws?client_id=phone");
    const whole = client.chat.completions
      .create({ model: "endless", messages }, { headers: { "Idempotency-Key": "k" } })
      .catch((cause: unknown) => cause);
    const stream = await client.chat.completions.create(
      { model: "endless", messages, stream: true, stream_options: { include_usage: true } },
      { headers: { "Idempotency-Key": "k" } },
    );
    const chunks: ChatCompletionChunk[] = [];
    const failure = await (async () => {
      for await (const chunk of stream) {
        chunks.push(chunk);
        const id = chunk.id.replace("chatcmpl-", "");
        if (chunks.length === 1) device.send({ type: "cancel", id: "c", execution_id: id });
      }
    })().catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: "EXECUTION_CANCELLED" });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } });
    expect(await within("the whole", whole)).toMatchObject({ status: 409, code: "EXECUTION_CANCELLED" });
  });

  test("with on_unwatched=cancel, a client that leaves stops the handler", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const { client } = await startOpenAi({
      async *endless({ signal }) {
        yield "one ";
        begun.resolve(signal);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    const stream = await client.chat.completions.create(
      { model: "endless", messages, stream: true },
      { query: { on_unwatched: "cancel" } },
    );
    const signal = await within("the handler to begin", begun.promise);
    expect(signal.aborted).toBe(false);
    const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve));
    stream.controller.abort();
    await within("the handler to be stopped", stopped);
  });
});

describe("errors", () => {
  test("an unknown model is a NotFoundError with our code", async () => {
    const { client } = await startOpenAi({ echo });
    const failure = await client.chat.completions
      .create({ model: "gpt-9", messages })
      .catch((cause) => cause);
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure).toMatchObject({ status: 404, code: "UNKNOWN_HANDLER", type: "invalid_request_error" });
    expect(failure.message).toContain("gpt-9");
  });

  test("a wrong key is an AuthenticationError", async () => {
    const { client } = await startOpenAi({ echo }, { security: { apiKey: "right" }, key: "wrong" });
    const failure = await client.chat.completions.create({ model: "echo", messages }).catch((cause) => cause);
    expect(failure).toBeInstanceOf(AuthenticationError);
    expect(failure).toMatchObject({ code: "UNAUTHORIZED", type: "authentication_error" });
  });

  test("the right key is let in", async () => {
    const { client } = await startOpenAi({ echo }, { security: { apiKey: "right" }, key: "right" });
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["echo"]);
  });

  test("too many executions are a RateLimitError", async () => {
    const { client } = await startOpenAi(
      {
        async *endless({ signal }) {
          yield "one";
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
      { limits: { maxRunningExecutions: 1 } },
    );
    await client.chat.completions.create({ model: "endless", messages, stream: true });
    const failure = await client.chat.completions
      .create({ model: "endless", messages })
      .catch((cause) => cause);
    expect(failure).toBeInstanceOf(RateLimitError);
    expect(failure.code).toBe("TOO_MANY_EXECUTIONS");
  });

  test("what is wrong is named", async () => {
    const { client } = await startOpenAi({ echo });
    const failure = await client.chat.completions
      .create({ model: "echo", messages: [...messages, { role: "robot" as "user", content: "" }] })
      .catch((cause) => cause);
    expect(failure).toBeInstanceOf(BadRequestError);
    expect(failure).toMatchObject({ code: "INVALID_MESSAGE", param: "messages[1].role" });
    const many = await client.chat.completions
      .create({ model: "echo", messages, n: 2 })
      .catch((cause) => cause);
    expect(many).toMatchObject({ status: 400, param: "n" });
  });

  test("a handler that fails is an error, whole and in pieces, and never looks complete", async () => {
    const { client } = await startOpenAi({
      async *broken() {
        yield "half an";
        throw new Error("secret");
      },
    });
    const whole = await client.chat.completions.create({ model: "broken", messages }).catch((cause) => cause);
    expect(whole).toBeInstanceOf(InternalServerError);
    expect(whole).toMatchObject({ code: "HANDLER_FAILED", message: "500 The handler failed" });
    expect(whole.headers.get("x-should-retry")).toBe("false");
    const stream = await client.chat.completions.create({ model: "broken", messages, stream: true });
    const texts: string[] = [];
    const failure = await (async () => {
      for await (const { choices } of stream) texts.push(choices[0]?.delta.content ?? "");
    })().catch((cause: unknown) => cause);
    expect(texts.join("")).toBe("half an");
    expect(failure).toMatchObject({ code: "HANDLER_FAILED" });
  });

  test("a step that is retried after it was shown ends the stream, and is whole where it was not", async () => {
    const { client } = await startOpenAi({
      async *retrying(): AsyncGenerator<Chunk> {
        yield { type: "start-step" };
        yield { type: "text-delta", id: "t", delta: "wrong" };
        yield { type: "reset-step" };
        yield { type: "text-delta", id: "t", delta: "right" };
        yield { type: "finish-step" };
      },
    });
    const whole = await client.chat.completions.create({ model: "retrying", messages });
    expect(whole.choices[0]?.message.content).toBe("right");
    const stream = await client.chat.completions.create({ model: "retrying", messages, stream: true });
    await expect(collect(stream)).rejects.toMatchObject({ code: "EXECUTION_RESTARTED" });
  });

  test("another method, in OpenAI's shape", async () => {
    const { server } = await startOpenAi({ echo });
    const answer = await server.http("/v1/chat/completions");
    expect(answer).toMatchObject({
      status: 405,
      json: { error: { code: "METHOD_NOT_ALLOWED", type: "invalid_request_error", param: null } },
    });
  });

  test("models", async () => {
    const { client } = await startOpenAi({ echo, everything });
    expect(await client.models.retrieve("echo")).toMatchObject({ id: "echo", object: "model" });
    await expect(client.models.retrieve("nothing")).rejects.toBeInstanceOf(NotFoundError);
  });
});
