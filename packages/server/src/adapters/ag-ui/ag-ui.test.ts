import { type BaseEvent, HttpAgent, type RunAgentParameters } from "@ag-ui/client";
import { EventSchema } from "@ag-ui/core/schemas";
import { type Chunk, emptyMessage, foldChunks } from "@tachikoma/protocol";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { ExecutionContext } from "../../executions/handler.ts";
import { within } from "../../gateway/websocket/testing/deadline.ts";
import type { ServerOptions } from "../../server-options.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { arbitraryChunk } from "../execution/testing/arbitrary-chunk.ts";

interface Run {
  readonly events: readonly BaseEvent[];
  readonly types: readonly string[];
}

/** Runs the stock agent, whose verification has to pass, and holds each event against AG-UI's own schema. */
async function follow(agent: HttpAgent, parameters: RunAgentParameters = {}): Promise<Run> {
  const events: BaseEvent[] = [];
  const { unsubscribe } = agent.subscribe({
    onEvent: ({ event }) => {
      events.push(structuredClone(event));
    },
  });
  try {
    await within("the run to end", agent.runAgent(parameters));
  } finally {
    unsubscribe();
  }
  for (const event of events) expect(EventSchema.safeParse(event).error).toBeUndefined();
  return { events, types: events.map(({ type }) => type) };
}

async function start(
  executions: NonNullable<ServerOptions["executions"]>,
  options: ServerOptions = {},
): Promise<TestServer> {
  return startTestServer({ executions, ...options });
}

function agentOf(server: TestServer, path = "/agui", threadId = "t1"): HttpAgent {
  const agent = new HttpAgent({ url: server.httpUrl(path), threadId });
  agent.addMessage({ id: "u1", role: "user", content: "What is the weather?" });
  return agent;
}

/** The agent says on the console what it also throws. */
function quiet(): void {
  const spy = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => spy.mockRestore());
}

async function* everything({ usage }: ExecutionContext): AsyncGenerator<Chunk> {
  usage({ inputTokens: 7, outputTokens: 5, totalTokens: 12 });
  yield { type: "start-step" };
  yield { type: "reasoning-delta", id: "r", delta: "Let me think." };
  yield { type: "reasoning-end", id: "r" };
  yield { type: "tool-input-start", toolCallId: "c1", toolName: "weather" };
  yield { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '{"city":' };
  yield { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '"Köln"}' };
  yield { type: "tool-input-available", toolCallId: "c1", toolName: "weather", input: { city: "Köln" } };
  yield { type: "tool-output-available", toolCallId: "c1", output: { sky: "grey" } };
  yield { type: "finish-step" };
  yield { type: "start-step" };
  yield { type: "text-start", id: "t" };
  yield { type: "text-delta", id: "t", delta: "It is " };
  yield { type: "text-delta", id: "t", delta: "" };
  yield { type: "text-delta", id: "t", delta: "grey 🌧\n\n\r there." };
  yield { type: "text-end", id: "t" };
  yield { type: "data-state", data: { sky: "grey" } };
  yield { type: "data-progress", data: 1 };
  yield { type: "source-url", sourceId: "s", url: "https://example.org" };
  yield { type: "finish-step" };
  yield { type: "finish", finishReason: "stop" };
}

describe("a run", () => {
  test("with everything in it is taken by the stock agent", async () => {
    const server = await start({ everything });
    const agent = agentOf(server);
    const { types, events } = await follow(agent);
    // How many deltas share an event depends on how far behind the reader was.
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      "RUN_STARTED",
      "STEP_STARTED",
      "REASONING_START",
      "REASONING_MESSAGE_START",
      "REASONING_MESSAGE_CONTENT",
      "REASONING_MESSAGE_END",
      "REASONING_END",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "TOOL_CALL_END",
      "TOOL_CALL_RESULT",
      "STEP_FINISHED",
      "STEP_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "STATE_SNAPSHOT",
      "CUSTOM",
      "STEP_FINISHED",
      "RUN_FINISHED",
    ]);
    expect(events.at(-1)).toMatchObject({
      type: "RUN_FINISHED",
      threadId: "t1",
      outcome: { type: "success" },
      usage: [{ inputTokens: 7, outputTokens: 5, totalTokens: 12 }],
    });
    expect(agent.state).toEqual({ sky: "grey" });
    expect(agent.messages).toMatchObject([
      { role: "user" },
      { role: "reasoning", content: "Let me think." },
      {
        role: "assistant",
        toolCalls: [{ id: "c1", function: { name: "weather", arguments: '{"city":"Köln"}' } }],
      },
      { role: "tool", toolCallId: "c1", content: '{"sky":"grey"}' },
      { role: "assistant", content: "It is grey 🌧\n\n\r there." },
    ]);
  });

  test("handlers get messages as backends take them, and the rest of the run", async () => {
    const seen: unknown[] = [];
    const server = await start({
      async *watch({ input, channel }) {
        seen.push(channel, input);
        yield "ok";
      },
    });
    const agent = agentOf(server);
    agent.addMessages([
      { id: "r", role: "reasoning", content: "hm" },
      { id: "d", role: "developer", content: "Be brief." },
      { id: "p", role: "user", content: [{ type: "text", text: "Hi" }] },
    ]);
    await follow(agent, { forwardedProps: { a: 1 }, tools: [{ name: "f", description: "" }] });
    expect(seen).toMatchObject([
      "agui:t1",
      {
        threadId: "t1",
        messages: [
          { role: "user", content: "What is the weather?" },
          { role: "system", content: "Be brief." },
          { role: "user", content: [{ type: "text", text: "Hi" }] },
        ],
        forwardedProps: { a: 1 },
        tools: [{ name: "f" }],
      },
    ]);
  });

  test("a call for the client to run is left pending", async () => {
    const server = await start({
      async *calls(): AsyncGenerator<Chunk> {
        yield { type: "tool-input-available", toolCallId: "a", toolName: "first", input: { n: 1 } };
        yield { type: "finish", finishReason: "tool-calls" };
      },
    });
    const agent = agentOf(server);
    const { events } = await follow(agent);
    expect(events.at(-1)).toMatchObject({ outcome: { type: "success", pendingToolCallIds: ["a"] } });
    expect(agent.messages.at(-1)).toMatchObject({
      role: "assistant",
      toolCalls: [{ function: { arguments: '{"n":1}' } }],
    });
  });

  test("a step that is retried is taken back, and nothing else is", async () => {
    const server = await start({
      async *retrying(): AsyncGenerator<Chunk> {
        yield { type: "start-step" };
        yield { type: "text-delta", id: "t", delta: "first" };
        yield { type: "text-end", id: "t" };
        yield { type: "finish-step" };
        yield { type: "start-step" };
        yield { type: "tool-input-start", toolCallId: "c", toolName: "f" };
        yield { type: "text-delta", id: "t", delta: "wrong" };
        yield { type: "reset-step" };
        yield { type: "text-delta", id: "t", delta: "right" };
      },
    });
    const agent = agentOf(server);
    await follow(agent);
    expect(agent.messages.map(({ content }) => content)).toEqual(["What is the weather?", "first", "right"]);
  });
});

/** What the agent has of the answer in the end, told from the chunks: without what was taken back. */
function textOf(chunks: readonly Chunk[]): string {
  const { parts } = foldChunks(emptyMessage(), chunks);
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

const textOfAgent = (agent: HttpAgent) =>
  agent.messages.map(({ role, content }) => (role === "assistant" ? (content ?? "") : "")).join("");

describe("whatever a handler yields", () => {
  test("the order of events passes the stock verification, and the text is what was said", async () => {
    const { handlers, give } = scripted();
    const server = await start(handlers);
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryChunk, { maxLength: 25 }), async (chunks) => {
        const agent = agentOf(server, "/agui", give(chunks));
        const { types } = await follow(agent);
        expect(types.at(-1)).toBe("RUN_FINISHED");
        expect(textOfAgent(agent)).toBe(textOf(chunks));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test("a run that is cut after any event and followed again has it once", async () => {
    const { handlers, give } = scripted();
    const server = await start(handlers);
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryChunk, { minLength: 5, maxLength: 15 }),
        fc.array(fc.nat(20), { maxLength: 3 }),
        async (chunks, cuts) => {
          const agent = agentOf(server, "/agui", give(chunks));
          const runId = agent.threadId;
          for (const cut of cuts) {
            let seenCount = 0;
            const { unsubscribe } = agent.subscribe({
              onEvent: () => {
                seenCount += 1;
                if (seenCount > cut) agent.abortRun();
              },
            });
            await within(
              "the cut",
              agent.runAgent({ runId }).catch(() => undefined),
            );
            unsubscribe();
          }
          await follow(agent, { runId });
          expect(textOfAgent(agent)).toBe(textOf(chunks));
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);
});

/** A handler that says what was given for its thread. */
function scripted() {
  const scripts = new Map<string, readonly Chunk[]>();
  return {
    /** @returns the thread in which the chunks are said */
    give(chunks: readonly Chunk[]): string {
      const threadId = `thread-${scripts.size}`;
      scripts.set(threadId, chunks);
      return threadId;
    },
    handlers: {
      async *script({ input }: ExecutionContext<{ threadId: string }>): AsyncGenerator<Chunk> {
        yield* scripts.get(input.threadId) ?? [];
      },
    },
  };
}

describe("an approval", () => {
  async function* careful({ inputs }: ExecutionContext): AsyncGenerator<Chunk> {
    yield { type: "text-delta", id: "t", delta: "May I? " };
    for (const id of ["1", "2"]) {
      yield { type: "tool-input-available", toolCallId: `c${id}`, toolName: "delete", input: { file: id } };
    }
    yield { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1", reason: "It is gone then." };
    yield { type: "tool-approval-request", approvalId: "a2", toolCallId: "c2" };
    let openCount = 2;
    for await (const input of inputs as AsyncIterable<{
      approvalId: string;
      approved: boolean;
      reason?: string;
    }>) {
      const toolCallId = input.approvalId.replace("a", "c");
      if (input.approved) yield { type: "tool-output-available", toolCallId, output: "deleted" };
      else yield { type: "tool-output-denied", toolCallId };
      openCount -= 1;
      if (openCount === 0) break;
    }
    yield { type: "text-delta", id: "t", delta: "Done." };
  }

  /** Runs until nothing is pending; an approval that is asked for alone comes in a run of its own. */
  async function answerAll(agent: HttpAgent, isApproved: boolean): Promise<Run[]> {
    const runs = [await follow(agent)];
    while (agent.pendingInterrupts.length > 0) {
      const resume = agent.pendingInterrupts.map(({ id }) => ({
        interruptId: id,
        status: "resolved" as const,
        payload: { approved: isApproved, reason: "so" },
      }));
      runs.push(await follow(agent, { resume }));
    }
    return runs;
  }

  test("interrupts the run; a run that resumes it goes on where it ended", async () => {
    const server = await start({ careful });
    const agent = agentOf(server);
    const runs = await answerAll(agent, true);
    const interrupts = runs.flatMap(({ events }) => {
      const last = events.at(-1) as { outcome?: { interrupts?: object[] } };
      return last.outcome?.interrupts ?? [];
    });
    expect(interrupts).toMatchObject([
      {
        reason: "tool-approval",
        message: "It is gone then.",
        toolCallId: "c1",
        responseSchema: { required: ["approved"] },
      },
      { reason: "tool-approval", toolCallId: "c2" },
    ]);
    expect(runs.at(-1)?.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "success" } });
    expect(agent.messages.map(({ role, content }) => `${role}: ${content ?? ""}`)).toEqual([
      "user: What is the weather?",
      "assistant: May I? ",
      "tool: deleted",
      "tool: deleted",
      "assistant: Done.",
    ]);
  });

  test("that is refused is told to the handler", async () => {
    const server = await start({ careful });
    const agent = agentOf(server);
    await answerAll(agent, false);
    expect(agent.messages.filter(({ role }) => role === "tool").map(({ content }) => content)).toEqual([
      "The call was denied",
      "The call was denied",
    ]);
  });

  test("is never taken for given", async () => {
    const server = await start({ careful });
    quiet();
    const agent = agentOf(server);
    await follow(agent);
    const [interrupt] = agent.pendingInterrupts;
    const body = { threadId: "t1", runId: "r9", messages: [] };
    for (const payload of [undefined, {}, { approved: "yes" }, 1, "true"]) {
      const entry = { interruptId: interrupt!.id, status: "resolved", payload };
      const answer = await server.post("/agui", { ...body, resume: [entry] });
      expect(answer).toMatchObject({ status: 400, json: { code: "INVALID_MESSAGE" } });
    }
    for (const interruptId of ["nothing", "a/", `${"x".repeat(12)}/a1`]) {
      const entry = { interruptId, status: "resolved", payload: true };
      expect((await server.post("/agui", { ...body, resume: [entry] })).status).toBeOneOf([400, 404]);
    }
    const unasked = [{ interruptId: interrupt!.id.replace("a1", "a9"), status: "resolved", payload: true }];
    expect(await server.post("/agui", { ...body, resume: unasked })).toMatchObject({ status: 400 });
    const elsewhere = {
      ...body,
      threadId: "t2",
      resume: [{ interruptId: interrupt!.id, status: "cancelled" }],
    };
    expect((await server.post("/agui", elsewhere)).status).toBe(404);
  });
});

describe("a connection that is cut", () => {
  test("is followed by the same run, from its beginning, and nothing is there twice", async () => {
    const steps = [1, 2, 3].map(() => Promise.withResolvers<void>());
    let runCount = 0;
    const server = await start({
      async *slow(): AsyncGenerator<Chunk> {
        runCount += 1;
        yield { type: "text-delta", id: "t", delta: "one " };
        yield { type: "tool-input-start", toolCallId: "c", toolName: "f" };
        yield { type: "tool-input-delta", toolCallId: "c", inputTextDelta: '{"a"' };
        await steps[0]!.promise;
        yield { type: "tool-input-delta", toolCallId: "c", inputTextDelta: ":1}" };
        yield { type: "tool-input-available", toolCallId: "c", toolName: "f", input: { a: 1 } };
        await steps[1]!.promise;
        yield { type: "tool-output-available", toolCallId: "c", output: 1 };
        yield { type: "text-delta", id: "t2", delta: "two" };
      },
    });
    const agent = agentOf(server);
    const cutAt = async (type: string) => {
      const { unsubscribe } = agent.subscribe({
        onEvent: ({ event }) => {
          if (event.type === type) agent.abortRun();
        },
      });
      await within(
        "the cut",
        agent.runAgent({ runId: "r1" }).catch(() => undefined),
      );
      unsubscribe();
    };
    await cutAt("TEXT_MESSAGE_CONTENT");
    await cutAt("TOOL_CALL_ARGS");
    steps[0]!.resolve();
    await cutAt("TOOL_CALL_END");
    steps[1]!.resolve();
    const { types } = await follow(agent, { runId: "r1" });
    expect(types.slice(0, 2)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT"]);
    expect(agent.messages).toMatchObject([
      { role: "user" },
      { role: "assistant", content: "one ", toolCalls: [{ id: "c", function: { arguments: '{"a":1}' } }] },
      { role: "tool", content: "1" },
      { role: "assistant", content: "two" },
    ]);
    expect(runCount).toBe(1);
  });

  test("does not stop the handler; a cancel of the thread does", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const server = await start({
      async *endless({ signal, usage }) {
        usage({ outputTokens: 1 });
        yield "one";
        begun.resolve(signal);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    const agent = agentOf(server);
    const { unsubscribe } = agent.subscribe({ onTextMessageContentEvent: () => agent.abortRun() });
    await within(
      "the cut",
      agent.runAgent({ runId: "r1" }).catch(() => undefined),
    );
    unsubscribe();
    const signal = await within("the handler to begin", begun.promise);
    expect(signal.aborted).toBe(false);
    const following = follow(agent, { runId: "r1" });
    const answer = await server.post("/agui/threads/t1/cancel", {});
    expect(answer).toMatchObject({ status: 200, json: { status: "applied" } });
    expect(signal.aborted).toBe(true);
    expect((await following).events.at(-1)).toMatchObject({
      type: "RUN_FINISHED",
      outcome: { type: "cancelled" },
      usage: [{ outputTokens: 1 }],
    });
    expect((await server.post("/agui/threads/t1/cancel", {})).status).toBe(404);
  });
});

describe("errors", () => {
  test("a handler that fails is a RUN_ERROR with its code", async () => {
    const server = await start({
      async *broken() {
        yield "half an";
        throw new Error("secret");
      },
    });
    const { events } = await follow(agentOf(server));
    expect(events.at(-1)).toMatchObject({
      type: "RUN_ERROR",
      code: "HANDLER_FAILED",
      message: "The handler failed",
    });
  });

  test("the path names the handler where there are several", async () => {
    quiet();
    const server = await start({ everything, other: everything });
    await expect(follow(agentOf(server))).rejects.toMatchObject({
      status: 404,
      payload: { code: "UNKNOWN_HANDLER" },
    });
    const { types } = await follow(agentOf(server, "/agui/other"));
    expect(types.at(-1)).toBe("RUN_FINISHED");
    await expect(follow(agentOf(server, "/agui/none"))).rejects.toMatchObject({ status: 404 });
  });

  test("a run id of another thread is refused", async () => {
    const server = await start({ everything });
    const body = { runId: "r1", messages: [{ id: "1", role: "user", content: "Hi" }] };
    expect((await server.post("/agui", { ...body, threadId: "t1" })).status).toBe(200);
    expect(await server.post("/agui", { ...body, threadId: "t2" })).toMatchObject({
      status: 400,
      json: { code: "INVALID_MESSAGE" },
    });
  });

  test("who may not is not let in", async () => {
    quiet();
    const server = await start({ everything }, { security: { apiKey: "right" } });
    await expect(follow(agentOf(server))).rejects.toMatchObject({ status: 401 });
    const agent = agentOf(server);
    agent.headers = { authorization: "Bearer right" };
    expect((await follow(agent)).types.at(-1)).toBe("RUN_FINISHED");
  });
});
