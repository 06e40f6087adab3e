import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Chunk, ErrorCode } from "@tachikoma/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Handler } from "../handler.ts";
import type { EndpointOptions } from "./endpoint-options.ts";
import { openAiCompatible } from "./openai-compatible.ts";
import { BackendBench, CANARY_KEY } from "./testing/backend-bench.ts";
import {
  chunkReader,
  eventually,
  inTime,
  outcomeOf,
  proseOf,
  testExecution,
} from "./testing/execution-context.ts";
import type { ScriptedResponse, Step } from "./testing/mock-upstream.ts";
import { claude, openAi } from "./testing/upstream-scripts.ts";

interface Family {
  readonly name: string;
  readonly handler: (options?: Partial<EndpointOptions>) => Handler;
  /** Events that begin an answer and say this. */
  readonly begin: (text: string) => string[];
  readonly answer: (...texts: string[]) => string[];
  readonly error: (type: string, message: string) => string;
}

let bench: BackendBench;
beforeEach(async () => {
  bench = await BackendBench.start();
});
afterEach(() => bench.close());

const families: Family[] = [
  {
    name: "openai-compatible",
    handler: (options) => bench.openAi(options),
    begin: (text) => [openAi.text(text)],
    answer: openAi.answer,
    error: openAi.error,
  },
  {
    name: "anthropic",
    handler: (options) => bench.anthropic(options),
    begin: (text) => claude.answer(text).slice(0, 3),
    answer: claude.answer,
    error: claude.error,
  },
];

const json = (body: unknown) => [JSON.stringify(body)];

function run(handler: Handler) {
  return outcomeOf(handler(testExecution("Hi").context));
}

async function readUntil(reader: AsyncIterator<Chunk>, type: Chunk["type"]): Promise<void> {
  for (;;) {
    const { done, value } = await inTime(`a chunk ${type}`, reader.next());
    if (done) throw new Error(`The stream ended before ${type}`);
    if (value.type === type) return;
  }
}

describe.each(families)("$name: before the first token", (family) => {
  test.each<[what: string, fault: ScriptedResponse | "cut"]>([
    ["cut without a header", "cut"],
    ["status 500", { status: 500, steps: ["oops"] }],
    ["status 503", { status: 503, headers: { "retry-after": "2" }, steps: [] }],
    ["status 429", { status: 429, headers: { "retry-after": "3" }, steps: [] }],
    [
      "status 429 until a date",
      { status: 429, headers: { "retry-after": "Tue, 01 Jan 2030 00:00:05 GMT" }, steps: [] },
    ],
    [
      "status 529",
      { status: 529, steps: json({ error: { type: "overloaded_error", message: "Overloaded" } }) },
    ],
    ["cut after the header", { steps: [": hello\n\n", "cut"] }],
    ["the end after the header", { steps: [] }],
  ])("%s is tried again", async (_what, fault) => {
    bench.upstream.script(fault, { steps: family.answer("at last") });
    const outcome = run(family.handler());
    await bench.passRetries(1);
    const { chunks, error } = await inTime("the answer", outcome);
    expect(error).toBeUndefined();
    expect(proseOf(chunks)).toBe("at last");
    expect(chunks.filter((chunk) => chunk.type === "start")).toHaveLength(1);
    expect(bench.upstream.requests).toHaveLength(2);
  });

  test("an overload reported inside the stream is tried again", async () => {
    bench.upstream.script(
      { steps: [family.error("overloaded_error", "Overloaded")] },
      { steps: family.answer("at last") },
    );
    const outcome = run(family.handler());
    await bench.passRetries(1);
    expect(proseOf((await inTime("the answer", outcome)).chunks)).toBe("at last");
  });

  test("three attempts are all", async () => {
    bench.upstream.script(...Array.from({ length: 9 }, () => ({ status: 500, steps: [] })));
    const outcome = run(family.handler());
    await bench.passRetries(3);
    const { chunks, error } = await inTime("the failure", outcome);
    expect(error).toMatchObject({ code: "UPSTREAM_FAILED", message: expect.stringContaining("status 500") });
    expect(chunks.map((chunk) => chunk.type)).toEqual(["start", "start-step"]);
    expect(bench.upstream.requests).toHaveLength(3);
  });

  test("a retry waits as long as it was told to", async () => {
    bench.upstream.script(
      { status: 429, headers: { "retry-after": "3" }, steps: [] },
      { steps: family.answer("at last") },
    );
    const outcome = run(family.handler());
    await eventually("the fault is logged", () => bench.logger.lines.length === 1);
    await bench.clock.advance(3_249);
    expect(bench.upstream.requests).toHaveLength(1);
    await bench.clock.advance(1);
    expect(proseOf((await inTime("the answer", outcome)).chunks)).toBe("at last");
  });

  test.each<[what: string, fault: ScriptedResponse, code: ErrorCode, message: RegExp]>([
    [
      "401",
      { status: 401, steps: json({ error: { message: `Bad key ${CANARY_KEY}` } }) },
      "UPSTREAM_UNAUTHORIZED",
      /status 401$/,
    ],
    ["403", { status: 403, steps: [] }, "UPSTREAM_UNAUTHORIZED", /status 403$/],
    [
      "400",
      { status: 400, steps: json({ error: { message: "context\ntoo long" } }) },
      "UPSTREAM_REJECTED",
      /status 400, context too long$/,
    ],
    ["404 without JSON", { status: 404, steps: ["<html>no</html>"] }, "UPSTREAM_REJECTED", /status 404$/],
    [
      "404 as Ollama says it",
      { status: 404, steps: json({ error: "model 'x' not found" }) },
      "UPSTREAM_REJECTED",
      /model 'x' not found$/,
    ],
    [
      "a refusal that is cut",
      { status: 400, steps: ['{"error":', "cut"] },
      "UPSTREAM_REJECTED",
      /status 400$/,
    ],
    [
      "a redirect",
      { status: 307, headers: { location: "http://127.0.0.1:9/" }, steps: [] },
      "UPSTREAM_REJECTED",
      /status 307, and redirects are not followed/,
    ],
    [
      "429 for too long",
      { status: 429, headers: { "retry-after": "3600" }, steps: json({ error: { message: "Slow down" } }) },
      "UPSTREAM_RATE_LIMITED",
      /status 429, Slow down$/,
    ],
    [
      "429 without quota",
      { status: 429, steps: json({ error: { message: "Pay", code: "insufficient_quota" } }) },
      "UPSTREAM_RATE_LIMITED",
      /Pay$/,
    ],
    [
      "no event stream",
      { headers: { "content-type": "application/json; charset=utf-8" }, steps: ["{}"] },
      "UPSTREAM_INVALID",
      /expected text\/event-stream, got application\/json$/,
    ],
    ["no JSON in an event", { steps: ["data: {nonsense\n\n"] }, "UPSTREAM_INVALID", /not a JSON object$/],
    ["no object in an event", { steps: ["data: [1]\n\n"] }, "UPSTREAM_INVALID", /not a JSON object$/],
  ])("%s is final", async (_what, fault, code, message) => {
    bench.upstream.script(fault, { steps: family.answer("never") });
    const { error } = await inTime("the failure", run(family.handler()));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(bench.upstream.requests).toHaveLength(1);
    expect(bench.clock.pendingTimerCount).toBe(0);
  });

  test("no header in time", async () => {
    bench.upstream.script("hang");
    const outcome = run(family.handler({ limits: { firstByteTimeoutMs: 30_000 } }));
    await bench.upstream.received(1);
    await bench.clock.advance(29_999);
    expect(bench.logger.lines).toHaveLength(0);
    await bench.clock.advance(1);
    const { error } = await inTime("the timeout", outcome);
    expect(error).toMatchObject({ code: "UPSTREAM_TIMEOUT", message: expect.stringContaining("30000 ms") });
    await inTime("the request to be dropped", bench.upstream.requests[0]?.closed ?? Promise.reject());
  });

  test("no byte after the header in time", async () => {
    bench.upstream.script({ steps: ["hang"] });
    const outcome = run(family.handler());
    await bench.upstream.received(1);
    await bench.clock.advance(120_000);
    expect((await inTime("the timeout", outcome)).error).toMatchObject({ code: "UPSTREAM_TIMEOUT" });
  });

  test("a refusal whose text never ends does not hold anything up", async () => {
    bench.upstream.script({ status: 400, steps: ['{"error":', "hang"] });
    const outcome = run(family.handler());
    await bench.upstream.received(1);
    await bench.clock.advance(120_000);
    const { error } = await inTime("the failure", outcome);
    expect(error).toMatchObject({ code: expect.stringMatching(/^UPSTREAM_(REJECTED|TIMEOUT)$/) });
  });
});

describe.each(families)("$name: in mid-stream", (family) => {
  const brokenBy = async (...steps: Step[]) => {
    bench.upstream.script(
      { steps: [...family.begin("Half an ans"), ...steps] },
      { steps: family.answer("never") },
    );
    return inTime("the failure", run(family.handler()));
  };

  test.each<[what: string, steps: Step[], code: ErrorCode]>([
    ["a cut", ["cut"], "UPSTREAM_CUT"],
    ["a reset", ["reset"], "UPSTREAM_CUT"],
    ["an orderly end of the body", [], "UPSTREAM_CUT"],
    ["an end inside an event", ['data: {"type":"mess'], "UPSTREAM_CUT"],
    ["an event that is no JSON", ["data: {,}\n\n"], "UPSTREAM_INVALID"],
  ])("%s fails and is never repeated", async (_what, steps, code) => {
    const { chunks, error } = await brokenBy(...steps);
    expect(error).toMatchObject({ code });
    expect(proseOf(chunks)).toBe("Half an ans");
    expect(chunks.at(-1)?.type).toBe("text-delta");
    expect(bench.upstream.requests).toHaveLength(1);
    expect(bench.clock.pendingTimerCount).toBe(0);
  });

  test.each<[type: string, code: ErrorCode]>([
    ["overloaded_error", "UPSTREAM_RATE_LIMITED"],
    ["rate_limit_error", "UPSTREAM_RATE_LIMITED"],
    ["rate_limit_exceeded", "UPSTREAM_RATE_LIMITED"],
    ["api_error", "UPSTREAM_FAILED"],
    ["server_error", "UPSTREAM_FAILED"],
  ])("an error event %s", async (type, code) => {
    const { chunks, error } = await brokenBy(family.error(type, `It broke, ${CANARY_KEY}`));
    expect(error).toMatchObject({ code, message: expect.stringContaining("It broke, [redacted]") });
    expect(proseOf(chunks)).toBe("Half an ans");
    expect(bench.upstream.requests).toHaveLength(1);
  });

  test("silence", async () => {
    bench.upstream.script({ steps: [...family.begin("Half"), "hang"] });
    const reader = chunkReader(family.handler()(testExecution("Hi").context));
    await readUntil(reader, "text-delta");
    const rest = outcomeOf(reader);
    await bench.clock.advance(59_999);
    expect(bench.logger.lines).toHaveLength(0);
    await bench.clock.advance(1);
    const { error } = await inTime("the timeout", rest);
    expect(error).toMatchObject({ code: "UPSTREAM_TIMEOUT", message: expect.stringContaining("60000 ms") });
    await inTime("the request to be dropped", bench.upstream.requests[0]?.closed ?? Promise.reject());
  });

  test("time that the reader takes is not the endpoint's silence", async () => {
    const goOn = Promise.withResolvers<void>();
    bench.upstream.script({
      steps: [...family.begin("Half"), { until: goOn.promise }, ...family.answer(" and half")],
    });
    const reader = chunkReader(family.handler()(testExecution("Hi").context));
    await readUntil(reader, "text-delta");
    await bench.clock.advance(10 * 60_000);
    goOn.resolve();
    expect((await inTime("the answer", outcomeOf(reader))).error).toBeUndefined();
  });

  test("an event that is too large", async () => {
    bench.upstream.script({ steps: [...family.begin("x"), `data: ${"y".repeat(3_000)}`, "hang"] });
    const { error } = await inTime("the failure", run(family.handler({ limits: { maxEventBytes: 2_000 } })));
    expect(error).toMatchObject({ code: "UPSTREAM_INVALID", message: expect.stringContaining("2000 bytes") });
  });

  test("an answer that is too large", async () => {
    bench.upstream.script({
      steps: [...family.begin("x"), ...Array.from({ length: 60 }, () => `: ${"y".repeat(96)}\n\n`), "hang"],
    });
    const { error } = await inTime(
      "the failure",
      run(family.handler({ limits: { maxResponseBytes: 5_000 } })),
    );
    expect(error).toMatchObject({ code: "UPSTREAM_INVALID", message: expect.stringContaining("5000 bytes") });
  });
});

describe.each(families)("$name: cancel", (family) => {
  test("in mid-stream drops the request", async () => {
    bench.upstream.script({ steps: [...family.begin("Half"), "hang"] });
    const execution = testExecution("Hi");
    const reader = chunkReader(family.handler()(execution.context));
    await readUntil(reader, "text-delta");
    const rest = outcomeOf(reader);
    execution.cancel();
    expect(await inTime("the end", rest)).toMatchObject({ chunks: [], error: { name: "AbortError" } });
    await inTime("the request to be dropped", bench.upstream.requests[0]?.closed ?? Promise.reject());
    expect(bench.clock.pendingTimerCount).toBe(0);
  });

  test("while the reader is busy elsewhere drops the request too", async () => {
    bench.upstream.script({ steps: [...family.begin("Half"), "hang"] });
    const execution = testExecution("Hi");
    const reader = chunkReader(family.handler()(execution.context));
    await readUntil(reader, "text-delta");
    execution.cancel();
    await inTime("the request to be dropped", bench.upstream.requests[0]?.closed ?? Promise.reject());
  });

  test("by leaving the stream drops the request", async () => {
    bench.upstream.script({ steps: [...family.begin("Half"), "hang"] });
    const reader = chunkReader(family.handler()(testExecution("Hi").context));
    await readUntil(reader, "text-delta");
    await inTime("the stream to be left", reader.return?.() ?? Promise.reject());
    await inTime("the request to be dropped", bench.upstream.requests[0]?.closed ?? Promise.reject());
    expect(bench.clock.pendingTimerCount).toBe(0);
  });

  test("before any header drops the request", async () => {
    bench.upstream.script("hang");
    const execution = testExecution("Hi");
    const outcome = outcomeOf(family.handler()(execution.context));
    await bench.upstream.received(1);
    execution.cancel();
    expect((await inTime("the end", outcome)).error).toMatchObject({ name: "AbortError" });
    await inTime("the request to be dropped", bench.upstream.requests[0]?.closed ?? Promise.reject());
  });

  test("during the pause before a retry ends the pause", async () => {
    bench.upstream.script({ status: 500, steps: [] });
    const execution = testExecution("Hi");
    const outcome = outcomeOf(family.handler()(execution.context));
    await eventually("the fault is logged", () => bench.logger.lines.length === 1);
    execution.cancel();
    expect((await inTime("the end", outcome)).error).toMatchObject({ name: "AbortError" });
    expect(bench.clock.pendingTimerCount).toBe(0);
  });

  test("before the start sends nothing", async () => {
    const execution = testExecution("Hi");
    execution.cancel();
    const { error } = await inTime("the end", outcomeOf(family.handler()(execution.context)));
    expect(error).toMatchObject({ name: "AbortError" });
    expect(bench.upstream.requests).toHaveLength(0);
  });
});

test("a complete answer does not wait for usage that never comes", async () => {
  bench.upstream.script({ steps: [openAi.text("whole"), openAi.finish("stop"), "hang"] });
  const reader = chunkReader(bench.openAi()(testExecution("Hi").context));
  await readUntil(reader, "text-delta");
  const rest = outcomeOf(reader);
  await eventually("the finish reason has been read", () => bench.clock.pendingTimerCount === 1);
  let outcome: Awaited<typeof rest> | undefined;
  void rest.then((ended) => {
    outcome = ended;
  });
  // The finish reason may come in a read of its own, after which the shorter limit holds.
  for (let passedMs = 0; outcome === undefined && passedMs < 50_000; passedMs += 5_000)
    await bench.clock.advance(5_000);
  expect((await inTime("the end", rest)).chunks.at(-1)).toEqual({ type: "finish", finishReason: "stop" });
});

test("nobody listens: tried again, then refused, without the address", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const { clock, logger } = bench;
  const ports = { clock, logger, random: { fraction: () => 0, id: () => "" } };
  const outcome = run(openAiCompatible({ baseUrl: `http://127.0.0.1:${port}`, model: "m", ports }));
  await bench.passRetries(3);
  const { error } = await inTime("the failure", outcome);
  expect(error).toMatchObject({
    code: "UPSTREAM_REFUSED",
    message: "The model endpoint cannot be reached: ECONNREFUSED",
  });
  expect(logger.lines.at(-1)?.fields).toMatchObject({ origin: `http://127.0.0.1:${port}`, attempt: 3 });
});

describe.each(families)("$name: the key", (family) => {
  const secretHeader = "gateway-canary-98765";

  test.each<[what: string, response: ScriptedResponse]>([
    [
      "a refusal that quotes it",
      { status: 400, steps: json({ error: { message: `key=${CANARY_KEY} ${secretHeader}` } }) },
    ],
    ["a refused key", { status: 401, steps: json({ error: { message: CANARY_KEY } }) }],
    [
      "a rate limit that quotes it",
      { status: 429, headers: { "retry-after": "999" }, steps: json({ error: CANARY_KEY }) },
    ],
    ["an error type that quotes it", { steps: [claude.error(CANARY_KEY, "")] }],
    ["a strange content type", { headers: { "content-type": `text/${CANARY_KEY}` }, steps: [] }],
    ["a cut", { steps: [...claude.answer("x").slice(0, 3), "cut"] }],
  ])("is in no error, no log and no chunk: %s", async (_what, response) => {
    bench.upstream.script(response, response, response);
    const outcome = run(family.handler({ headers: { "x-gateway": secretHeader } }));
    let isEnded = false;
    void outcome.then(() => {
      isEnded = true;
    });
    for (let failed = 1; !isEnded && failed <= 3; failed++) {
      await eventually("the next fault, or the end", () => isEnded || bench.logger.lines.length >= failed);
      await bench.clock.advance(20_000);
    }
    const { chunks, error } = await inTime("the failure", outcome);
    expect(error).not.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
    expect(error).toBeInstanceOf(Error);
    const said = [
      String(error),
      (error as Error).stack,
      JSON.stringify(error),
      JSON.stringify(chunks),
      JSON.stringify(bench.logger.lines),
    ].join("\n");
    expect(said).not.toContain("canary");
    expect(bench.upstream.requests.length).toBeGreaterThan(0);
    expect(JSON.stringify(bench.upstream.requests[0]?.headers)).toContain(CANARY_KEY);
  });
});
