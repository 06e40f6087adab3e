/** `@tachikoma/client/ai-sdk`: our own transport under the SDK's state machine, against a real server. */
import { connect } from "@tachikoma/client";
import {
  type TachikomaChatTransport,
  type TransportOptions,
  tachikomaTransport,
} from "@tachikoma/client/ai-sdk";
import { lastAssistantMessageIsCompleteWithApprovalResponses } from "ai";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { within } from "../../gateway/websocket/testing/deadline.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { HeadlessChat } from "./testing/headless-chat.ts";
import { ScriptedHandler } from "./testing/scripted-handler.ts";
import { untilUnwatched } from "./testing/until-unwatched.ts";

type Options = Partial<TransportOptions>;

async function chatServer(options: Parameters<typeof startTestServer>[0] = {}) {
  const script = new ScriptedHandler();
  const server = await startTestServer({ executions: { chat: script.handler }, ...options });
  return { script, server };
}

function connectTo(server: TestServer, options: Parameters<typeof connect>[1] = {}) {
  const client = connect(server.webSocketUrl(), { ...options, ports: { WebSocket: WebSocket as never } });
  onTestFinished(() => client.close());
  return client;
}

class OurChat extends HeadlessChat {
  readonly ours: TachikomaChatTransport;

  constructor(id: string, ours: TachikomaChatTransport) {
    super({ id, transport: ours });
    this.ours = ours;
  }
}

function chatOver(client: ReturnType<typeof connect>, id: string, options: Options = {}): OurChat {
  return new OurChat(id, tachikomaTransport({ client, ...options } as TransportOptions));
}

const ask = (chat: HeadlessChat, text = "hi") => void chat.sendMessage({ text });

/** A stop of the same client that was asked for later has taken effect: one from before would have. */
async function untilStopped(client: ReturnType<typeof connect>, script: ScriptedHandler): Promise<void> {
  const marker = chatOver(client, "marker");
  ask(marker);
  const run = await script.run(script.runs.length);
  await marker.stop();
  await within("a later stop", run.aborted);
}

describe("an answer", () => {
  test("is whole, and ends as over the other transports", async () => {
    const { script, server } = await chatServer();
    const chat = chatOver(connectTo(server), "ours", { body: { tier: "gold" } });
    ask(chat);
    const run = await script.run(0);
    expect(run.input).toMatchObject({ trigger: "submit-message", body: { tier: "gold" } });
    expect(run.context.channel).toBe("chat:ours");
    run.say("Hello", " there").end();
    await chat.until("the answer", ({ status, answer }) => status === "ready" && answer === "Hello there");
    expect(chat.finishes).toMatchObject([
      { isAbort: false, isDisconnect: false, isError: false, finishReason: "stop" },
    ]);
  });

  test("goes on through a lost connection, which the chat does not notice", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server, { backOff: { baseDelayMs: 1 } });
    const chat = chatOver(client, "drop");
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    client.dropConnection();
    await untilUnwatched(server);
    run.say("two ");
    await chat.until("what was missed", ({ answer }) => answer === "one two ");
    run.say("three").end();
    await chat.until("the end", ({ status }) => status === "ready");
    expect([chat.answer, chat.messages.length, chat.finishes.length]).toEqual(["one two three", 2, 1]);
  });

  test("of a page that was loaded anew is taken up, with what came before in few chunks", async () => {
    const { script, server } = await chatServer();
    const before = chatOver(connectTo(server), "page");
    ask(before);
    (await script.run(0)).say("earlier").end();
    await before.until("the end", ({ status }) => status === "ready");
    ask(before);
    const run = await script.run(1);
    for (let index = 0; index < 3_000; index += 1) run.say("word ");
    await before.until("the words", ({ answer }) => answer.length === 7 + 15_000);
    const chat = chatOver(connectTo(server), "page");
    let chunkCount = 0;
    const { ours: transport } = chat;
    const reconnect = transport.reconnectToStream.bind(transport);
    transport.reconnectToStream = async (options) => {
      const stream = await reconnect(options);
      const count = new TransformStream({
        transform: (chunk, controller) => {
          chunkCount += 1;
          controller.enqueue(chunk);
        },
      });
      return stream?.pipeThrough(count) ?? null;
    };
    const resumed = chat.resumeStream();
    await chat.until("the words", ({ answer }) => answer.length === 15_000);
    expect(chunkCount).toBeLessThan(50);
    run.say("last").end();
    await resumed;
    expect(chat.answer).toBe(`${"word ".repeat(3_000)}last`);
    expect(chat.messages).toHaveLength(1);
    expect(chat.lastMessage?.id).toBe(before.lastMessage?.id);
  });

  test("that has ended, or was never asked for, is nothing to take up", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server);
    const chat = chatOver(client, "over");
    await chat.resumeStream();
    expect([chat.status, chat.messages.length]).toEqual(["ready", 0]);
    ask(chat);
    (await script.run(0)).say("x").end();
    await chat.until("the end", ({ status, answer }) => status === "ready" && answer === "x");
    const again = chatOver(client, "over");
    await again.resumeStream();
    expect([again.status, again.messages.length]).toEqual(["ready", 0]);
  });

  test("that fails, or whose server stops, is an error and not a short answer", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server);
    const failing = chatOver(client, "fails");
    ask(failing);
    (await script.run(0)).say("one").fail(new Error("a secret"));
    await failing.until("the failure", ({ status }) => status === "error");
    expect(failing.error?.message).toBe("The handler failed");
    const refused = chatOver(client, "refused", { handler: "nobody" });
    ask(refused);
    await refused.until("the refusal", ({ status }) => status === "error");
    expect(refused.error).toMatchObject({ code: "UNKNOWN_HANDLER" });
    const stopped = chatOver(client, "stopped");
    ask(stopped);
    (await script.run(1)).say("one");
    await stopped.until("text", ({ answer }) => answer === "one");
    await server.server.close({ graceMs: 0 });
    await stopped.until("the failure", ({ status }) => status === "error");
    expect(stopped.error?.message).toBe("The answer was interrupted: the server stopped");
  });

  test("is lost as a connection is lost when its client is closed for good", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server);
    const chat = chatOver(client, "closed");
    ask(chat);
    (await script.run(0)).say("one");
    await chat.until("text", ({ answer }) => answer === "one");
    client.close();
    await chat.until("the loss", ({ status }) => status === "error");
    expect(chat.finishes[0]).toMatchObject({ isDisconnect: true });
  });
});

describe("stop", () => {
  test("cancels, and says so", async () => {
    const { script, server } = await chatServer();
    const chat = chatOver(connectTo(server), "stop");
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("text", ({ answer }) => answer === "one ");
    await chat.stop();
    await within("the model call to be aborted", run.aborted);
    expect([chat.status, chat.answer]).toEqual(["ready", "one "]);
    expect(chat.finishes).toMatchObject([{ isAbort: true }]);
  });

  test("works where the answer was taken up by another page, and the first one sees it", async () => {
    const { script, server } = await chatServer();
    const first = chatOver(connectTo(server), "two");
    ask(first);
    const run = await script.run(0);
    run.say("one ");
    await first.until("text", ({ answer }) => answer === "one ");
    const second = chatOver(connectTo(server), "two");
    const resumed = second.resumeStream();
    await second.until("text", ({ answer }) => answer === "one ");
    await second.stop();
    await within("the model call to be aborted", run.aborted);
    await resumed;
    await first.until("the end", ({ status }) => status === "ready");
    expect(first.answer).toBe("one ");
  });

  test("can be asked of the transport, also by who watches nothing", async () => {
    const { script, server } = await chatServer();
    const first = chatOver(connectTo(server), "remote");
    ask(first);
    const run = await script.run(0);
    run.say("one ");
    await first.until("text", ({ answer }) => answer === "one ");
    const { ours: transport } = chatOver(connectTo(server), "remote");
    expect(await within("the stop", transport.stop("remote"))).toMatchObject({ status: "applied" });
    await within("the model call to be aborted", run.aborted);
    await first.until("the end", ({ status }) => status === "ready");
    expect(await within("the stop", transport.stop("remote"))).toBeUndefined();
  });

  test("is not what disposing of a chat means, nor what an abort means where that was asked for", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server);
    const disposed = chatOver(client, "disposed");
    ask(disposed);
    const run = await script.run(0);
    run.say("one ");
    await disposed.until("text", ({ answer }) => answer === "one ");
    await disposed.dispose();
    const left = chatOver(client, "left", { onAbort: "detach" });
    ask(left);
    const leftRun = await script.run(1);
    leftRun.say("L");
    await left.until("text", ({ answer }) => answer === "L");
    await left.stop();
    await untilStopped(client, script);
    expect([run.isAborted, leftRun.isAborted]).toEqual([false, false]);
    const back = chatOver(client, "disposed");
    const resumed = back.resumeStream();
    await back.until("text", ({ answer }) => answer === "one ");
    run.say("two").end();
    leftRun.end();
    await resumed;
    expect(back.answer).toBe("one two");
  });

  test("vercel/ai #17648: of an answer that is just being looked for is nobody's failure, and stops nothing", async () => {
    const { script, server } = await chatServer();
    const asking = chatOver(connectTo(server), "unheard");
    ask(asking);
    const run = await script.run(0);
    run.say("one ");
    await asking.until("text", ({ answer }) => answer === "one ");
    const chat = chatOver(connectTo(server), "unheard");
    const resumed = chat.resumeStream();
    await chat.stop();
    await resumed;
    expect([chat.status, chat.messages.length]).toEqual(["ready", 0]);
    run.say("two").end();
    await asking.until("the end", ({ status, answer }) => status === "ready" && answer === "one two");
  });

  test("vercel/ai #18461: an answer that is taken up twice goes on, and once", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server);
    const asking = chatOver(client, "twice");
    ask(asking);
    const run = await script.run(0);
    run.say("one ");
    await asking.until("text", ({ answer }) => answer === "one ");
    const second = connectTo(server);
    const chat = chatOver(second, "twice");
    const first = chat.resumeStream();
    await chat.until("text", ({ answer }) => answer === "one ");
    const again = chat.resumeStream();
    await first;
    await untilStopped(second, script);
    expect(run.isAborted).toBe(false);
    run.say("two").end();
    await again;
    expect([chat.answer, chat.messages.length]).toEqual(["one two", 1]);
  });
});

describe("one connection", () => {
  test("serves many chats, each of which is stopped alone", async () => {
    const { script, server } = await chatServer();
    const client = connectTo(server);
    const transport = tachikomaTransport({ client });
    const chats = Array.from(
      { length: 5 },
      (_, index) => new HeadlessChat({ id: `many-${index}`, transport }),
    );
    for (const [index, chat] of chats.entries()) {
      ask(chat);
      (await script.run(index)).say(`${index}`);
    }
    for (const [index, chat] of chats.entries())
      await chat.until("text", ({ answer }) => answer === `${index}`);
    await chats[0]!.stop();
    await within("the model call to be aborted", script.runs[0]!.aborted);
    for (const run of script.runs.slice(1)) run.say("!").end();
    for (const [index, chat] of chats.slice(1).entries()) {
      await chat.until("the end", ({ status, answer }) => status === "ready" && answer === `${index + 1}!`);
    }
    expect((await server.http("/api/stats")).json).toMatchObject({ connections: 1 });
  });

  test("is the transport's own where it was given an address, and ends with it", async () => {
    const { script, server } = await chatServer();
    const ports = { WebSocket: WebSocket as never };
    const transport = tachikomaTransport({ url: server.webSocketUrl(), connect: { ports } });
    const chat = new HeadlessChat({ id: "own", transport });
    ask(chat);
    (await script.run(0)).say("x").end();
    await chat.until("the end", ({ status, answer }) => status === "ready" && answer === "x");
    transport.close();
    const isGone = async () => (await server.http("/api/stats")).json?.["connections"] === 0;
    while (!(await isGone())) await new Promise((resolve) => setImmediate(resolve));
    ask(chat);
    await chat.until("the refusal", ({ status }) => status === "error");
  });
});

describe("a tool that needs approval", () => {
  const call = { toolCallId: "call-1", toolName: "erase" };

  test("is answered with the next message", async () => {
    const { script, server } = await chatServer();
    const transport = tachikomaTransport({ client: connectTo(server) });
    const sendAutomaticallyWhen = lastAssistantMessageIsCompleteWithApprovalResponses;
    const chat = new HeadlessChat({ id: "approve", transport, sendAutomaticallyWhen });
    const calls: unknown[] = [];
    ask(chat);
    (await script.run(0))
      .say(
        { type: "start-step" },
        { type: "tool-input-available", ...call, input: {} },
        { type: "tool-approval-request", approvalId: "a1", toolCallId: call.toolCallId },
        { type: "finish-step" },
      )
      .end();
    await chat.until("the question", ({ status }) => status === "ready");
    await chat.addToolApprovalResponse({ id: "a1", approved: true });
    const going = await script.run(1);
    going.say({ type: "tool-output-available", toolCallId: call.toolCallId, output: "gone" }, "Do");
    await chat.until("some of it", ({ answer }) => answer === "Do");
    const page = tachikomaTransport({ client: connectTo(server) });
    const anew = new HeadlessChat({
      id: "approve",
      transport: page,
      onToolCall: (made) => void calls.push(made),
    });
    const resumed = anew.resumeStream();
    await anew.until("some of it", ({ answer }) => answer === "Do");
    going.say("ne.").end();
    await chat.until("the end", ({ status, answer }) => status === "ready" && answer === "Done.");
    await resumed;
    expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect(anew.lastMessage?.id).toBe(chat.lastMessage?.id);
    expect(anew.lastMessage?.parts).toMatchObject([
      { type: "step-start" },
      { type: "tool-erase", state: "output-available", input: {}, output: "gone" },
      { type: "text", text: "Done." },
    ]);
    expect(calls).toEqual([]);
  });

  test("is answered by an input to the execution that waits for it", async () => {
    const { server } = await chatServer({
      executions: {
        chat: async function* ({ inputs }) {
          yield { type: "tool-input-available" as const, ...call, input: {} };
          yield { type: "tool-approval-request" as const, approvalId: "a1", toolCallId: call.toolCallId };
          for await (const output of inputs) {
            yield { type: "tool-output-available" as const, toolCallId: call.toolCallId, output };
            return;
          }
        },
      },
    });
    const chat = chatOver(connectTo(server), "input");
    ask(chat);
    await chat.until("the question", ({ messages }) =>
      JSON.stringify(messages).includes("approval-requested"),
    );
    const result = await within("the input", chat.ours.input("input", { approved: true }));
    expect(result).toMatchObject({ status: "applied" });
    await chat.until("the end", ({ status }) => status === "ready");
    expect(chat.lastMessage?.parts).toMatchObject([
      { state: "output-available", output: { approved: true } },
    ]);
  });
});
