import type { Chunk } from "@tachikoma/protocol";
import { BadRequestError, NotFoundError } from "openai";
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import { describe, expect, test } from "vitest";
import type { ExecutionContext } from "../../executions/handler.ts";
import { within } from "../../gateway/websocket/testing/deadline.ts";
import { everything, startOpenAi } from "./testing/openai-server.ts";

async function* echo({ input }: ExecutionContext<{ messages: { role: string; content: unknown }[] }>) {
  yield input.messages.map(({ role, content }) => `${role}: ${content}`).join(" | ");
}

async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const numbersOf = (events: readonly ResponseStreamEvent[]) =>
  events.map((event) => ("sequence_number" in event ? event.sequence_number : undefined));

function lastResponse(events: readonly ResponseStreamEvent[]): Response {
  const last = events.at(-1)!;
  if (!("response" in last)) throw new Error(`The last event is ${JSON.stringify(last)}`);
  return last.response;
}

describe("an answer", () => {
  test("comes whole", async () => {
    const { client } = await startOpenAi({ everything });
    const response = await client.responses.create({
      model: "everything",
      input: "What is the weather?",
      instructions: "Be brief.",
      metadata: { ticket: "7" },
      temperature: 0.5,
    });
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      output_text: "It is grey 🌧\n\r\u2028 there.",
      model: "everything",
      instructions: "Be brief.",
      metadata: { ticket: "7" },
      temperature: 0.5,
      background: false,
      error: null,
      output: [
        { type: "reasoning", content: [{ type: "reasoning_text", text: "Let me think." }] },
        { type: "function_call", call_id: "c1", name: "weather", arguments: '{"city":"Köln"}' },
        { type: "function_call_output", call_id: "c1", output: '{"sky":"grey"}' },
        { type: "message", role: "assistant", status: "completed" },
      ],
      usage: {
        input_tokens: 7,
        output_tokens: 5,
        total_tokens: 12,
        input_tokens_details: { cached_tokens: 3 },
        output_tokens_details: { reasoning_tokens: 2 },
      },
    });
    expect(await client.responses.retrieve(response.id)).toEqual(response);
  });

  test("comes in events that the stock helper takes, and adds up to the same", async () => {
    const { client } = await startOpenAi({ everything });
    const stream = client.responses.stream({ model: "everything", input: "Hello" });
    const events = await collect(stream);
    const final = await stream.finalResponse();
    expect(numbersOf(events)).toEqual(events.map((_, index) => index));
    // How many deltas there are is the log's business: those that come together are one.
    const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    expect(types).toMatchInlineSnapshot(`
      [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]
    `);
    expect(final.output_text).toBe("It is grey 🌧\n\r\u2028 there.");
    const retrieved = await client.responses.retrieve(final.id);
    expect(final.output).toMatchObject(retrieved.output);
    expect(lastResponse(events).status).toBe("completed");
  });

  test("what is asked is text or items, after instructions", async () => {
    const { client } = await startOpenAi({ echo });
    const response = await client.responses.create({
      model: "echo",
      instructions: "Be brief.",
      input: [
        { role: "developer", content: "Rules" },
        { role: "user", content: "Hi" },
        { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "42" },
      ],
    });
    expect(response.output_text).toBe(
      "system: Be brief. | system: Rules | user: Hi | assistant:  | user: 42",
    );
  });

  test("a conversation goes on from a former response, without its instructions", async () => {
    const { client } = await startOpenAi({ echo });
    const first = await client.responses.create({ model: "echo", instructions: "A", input: "one" });
    const second = await client.responses.create({
      model: "echo",
      input: "two",
      previous_response_id: first.id,
    });
    expect(second.output_text).toBe("user: one | assistant: system: A | user: one | user: two");
    expect(second.previous_response_id).toBe(first.id);
    const third = await client.responses.create({
      model: "echo",
      input: "three",
      previous_response_id: second.id,
    });
    expect(third.output_text).toBe(
      `user: one | assistant: system: A | user: one | user: two | assistant: ${second.output_text} | user: three`,
    );
  });

  test("with store: false it is not found again", async () => {
    const { client } = await startOpenAi({ echo });
    const response = await client.responses.create({ model: "echo", input: "one", store: false });
    expect(response.output_text).toBe("user: one");
    await expect(client.responses.retrieve(response.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.responses.cancel(response.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(
      client.responses.create({ model: "echo", input: "two", previous_response_id: response.id }),
    ).rejects.toBeInstanceOf(NotFoundError);
  });

  test("the same key is the same response", async () => {
    const { client } = await startOpenAi({ echo });
    const options = { headers: { "Idempotency-Key": "k" } };
    const first = await client.responses.create({ model: "echo", input: "one" }, options);
    expect(await client.responses.create({ model: "echo", input: "one" }, options)).toEqual(first);
  });
});

/** Yields one word each time it is told to, and counts how often it ran. */
function stepwise(words: readonly string[]) {
  const steps = words.map(() => Promise.withResolvers<void>());
  const state = { runCount: 0, aborted: Promise.withResolvers<unknown>() };
  return {
    state,
    release: (count = words.length) => {
      for (const step of steps.slice(0, count)) step.resolve();
    },
    async *handler({ signal, usage }: ExecutionContext) {
      state.runCount += 1;
      signal.addEventListener("abort", () => state.aborted.resolve(signal.reason));
      const gone = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      for (const [index, word] of words.entries()) {
        await Promise.race([steps[index]!.promise, gone]);
        if (signal.aborted) return;
        usage({ inputTokens: 1, outputTokens: index + 1 });
        yield word;
      }
    },
  };
}

describe("in the background", () => {
  test("it goes on by itself and is looked at until it has ended", async () => {
    const { handler, release } = stepwise(["one ", "two"]);
    const { client } = await startOpenAi({ slow: handler });
    const begun = await client.responses.create({ model: "slow", input: "go", background: true });
    expect(begun).toMatchObject({ status: "in_progress", background: true, usage: null });
    release();
    let response = begun;
    const endMs = performance.now() + 5_000;
    while (response.status === "in_progress" && performance.now() < endMs)
      response = await client.responses.retrieve(begun.id);
    expect(response).toMatchObject({ status: "completed", output_text: "one two" });
  });

  test("a connection that is cut after any event is followed by the rest, nothing twice, nothing missing", async () => {
    const words = ["The ", "quick ", "brown ", "fox 🦊", " jumps"];
    const { handler, release, state } = stepwise(words);
    const { client } = await startOpenAi({ slow: handler });
    const events: ResponseStreamEvent[] = [];
    let stream = await client.responses.create({
      model: "slow",
      input: "go",
      background: true,
      stream: true,
    });
    let id = "";
    for (let cutCount = 0; events.at(-1)?.type !== "response.completed"; cutCount += 1) {
      const { value: event, done } = await within("the next event", stream[Symbol.asyncIterator]().next());
      if (done === true) throw new Error(`Ended after ${JSON.stringify(events.at(-1))}`);
      events.push(event);
      if (event.type === "response.created") id = event.response.id;
      stream.controller.abort();
      release(cutCount);
      const after = numbersOf(events).at(-1)!;
      if (event.type !== "response.completed")
        stream = await client.responses.retrieve(id, { stream: true, starting_after: after });
    }
    expect(numbersOf(events)).toEqual(events.map((_, index) => index));
    const deltas = events.flatMap((event) =>
      event.type === "response.output_text.delta" ? [event.delta] : [],
    );
    expect(deltas.join("")).toBe(words.join(""));
    expect(lastResponse(events)).toMatchObject({ status: "completed", usage: { output_tokens: 5 } });
    expect(state.runCount).toBe(1);
    // And the whole of it again.
    expect(await collect(await client.responses.retrieve(id, { stream: true }))).toEqual(events);
    const helped = client.responses.stream({ response_id: id, starting_after: 5 });
    expect(await collect(helped)).toHaveLength(events.length - 6);
    expect((await helped.finalResponse()).output_text).toBe(words.join(""));
  });

  test("a cancel stops the handler, after a cut and a resume too, and keeps what was said and used", async () => {
    const { handler, release, state } = stepwise(["one ", "two ", "three"]);
    const { client } = await startOpenAi({ slow: handler });
    release(1);
    const stream = await client.responses.create({
      model: "slow",
      input: "go",
      background: true,
      stream: true,
    });
    let created: Response | undefined;
    let number = -1;
    for await (const event of stream) {
      if (event.type === "response.created") created = event.response;
      number = event.sequence_number;
      if (event.type === "response.output_text.delta") break;
    }
    const id = created!.id;
    const resumed = collect(await client.responses.retrieve(id, { stream: true, starting_after: number }));
    const cancelled = await client.responses.cancel(id);
    expect(cancelled).toMatchObject({
      status: "cancelled",
      output: [{ type: "message", status: "incomplete", content: [{ text: "one " }] }],
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    });
    await within("the handler to be stopped", state.aborted.promise);
    expect(lastResponse(await within("the end", resumed))).toEqual(
      expect.objectContaining({ id, status: "cancelled" }),
    );
    expect(await client.responses.cancel(id)).toEqual(cancelled);
    expect(await client.responses.retrieve(id)).toMatchObject({ ...cancelled });
  });
});

describe("ends that are none", () => {
  test("a handler that fails: whole, in events, and when it is looked at again", async () => {
    const { client } = await startOpenAi({
      async *broken() {
        yield "half an";
        throw new Error("secret");
      },
    });
    const whole = await client.responses.create({ model: "broken", input: "go" });
    const failed = { status: "failed", error: { code: "HANDLER_FAILED", message: "The handler failed" } };
    expect(whole).toMatchObject({ ...failed, output_text: "half an" });
    const events = await collect(
      await client.responses.create({ model: "broken", input: "go", stream: true }),
    );
    expect(events.at(-1)?.type).toBe("response.failed");
    expect(lastResponse(events)).toMatchObject(failed);
  });

  test("a length that was reached is incomplete", async () => {
    const { client } = await startOpenAi({
      async *long(): AsyncGenerator<Chunk> {
        yield { type: "text-delta", id: "t", delta: "so l" };
        yield { type: "finish", finishReason: "length" };
      },
    });
    const stream = client.responses.stream({ model: "long", input: "go" });
    expect(await stream.finalResponse()).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output_text: "so l",
    });
  });

  test("a step that is retried does not stand in the response, and its items are left incomplete", async () => {
    const { client } = await startOpenAi({
      async *retrying(): AsyncGenerator<Chunk> {
        yield { type: "start-step" };
        yield { type: "text-delta", id: "t", delta: "first" };
        yield { type: "text-end", id: "t" };
        yield { type: "finish-step" };
        yield { type: "start-step" };
        yield { type: "tool-input-start", toolCallId: "c", toolName: "f" };
        yield { type: "text-delta", id: "t", delta: "wrong" };
        yield { type: "reset-step" };
        yield { type: "tool-input-available", toolCallId: "c", toolName: "f", input: {} };
        yield { type: "text-delta", id: "t", delta: "right" };
        yield { type: "finish-step" };
      },
    });
    const stream = client.responses.stream({ model: "retrying", input: "go" });
    const final = await stream.finalResponse();
    expect(final.output.map(({ type }) => type)).toEqual(["message", "function_call", "message"]);
    expect(final.output_text).toBe("firstright");
  });

  test("usage is told also where the server stops the execution", async () => {
    const { handler, release } = stepwise(["one ", "two"]);
    const { client, server } = await startOpenAi({ slow: handler });
    release(1);
    const stream = await client.responses.create({ model: "slow", input: "go", stream: true });
    const events: ResponseStreamEvent[] = [];
    for await (const event of stream) {
      events.push(event);
      if (event.type === "response.output_text.delta") void server.server.close({ graceMs: 0 });
    }
    expect(events.at(-1)?.type).toBe("response.incomplete");
    expect(lastResponse(events)).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "interrupted" },
      usage: { output_tokens: 1 },
    });
  });
});

describe("errors", () => {
  test("what is not there is a NotFoundError", async () => {
    const { client } = await startOpenAi({ echo });
    for (const id of ["resp_000000000000", "resp_", "nothing", "resp_../../x", `resp_${"a".repeat(5_000)}`]) {
      const failure = await client.responses.retrieve(id).catch((cause) => cause);
      expect(failure).toBeInstanceOf(NotFoundError);
      expect(failure.code).toMatch(/^(UNKNOWN_EXECUTION|NOT_FOUND)$/);
    }
    await expect(client.responses.create({ model: "none", input: "x" })).rejects.toMatchObject({
      status: 404,
      code: "UNKNOWN_HANDLER",
    });
  });

  test("what contradicts itself is a BadRequestError that names the parameter", async () => {
    const { handler } = stepwise(["one"]);
    const { client } = await startOpenAi({ echo, slow: handler });
    const faults = [
      [{ model: "echo", input: "x", background: true, store: false }, "store"],
      [{ model: "echo", input: [{ type: "computer_call" }] }, "input[0].type"],
      [
        { model: "echo", input: [{ role: "user", content: [{ type: "input_text" }] }] },
        "input[0].content[0].text",
      ],
      [{ model: "echo" }, "input"],
    ] as const;
    for (const [body, param] of faults) {
      const failure = await client.responses.create(body as never).catch((cause) => cause);
      expect(failure).toBeInstanceOf(BadRequestError);
      expect(failure).toMatchObject({ code: "INVALID_MESSAGE", param });
    }
    const running = await client.responses.create({ model: "slow", input: "x", background: true });
    await expect(
      client.responses.create({ model: "echo", input: "x", previous_response_id: running.id }),
    ).rejects.toMatchObject({ param: "previous_response_id" });
    await client.responses.cancel(running.id);
  });

  test("a number beyond the newest event is told, and not waited for", async () => {
    const { client } = await startOpenAi({ echo });
    const { id } = await client.responses.create({ model: "echo", input: "x" });
    const stream = await client.responses.retrieve(id, { stream: true, starting_after: 1_000 });
    await expect(collect(stream)).rejects.toMatchObject({ code: "INVALID_POSITION" });
    await expect(client.responses.retrieve(id, { stream: true, starting_after: -2 })).rejects.toMatchObject({
      status: 400,
      param: "starting_after",
    });
  });

  test("a response whose beginning is trimmed is not made up from its rest", async () => {
    const { client } = await startOpenAi(
      {
        async *long(): AsyncGenerator<Chunk> {
          for (let number = 0; number < 300; number += 1)
            yield { type: "text-delta", id: `t${number}`, delta: `${number} ` };
        },
      },
      { channels: { execution: { history: { records: 10 } } } },
    );
    const { id } = await client.responses.create({ model: "long", input: "x", background: true });
    const endMs = performance.now() + 5_000;
    let failure: unknown;
    while (failure === undefined && performance.now() < endMs)
      failure = await client.responses.retrieve(id).then(
        () => undefined,
        (cause) => cause,
      );
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(String(failure)).toContain("no longer retained");
  });

  test("what is too large to be kept is refused with its limit", async () => {
    const { client } = await startOpenAi({ echo }, { channels: { execution: { maxRecordBytes: 2_000 } } });
    await expect(client.responses.create({ model: "echo", input: "x".repeat(3_000) })).rejects.toMatchObject({
      status: 413,
      code: "RECORD_TOO_LARGE",
    });
    const unstored = await client.responses.create({ model: "echo", input: "x".repeat(1_000), store: false });
    expect(unstored.status).toBe("completed");
  });
});
