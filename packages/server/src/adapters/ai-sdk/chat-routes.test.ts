/** The HTTP surface with the SDK's own clients: `ai` 7 and `ai` 6. */
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  type UIMessage,
  type UIMessageChunk,
} from "ai";
import { DefaultChatTransport as DefaultChatTransport6 } from "ai-6";
import { describe, expect, onTestFinished, test } from "vitest";
import { demo } from "../../executions/backends/demo.ts";
import { within } from "../../gateway/websocket/testing/deadline.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { HeadlessChat, HeadlessChat6 } from "./testing/headless-chat.ts";
import { ScriptedHandler } from "./testing/scripted-handler.ts";
import { untilUnwatched } from "./testing/until-unwatched.ts";

async function chatServer(options: Parameters<typeof startTestServer>[0] = {}) {
  const script = new ScriptedHandler();
  const server = await startTestServer({ executions: { chat: script.handler }, ...options });
  return { script, server };
}

/** `fetch` whose connections can be cut, as a phone in a tunnel does. */
function tunnel() {
  const cuts = new Set<AbortController>();
  const fetchThrough: typeof fetch = async (input, init) => {
    const cut = new AbortController();
    cuts.add(cut);
    const signal = AbortSignal.any([cut.signal, ...(init?.signal ? [init.signal] : [])]);
    const response = await fetch(input, { ...init, signal });
    const body = response.body?.pipeThrough(new TransformStream());
    return new Response(response.status === 204 ? null : body, {
      status: response.status,
      headers: response.headers,
    });
  };
  return {
    fetch: fetchThrough,
    cut: () => {
      for (const cut of cuts) cut.abort(new TypeError("network error"));
      cuts.clear();
    },
  };
}

function chatOn(
  server: TestServer,
  id: string,
  options: ConstructorParameters<typeof DefaultChatTransport>[0] = {},
) {
  const transport = new DefaultChatTransport<UIMessage>({ api: server.httpUrl("/api/chat"), ...options });
  const chat = new HeadlessChat({ id, transport });
  onTestFinished(() => chat.stop());
  return chat;
}

const ask = (chat: HeadlessChat | HeadlessChat6, text = "hi") => void chat.sendMessage({ text });
const streamOf = (id: string) => `/api/chat/${encodeURIComponent(id)}/stream`;
const body = (over: object = {}) => ({
  id: "1",
  trigger: "submit-message",
  messages: [{ id: "u1", role: "user", parts: [{ type: "text", text: "hi" }] }],
  ...over,
});

function chunksOf(text: string): UIMessageChunk[] {
  const events = text.split("\n\n").filter((event) => event.startsWith("data: {"));
  return events.map((event) => JSON.parse(event.slice(6)) as UIMessageChunk);
}

describe("a stock useChat over HTTP", () => {
  test("gets the whole answer, with the headers and the end of a UI message stream", async () => {
    const { script, server } = await chatServer();
    const chat = chatOn(server, "one");
    ask(chat);
    const run = await script.run(0);
    expect(run.input).toMatchObject({
      trigger: "submit-message",
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      body: {},
    });
    run.say("Hello", " there").end();
    await chat.until("the answer", ({ status }) => status === "ready");
    expect(chat.answer).toBe("Hello there");
    expect(chat.finishes).toMatchObject([
      { isAbort: false, isDisconnect: false, isError: false, finishReason: "stop" },
    ]);
  });

  test("its connection may be lost in the middle: taken up again the text is whole and stands once", async () => {
    const { script, server } = await chatServer();
    const wire = tunnel();
    const chat = chatOn(server, "drop", { fetch: wire.fetch });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    wire.cut();
    await chat.until("the loss", ({ status }) => status === "error");
    expect(chat.finishes[0]).toMatchObject({ isDisconnect: true });
    run.say("two ");
    const resumed = chat.resumeStream();
    await chat.until("what was missed", ({ answer }) => answer === "one two ");
    run.say("three").end();
    await resumed;
    expect(chat.answer).toBe("one two three");
    expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(chat.status).toBe("ready");
    expect(run.isAborted).toBe(true); // of an execution that has ended
    expect(script.runs).toHaveLength(1);
  });

  test("resumable-stream #44: what ended while the client was away is still given, and then no more", async () => {
    const { script, server } = await chatServer();
    const wire = tunnel();
    const chat = chatOn(server, "away", { fetch: wire.fetch });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    wire.cut();
    await chat.until("the loss", ({ status }) => status === "error");
    await untilUnwatched(server);
    run.say("two").end();
    const watcher = await server.welcomed();
    await watcher.ask({ type: "subscribe", id: "s", channel: "chat:away", since: "start" });
    await watcher.next("execution_completed");
    await chat.resumeStream();
    expect(chat.answer).toBe("one two");
    expect(chat.messages).toHaveLength(2);
    expect((await server.http(streamOf("away"))).status).toBe(204);
  });

  test("204 where nothing runs: an unknown chat, and one whose answer has been given", async () => {
    const { script, server } = await chatServer();
    expect((await server.http(streamOf("unknown"))).status).toBe(204);
    const answer = server.post("/api/chat", body());
    (await script.run(0)).say("done").end();
    const { text, headers } = await answer;
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "text/event-stream",
      "x-vercel-ai-ui-message-stream": "v1",
      "x-accel-buffering": "no",
      "cache-control": expect.stringContaining("no-store"),
    });
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(chunksOf(text).map(({ type }) => type)).toEqual([
      "start",
      "text-start",
      "text-delta",
      "text-end",
      "finish",
    ]);
    expect((await server.http(streamOf("1"))).status).toBe(204);
  });

  test("stop ends the stream only; the route stops the work, also after the answer was taken up again", async () => {
    const { script, server } = await chatServer();
    const wire = tunnel();
    const chat = chatOn(server, "stop", { fetch: wire.fetch });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    wire.cut();
    await chat.until("the loss", ({ status }) => status === "error");
    const resumed = chat.resumeStream();
    await chat.until("the answer", ({ status }) => status === "streaming");
    expect(run.isAborted).toBe(false);
    const receipt = await server.post("/api/chat/stop/stop", {});
    expect(receipt).toMatchObject({ status: 200, json: { status: "accepted", channel: "chat:stop" } });
    await within("the model call to be aborted", run.aborted);
    await resumed;
    expect(chat.status).toBe("ready");
    expect(chat.answer).toBe("one ");
    const late = await server.post("/api/chat/stop/stop", {});
    expect(late).toMatchObject({ status: 200, json: { status: "superseded" } });
    expect(await server.post("/api/chat/none/stop", {})).toMatchObject({
      status: 404,
      json: { code: "UNKNOWN_EXECUTION" },
    });
  });

  test("closing the response does not stop the execution, unless it was started so", async () => {
    const { script, server } = await chatServer();
    for (const [number, query] of ["", "?on_unwatched=cancel"].entries()) {
      const chat = chatOn(server, `left-${number}`, { api: server.httpUrl(`/api/chat${query}`) });
      ask(chat);
      const run = await script.run(number);
      run.say("one ");
      await chat.until("the first word", ({ answer }) => answer === "one ");
      await chat.stop();
      if (query !== "") await within("the model call to be aborted", run.aborted);
      else {
        await untilUnwatched(server);
        run.say("two").end();
        const second = chatOn(server, `left-${number}`);
        await second.resumeStream();
        expect(second.answer).toBe("one two");
      }
    }
  });

  test("a second tab takes up the same answer, and sees its end", async () => {
    const { script, server } = await chatServer();
    const first = chatOn(server, "tabs");
    ask(first);
    const run = await script.run(0);
    run.say("one ");
    await first.until("the first word", ({ answer }) => answer === "one ");
    const second = chatOn(server, "tabs");
    const resumed = second.resumeStream();
    await second.until("the first word", ({ answer }) => answer === "one ");
    run.say("two").end();
    await resumed;
    await first.until("the end", ({ status }) => status === "ready");
    expect([first.answer, second.answer]).toEqual(["one two", "one two"]);
    expect(first.lastMessage?.id).toBe(second.lastMessage?.id);
  });

  test("the same request again is the same execution, an answer made anew is another", async () => {
    const { script, server } = await chatServer();
    const first = server.post("/api/chat", body());
    (await script.run(0)).say("first").end();
    const answers = [await first, await server.post("/api/chat", body())];
    expect(answers[0]!.text).toBe(answers[1]!.text);
    expect(script.runs).toHaveLength(1);
    for (const number of [1, 2]) {
      const anew = server.post("/api/chat", body({ trigger: "regenerate-message" }));
      (await script.run(number)).say(`again ${number}`).end();
      expect((await anew).text).toContain(`again ${number}`);
    }
    const key = { "idempotency-key": "k1" };
    const keyed = server.post("/api/chat", body({ trigger: "regenerate-message" }), key);
    (await script.run(3)).say("keyed").end();
    const repeated = await server.post("/api/chat", body({ trigger: "regenerate-message" }), key);
    expect(repeated.text).toBe((await keyed).text);
    const edited = body({ messages: [{ id: "u1", role: "user", parts: [{ type: "text", text: "other" }] }] });
    const other = server.post("/api/chat", edited);
    (await script.run(4)).end();
    await other;
    expect(script.runs).toHaveLength(5);
  });

  test("the same request while the answer is being made joins it from its beginning", async () => {
    const { script, server } = await chatServer();
    const first = server.post("/api/chat", body());
    const run = await script.run(0);
    run.say("one ");
    const watcher = await server.welcomed();
    await watcher.ask({ type: "subscribe", id: "s", channel: "chat:1", since: "start" });
    for (let seen = ""; !seen.includes("one"); seen = JSON.stringify(await watcher.next("chunk")));
    const second = fetch(server.httpUrl("/api/chat"), { method: "POST", body: JSON.stringify(body()) });
    const response = await within("the second answer to begin", second);
    run.say("two").end();
    const text = await within("the second answer", response.text());
    const textOf = (answer: string) =>
      chunksOf(answer)
        .map((chunk) => (chunk.type === "text-delta" ? chunk.delta : ""))
        .join("");
    expect([textOf((await first).text), textOf(text)]).toEqual(["one two", "one two"]);
    expect(script.runs).toHaveLength(1);
  });

  test("an answer that fails says so, and does not look complete", async () => {
    const { script, server } = await chatServer();
    const chat = chatOn(server, "fails");
    ask(chat);
    const run = await script.run(0);
    run.say("one ").fail(new Error("a secret"));
    await chat.until("the failure", ({ status }) => status === "error");
    expect(chat.error?.message).toBe("The handler failed");
    expect(chat.finishes[0]).toMatchObject({ isError: true, isDisconnect: false });
  });

  test("usage is told at the end, however it ends, and leaves no trace in the message", async () => {
    const { script, server } = await chatServer();
    for (const [number, ending] of (["completed", "cancelled", "failed"] as const).entries()) {
      const data: unknown[] = [];
      const transport = new DefaultChatTransport<UIMessage>({ api: server.httpUrl("/api/chat") });
      const chat = new HeadlessChat({ id: ending, transport, onData: (part) => data.push(part) });
      ask(chat);
      const run = await script.run(number);
      run.context.usage({ inputTokens: 3, outputTokens: 5 });
      run.say("x");
      await chat.until("text", ({ answer }) => answer === "x");
      if (ending === "completed") run.end();
      else if (ending === "failed") run.fail(new Error("no"));
      else await server.post(`/api/chat/${ending}/stop`, {});
      await chat.until("the end", ({ status }) => status === "ready" || status === "error");
      expect(data).toMatchObject([
        {
          type: "data-execution-ended",
          data: { outcome: ending, usage: { inputTokens: 3, outputTokens: 5 } },
        },
      ]);
      expect(JSON.stringify(chat.messages)).not.toContain("inputTokens");
    }
  });

  test("a built-in backend answers without any code", async () => {
    const server = await startTestServer({ executions: { chat: demo({ piecesPerSecond: 100_000 }) } });
    const chat = chatOn(server, "demo");
    ask(chat, "count to 5");
    await chat.until("the answer", ({ status, finishes }) => status === "ready" && finishes.length === 1);
    expect(chat.answer).toContain("5");
    expect(chat.messages).toHaveLength(2);
  });
});

describe("a tool that needs approval", () => {
  const call = { toolCallId: "call-1", toolName: "erase" };
  const isComplete = lastAssistantMessageIsCompleteWithApprovalResponses;

  test.each([true, false])("approved: %s; the answer goes on in the same message", async (approved) => {
    const { script, server } = await chatServer();
    const transport = new DefaultChatTransport<UIMessage>({ api: server.httpUrl("/api/chat") });
    const chat = new HeadlessChat({ id: "approve", transport, sendAutomaticallyWhen: isComplete });
    ask(chat, "erase it");
    const asking = await script.run(0);
    asking.say(
      { type: "start" },
      { type: "start-step" },
      { type: "tool-input-available", ...call, input: { path: "/tmp/x" } },
      { type: "tool-approval-request", approvalId: "a1", toolCallId: call.toolCallId },
      { type: "finish-step" },
      { type: "finish", finishReason: "tool-calls" },
    );
    asking.end();
    await chat.until("the question", ({ status }) => status === "ready");
    await chat.addToolApprovalResponse({ id: "a1", approved });
    const going = await script.run(1);
    expect(going.input.messages.at(-1)).toMatchObject({
      role: "assistant",
      parts: [{ type: "step-start" }, { state: "approval-responded", approval: { id: "a1", approved } }],
    });
    going.say({ type: "start" }, { type: "start-step" });
    if (approved) going.say({ type: "tool-output-available", toolCallId: call.toolCallId, output: "gone" });
    else going.say({ type: "tool-output-denied", toolCallId: call.toolCallId });
    going.say("Done.").end();
    await chat.until("the end", ({ status, answer }) => status === "ready" && answer === "Done.");
    expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(chat.lastMessage?.parts).toMatchObject([
      { type: "step-start" },
      { type: "tool-erase", state: approved ? "output-available" : "output-denied" },
      { type: "step-start" },
      { type: "text", text: "Done." },
    ]);
  });

  test("a page that is loaded anew in the middle of what follows builds the whole message, and makes no call again", async () => {
    const { script, server } = await chatServer();
    const transport = new DefaultChatTransport<UIMessage>({ api: server.httpUrl("/api/chat") });
    const chat = new HeadlessChat({ id: "turns", transport, sendAutomaticallyWhen: isComplete });
    ask(chat, "erase it");
    (await script.run(0))
      .say(
        { type: "start" },
        { type: "start-step" },
        "I will. ",
        { type: "tool-input-available", ...call, input: { path: "/tmp/x" } },
        { type: "tool-approval-request", approvalId: "a1", toolCallId: call.toolCallId },
        { type: "finish-step" },
        { type: "finish", finishReason: "tool-calls" },
      )
      .end();
    await chat.until("the question", ({ status }) => status === "ready");
    await chat.addToolApprovalResponse({ id: "a1", approved: true });
    const going = await script.run(1);
    going.say(
      { type: "start-step" },
      { type: "tool-output-available", toolCallId: call.toolCallId, output: "gone" },
      "Do",
    );
    await chat.until("some of it", ({ answer }) => answer.endsWith("Do"));
    const calls: unknown[] = [];
    const anew = new HeadlessChat({
      id: "turns",
      transport,
      onToolCall: ({ toolCall }) => void calls.push(toolCall),
    });
    const resumed = anew.resumeStream();
    await anew.until("some of it", ({ answer }) => answer.endsWith("Do"));
    going.say("ne.").end();
    await resumed;
    expect([anew.answer, anew.messages.length, anew.lastMessage?.id]).toEqual([
      "I will. Done.",
      1,
      chat.lastMessage?.id,
    ]);
    const tool = { type: "tool-erase", state: "output-available", input: { path: "/tmp/x" }, output: "gone" };
    expect(anew.lastMessage?.parts[2]).toMatchObject(tool);
    expect(calls).toEqual([]);
  });

  test("the answer to a question may also be an input to the execution that waits for it", async () => {
    const { server } = await chatServer({
      executions: {
        chat: async function* ({ inputs }) {
          yield { type: "tool-input-available" as const, ...call, input: {} };
          yield { type: "tool-approval-request" as const, approvalId: "a1", toolCallId: call.toolCallId };
          for await (const data of inputs) {
            const { approved } = data as { approved: boolean };
            yield {
              type: "tool-output-available" as const,
              toolCallId: call.toolCallId,
              output: { approved },
            };
            return;
          }
        },
      },
    });
    const chat = chatOn(server, "input");
    ask(chat);
    await chat.until("the question", ({ messages }) =>
      JSON.stringify(messages).includes("approval-requested"),
    );
    const receipt = await server.post("/api/chat/input/input", {
      data: { approvalId: "a1", approved: true },
    });
    expect(receipt).toMatchObject({ status: 200, json: { status: "accepted" } });
    await chat.until("the end", ({ status }) => status === "ready");
    expect(chat.lastMessage?.parts).toMatchObject([
      { state: "output-available", output: { approved: true } },
    ]);
  });
});

describe("ai 6", () => {
  test("gets the answer, and takes it up again after a loss", async () => {
    const { script, server } = await chatServer();
    const wire = tunnel();
    const transport = new DefaultChatTransport6({ api: server.httpUrl("/api/chat"), fetch: wire.fetch });
    const chat = new HeadlessChat6({ id: "six", transport });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    wire.cut();
    await chat.until("the loss", ({ status }) => status === "error");
    run.say("two ");
    const resumed = chat.resumeStream();
    await chat.until("what was missed", ({ answer }) => answer.endsWith("two "));
    run.say("three").end();
    await resumed;
    expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(chat.answer).toBe("one two three");
  });
});

describe("what is asked wrongly", () => {
  test.each<[string, unknown, string, number]>([
    ["no JSON", "{", "INVALID_MESSAGE", 400],
    ["no object", [], "INVALID_MESSAGE", 400],
    ["no id", body({ id: undefined }), "INVALID_MESSAGE", 400],
    ["an id that is no name", body({ id: "x".repeat(300) }), "INVALID_CHANNEL", 400],
    ["no messages", body({ messages: undefined }), "INVALID_MESSAGE", 400],
    ["empty messages", body({ messages: [] }), "INVALID_MESSAGE", 400],
    ["messages that are none", body({ messages: ["hi"] }), "INVALID_MESSAGE", 400],
    ["too many messages", body({ messages: Array(10_001).fill({}) }), "INVALID_MESSAGE", 400],
    ["another trigger", body({ trigger: "resume" }), "INVALID_MESSAGE", 400],
    ["a message id that is none", body({ messageId: 5 }), "INVALID_MESSAGE", 400],
    ["a handler that is none", body({ handler: { a: 1 } }), "INVALID_MESSAGE", 400],
    ["a handler that is not there", body({ handler: "nobody" }), "UNKNOWN_HANDLER", 404],
  ])("%s", async (_what, sent, code, status) => {
    const { script, server } = await chatServer();
    expect(await server.post("/api/chat", sent)).toMatchObject({ status, json: { code } });
    expect(script.runs).toHaveLength(0);
  });

  test("on_unwatched names what is allowed, and the handler comes from the address too", async () => {
    const { script, server } = await chatServer();
    const wrong = await server.post("/api/chat?on_unwatched=never", body());
    expect(wrong).toMatchObject({ status: 400, json: { code: "INVALID_MESSAGE" } });
    expect(await server.post("/api/chat?handler=nobody", body())).toMatchObject({
      status: 404,
      json: { message: expect.stringContaining("there are: chat") },
    });
    const answer = server.post(
      "/api/chat?handler=chat&on_unwatched=20",
      body({ handler: "nobody", extra: 1 }),
    );
    (await script.run(0)).end();
    expect((await answer).status).toBe(200);
    expect(script.runs[0]?.input["body"]).toEqual({ extra: 1 });
  });

  test("nobody reads, stops or feeds the chats of others", async () => {
    const grants = [{ verbs: "all" as const, channels: "chat:alice-*" }];
    const { script, server } = await chatServer({ auth: () => ({ subject: "alice", grants }) });
    expect(await server.post("/api/chat", body())).toMatchObject({
      status: 403,
      json: { code: "FORBIDDEN" },
    });
    expect(await server.http(streamOf("1"))).toMatchObject({ status: 403 });
    expect(await server.post("/api/chat/1/stop", {})).toMatchObject({ status: 403 });
    expect(await server.post("/api/chat/1/input", { data: 1 })).toMatchObject({ status: 403 });
    expect(script.runs).toHaveLength(0);
  });
});
