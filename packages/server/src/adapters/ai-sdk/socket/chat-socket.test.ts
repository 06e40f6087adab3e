/** `/ws/ai-sdk` with the SDK's own client, and with frames that it does not send. */
import { type UIMessage, WebSocketChatTransport } from "ai";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { within } from "../../../gateway/websocket/testing/deadline.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { HeadlessChat } from "../testing/headless-chat.ts";
import { ScriptedHandler } from "../testing/scripted-handler.ts";
import { untilUnwatched } from "../testing/until-unwatched.ts";
import { MAX_REQUESTS_PER_SOCKET } from "./chat-socket.ts";

const PATH = "/ws/ai-sdk";

async function chatServer(options: Parameters<typeof startTestServer>[0] = {}) {
  const script = new ScriptedHandler();
  const server = await startTestServer({ executions: { chat: script.handler }, ...options });
  return { script, server };
}

type TransportOptions = Partial<ConstructorParameters<typeof WebSocketChatTransport>[0]>;

/** The stock transport, with its sockets in hand: they can be taken away. */
function socketTransport(server: TestServer, options: TransportOptions = {}) {
  const sockets: WebSocket[] = [];
  class KnownWebSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const transport = new WebSocketChatTransport<UIMessage>({
    url: server.webSocketUrl(PATH),
    webSocket: KnownWebSocket as never,
    ...options,
  });
  onTestFinished(() => transport.close());
  return { transport, sockets, drop: () => sockets.at(-1)!.terminate() };
}

const ask = (chat: HeadlessChat, text = "hi") => void chat.sendMessage({ text });

/** A socket that says what it is told, and keeps what it hears. */
class FrameClient {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("message", (text) => {
      this.frames.push(JSON.parse(String(text)) as Frame);
      this.#wake?.();
    });
    socket.on("error", () => undefined);
  }

  static async connect(server: TestServer, path = PATH, protocols: string[] = []): Promise<FrameClient> {
    const socket = new WebSocket(server.webSocketUrl(path), protocols);
    const client = new FrameClient(socket);
    await within("the handshake", new Promise((resolve) => socket.once("open", resolve)));
    onTestFinished(() => socket.terminate());
    return client;
  }

  send(frame: object | string): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  async until(what: string, isThere: (frame: Frame) => boolean): Promise<Frame> {
    const look = async () => {
      for (;;) {
        const found = this.frames.find(isThere);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    return within(`${what}`, look());
  }

  textOf(requestId: string): string {
    const chunks = this.frames.filter((frame) => frame.requestId === requestId && frame.type === "chunk");
    return chunks.map(({ chunk }) => (chunk?.type === "text-delta" ? chunk.delta : "")).join("");
  }

  sequencesOf(requestId: string): (number | undefined)[] {
    const chunks = this.frames.filter((frame) => frame.requestId === requestId && frame.type === "chunk");
    return chunks.map(({ sequence }) => sequence);
  }
}

interface Frame {
  readonly type: string;
  readonly requestId: string;
  readonly sequence?: number;
  readonly chunk?: { readonly type: string; readonly delta?: string };
  readonly errorText?: string;
}

function sendFrame(requestId: string, id: string, over: object = {}) {
  return {
    type: "send",
    requestId,
    id,
    trigger: "submit-message",
    messages: [{ id: `u-${id}`, role: "user", parts: [{ type: "text", text: "hi" }] }],
    headers: {},
    body: {},
    ...over,
  };
}

const resumeFrame = (requestId: string, id: string, over: object = {}) => ({
  type: "resume",
  requestId,
  id,
  headers: {},
  body: {},
  ...over,
});

describe("the stock WebSocketChatTransport", () => {
  test("gets the whole answer", async () => {
    const { script, server } = await chatServer();
    const { transport } = socketTransport(server, { body: { tier: "gold" } });
    const chat = new HeadlessChat({ id: "ws", transport });
    ask(chat);
    const run = await script.run(0);
    expect(run.input).toMatchObject({ trigger: "submit-message", body: { tier: "gold" } });
    run.say("Hello", " there").end();
    await chat.until("the answer", ({ status, answer }) => status === "ready" && answer === "Hello there");
    expect(chat.finishes).toMatchObject([
      { isAbort: false, isDisconnect: false, isError: false, finishReason: "stop" },
    ]);
  });

  test("vercel/ai #18462: the socket may be lost in the middle, and the message stands once", async () => {
    const { script, server } = await chatServer();
    const { transport, drop } = socketTransport(server);
    const chat = new HeadlessChat({ id: "drop", transport });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    drop();
    await chat.until("the loss", ({ status }) => status === "error");
    expect(chat.finishes[0]).toMatchObject({ isDisconnect: true });
    expect(run.isAborted).toBe(false);
    run.say("two ");
    const resumed = chat.resumeStream();
    await chat.until("what was missed", ({ answer }) => answer === "one two ");
    run.say("three").end();
    await resumed;
    expect(chat.answer).toBe("one two three");
    expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect([chat.status, script.runs.length]).toEqual(["ready", 1]);
  });

  test("vercel/ai #6502: stop works where the answer was taken up again", async () => {
    const { script, server } = await chatServer();
    const { transport, drop } = socketTransport(server);
    const chat = new HeadlessChat({ id: "stop", transport });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    drop();
    await chat.until("the loss", ({ status }) => status === "error");
    const resumed = chat.resumeStream();
    await chat.until("the answer", ({ status, answer }) => status === "streaming" && answer === "one ");
    await chat.stop();
    await resumed;
    await within("the model call to be aborted", run.aborted);
    expect(chat.status).toBe("ready");
    expect(chat.finishes.at(-1)).toMatchObject({ isAbort: true });
  });

  test("stop works before the first word, too", async () => {
    const { script, server } = await chatServer();
    const { transport } = socketTransport(server);
    const chat = new HeadlessChat({ id: "early", transport });
    ask(chat);
    const run = await script.run(0);
    await chat.stop();
    await within("the model call to be aborted", run.aborted);
    expect(chat.status).toBe("ready");
  });

  test("vercel/ai #18461: an answer that is taken up twice goes on, and once", async () => {
    const { script, server } = await chatServer();
    const { transport, drop } = socketTransport(server);
    const chat = new HeadlessChat({ id: "twice", transport });
    ask(chat);
    const run = await script.run(0);
    run.say("one ");
    await chat.until("the first word", ({ answer }) => answer === "one ");
    drop();
    await chat.until("the loss", ({ status }) => status === "error");
    const first = chat.resumeStream();
    await chat.until("the answer", ({ status }) => status === "streaming");
    const second = chat.resumeStream();
    await first;
    await chat.until("the answer", ({ status }) => status === "streaming");
    run.say("two").end();
    await second;
    expect(chat.answer).toBe("one two");
    expect(chat.messages).toHaveLength(2);
  });

  test("several chats share one socket, and each is stopped alone", async () => {
    const { script, server } = await chatServer();
    const { transport, sockets } = socketTransport(server);
    const [left, right] = ["left", "right"].map((id) => new HeadlessChat({ id, transport })) as [
      HeadlessChat,
      HeadlessChat,
    ];
    ask(left);
    const leftRun = await script.run(0);
    ask(right);
    const rightRun = await script.run(1);
    leftRun.say("L");
    rightRun.say("R");
    await left.until("text", ({ answer }) => answer === "L");
    await right.until("text", ({ answer }) => answer === "R");
    await left.stop();
    await within("the model call to be aborted", leftRun.aborted);
    rightRun.say("est").end();
    await right.until("the end", ({ status, answer }) => status === "ready" && answer === "Rest");
    expect(sockets).toHaveLength(1);
  });

  test("a second device takes up the answer of the first, which may come over HTTP as well", async () => {
    const { script, server } = await chatServer();
    const here = new HeadlessChat({ id: "two", transport: socketTransport(server).transport });
    ask(here);
    const run = await script.run(0);
    run.say("one ");
    await here.until("text", ({ answer }) => answer === "one ");
    const there = new HeadlessChat({ id: "two", transport: socketTransport(server).transport });
    const resumed = there.resumeStream();
    await there.until("text", ({ answer }) => answer === "one ");
    const overHttp = await fetch(server.httpUrl("/api/chat/two/stream"));
    run.say("two").end();
    await resumed;
    await here.until("the end", ({ status }) => status === "ready");
    expect([here.answer, there.answer]).toEqual(["one two", "one two"]);
    expect(await within("the answer over HTTP", overHttp.text())).toContain("[DONE]");
  });

  test("vercel/ai #17648: whatever is aborted while it is under way, nothing fails unheard", async () => {
    const { script, server } = await chatServer();
    const { transport, drop } = socketTransport(server);
    const chat = new HeadlessChat({ id: "unheard", transport });
    ask(chat);
    (await script.run(0)).say("one ");
    await chat.until("text", ({ answer }) => answer === "one ");
    drop();
    await chat.until("the loss", ({ status }) => status === "error");
    const resumed = chat.resumeStream();
    await chat.stop();
    await resumed;
    const again = chat.resumeStream();
    transport.close();
    await chat.stop();
    await again;
    // The server of this test fails it for a rejection that nobody hears.
    expect(["ready", "error"]).toContain(chat.status);
  });

  test("nothing to take up is no fault", async () => {
    const { server } = await chatServer();
    const chat = new HeadlessChat({ id: "none", transport: socketTransport(server).transport });
    await chat.resumeStream();
    expect([chat.status, chat.messages.length]).toEqual(["ready", 0]);
  });

  test("a server that stops ends the answer with an error, and the socket in an orderly way", async () => {
    const { script, server } = await chatServer();
    const { transport, sockets } = socketTransport(server);
    const chat = new HeadlessChat({ id: "stopping", transport });
    ask(chat);
    (await script.run(0)).say("one ");
    await chat.until("text", ({ answer }) => answer === "one ");
    const closed = new Promise((resolve) => sockets[0]!.once("close", resolve));
    await server.server.close({ graceMs: 0 });
    await chat.until("the failure", ({ status }) => status === "error");
    expect(chat.error?.message).toBe("The answer was interrupted: the server stopped");
    expect(await within("the close", closed)).toBe(1012);
  });
});

describe("lastSequence", () => {
  async function lostAfter(words: readonly string[]) {
    const { script, server } = await chatServer();
    const first = await FrameClient.connect(server);
    first.send(sendFrame("r1", "seq"));
    const run = await script.run(0);
    for (const word of words) {
      run.say(word);
      await first.until(word, ({ chunk }) => chunk?.delta === word);
    }
    const last = first.frames.at(-1)!.sequence!;
    first.socket.terminate();
    await within("the loss", first.closed);
    await untilUnwatched(server);
    return { script, server, run, last };
  }

  test("goes on with the next chunk, and with the next number", async () => {
    const { server, run, last } = await lostAfter(["a ", "b ", "c "]);
    run.say("d ", "e").end();
    const client = await FrameClient.connect(server);
    client.send(resumeFrame("r2", "seq", { lastSequence: last - 1 }));
    await client.until("the end", ({ type }) => type === "end");
    expect(client.textOf("r2")).toBe("c d e");
    const sequences = client.sequencesOf("r2");
    expect(sequences).toEqual(sequences.map((_, index) => last + index));
  });

  test("vercel/ai #19109: of a stream that is not remembered: the answer from its beginning, under the numbers that the client takes", async () => {
    const { server, run } = await lostAfter(["a "]);
    const client = await FrameClient.connect(server);
    client.send(resumeFrame("r2", "seq", { lastSequence: 700 }));
    run.say("b").end();
    await client.until("the end", ({ type }) => type === "end");
    expect(client.textOf("r2")).toBe("a b");
    expect(client.sequencesOf("r2")[0]).toBe(701);
    expect(client.frames.find(({ type }) => type === "chunk")?.chunk?.type).toBe("start");
  });

  test("of all of it: nothing is active", async () => {
    const { server, script } = await chatServer();
    const client = await FrameClient.connect(server);
    client.send(sendFrame("r1", "all"));
    (await script.run(0)).say("a").end();
    await client.until("the end", ({ type }) => type === "end");
    const last = client.sequencesOf("r1").at(-1);
    client.send(resumeFrame("r2", "all", { lastSequence: last }));
    await client.until("the answer", ({ type, requestId }) => type === "no-active" && requestId === "r2");
  });
});

describe("frames", () => {
  test("numbers count from 0 in each request, and a long answer is given in few", async () => {
    const { server, script } = await chatServer();
    const client = await FrameClient.connect(server);
    client.send(sendFrame("r1", "long"));
    const run = await script.run(0);
    for (let index = 0; index < 5_000; index += 1) run.say("word ");
    run.say("last");
    await client.until("the last word", ({ chunk }) => chunk?.delta?.endsWith("last") === true);
    client.send(resumeFrame("r2", "long"));
    await client.until("the last word", ({ requestId, chunk }) => {
      return requestId === "r2" && chunk?.delta?.endsWith("last") === true;
    });
    expect(client.textOf("r2")).toBe(client.textOf("r1"));
    const sequences = client.sequencesOf("r2");
    expect(sequences).toEqual(sequences.map((_, index) => index));
    expect(sequences.length).toBeLessThan(50);
    run.end();
    await client.until("the end", ({ type, requestId }) => type === "end" && requestId === "r2");
  });

  test.each<[string, object | string, string]>([
    ["no JSON", "{", ""],
    ["no object", "[]", ""],
    ["without requestId", { type: "send" }, ""],
    ["of another type", { type: "start", requestId: "r" }, "r"],
    ["without a chat", { ...sendFrame("r", "x"), id: undefined }, "r"],
    ["without messages", { ...sendFrame("r", "x"), messages: "hi" }, "r"],
    ["with another trigger", sendFrame("r", "x", { trigger: "resume" }), "r"],
    ["with a body that is none", sendFrame("r", "x", { body: 5 }), "r"],
    ["with a bad number", resumeFrame("r", "x", { lastSequence: -1 }), "r"],
    ["with a chat that cannot be", resumeFrame("r", "x".repeat(400)), "r"],
    ["for a handler that is not there", sendFrame("r", "x", { body: { handler: "nobody" } }), "r"],
  ])("%s gets an error, and the socket goes on", async (_what, frame, requestId) => {
    const { server, script } = await chatServer();
    const client = await FrameClient.connect(server);
    client.send(frame);
    const error = await client.until("the error", ({ type }) => type === "error");
    expect(error).toMatchObject({ requestId, errorText: expect.stringMatching(/.{10}/) });
    client.send(sendFrame("r1", "good"));
    (await script.run(0)).end();
    await client.until("the end", ({ type }) => type === "end");
  });

  test("binary and a flood of nonsense are refused, and the latter ends the socket", async () => {
    const { server } = await chatServer({ websocket: { maxInvalidMessagesPerMinute: 10 } });
    const client = await FrameClient.connect(server);
    client.socket.send(Buffer.from([1, 2, 3]));
    await client.until("the error", ({ errorText }) => errorText?.includes("Binary") === true);
    for (let index = 0; index < 20; index += 1) client.send("nonsense");
    expect(await within("the close", client.closed)).toBe(4429);
  });

  test("a requestId in use, and one request too many, are refused alone", async () => {
    const { server, script } = await chatServer({ limits: { maxExecutionsPerChannel: 1 } });
    const client = await FrameClient.connect(server);
    client.send(sendFrame("r0", "busy"));
    const run = await script.run(0);
    client.send(sendFrame("r0", "other"));
    await client.until("the error", ({ errorText }) => errorText === "requestId is in use");
    client.send(sendFrame("again", "busy", { trigger: "regenerate-message" }));
    await client.until(
      "the error",
      ({ errorText }) => errorText?.includes("1 executions are running") === true,
    );
    for (let index = 1; index < MAX_REQUESTS_PER_SOCKET; index += 1)
      client.send(resumeFrame(`r${index}`, "busy"));
    await client.until("all", ({ type, requestId }) => {
      return type === "start" && requestId === `r${MAX_REQUESTS_PER_SOCKET - 1}`;
    });
    client.send(resumeFrame("more", "busy"));
    const refused = await client.until("the error", ({ requestId }) => requestId === "more");
    expect(refused.errorText).toContain(`${MAX_REQUESTS_PER_SOCKET} requests`);
    run.end();
    await client.until("the end", ({ type, requestId }) => type === "end" && requestId === "r1");
  });

  test("an abort of what is over, or of nothing, is no fault", async () => {
    const { server, script } = await chatServer();
    const client = await FrameClient.connect(server);
    client.send({ type: "abort", requestId: "never" });
    client.send(sendFrame("r1", "ok"));
    (await script.run(0)).say("x").end();
    await client.until("the end", ({ type }) => type === "end");
    client.send({ type: "abort", requestId: "r1" });
    client.send(resumeFrame("r2", "ok"));
    await client.until("the answer", ({ requestId }) => requestId === "r2");
    expect(client.frames.some(({ type }) => type === "error")).toBe(false);
  });
});

describe("a peer that does not keep up", () => {
  test("is given merged text when it reads again, and loses nothing", async () => {
    const { server, script } = await chatServer({ websocket: { highWaterBytes: 16_384 } });
    const client = await FrameClient.connect(server);
    client.send(sendFrame("r1", "slow"));
    const run = await script.run(0);
    run.say("first ");
    await client.until("the first word", ({ chunk }) => chunk?.delta === "first ");
    client.socket.pause();
    const word = `${"x".repeat(1_000)} `;
    const watcher = await server.welcomed();
    await watcher.ask({ type: "subscribe", id: "s", channel: "chat:slow" });
    for (let index = 0; index < 4_000; index += 1) run.say(word);
    run.end();
    await watcher.next("execution_completed");
    const before = client.frames.length;
    client.socket.resume();
    await client.until("the end", ({ type }) => type === "end");
    expect(client.textOf("r1")).toBe(`first ${word.repeat(4_000)}`);
    // What the sockets of both ends held came as it was written, all else in large pieces.
    expect(client.frames.length - before).toBeLessThan(4_000);
  });

  test("and that answers no ping is let go, while its answer goes on", async () => {
    const { server, script } = await chatServer({
      websocket: { pingIntervalSecs: 0.1, pongTimeoutSecs: 0.1 },
    });
    const socket = new WebSocket(server.webSocketUrl(PATH), { autoPong: false });
    const client = new FrameClient(socket);
    await within("the handshake", new Promise((resolve) => socket.once("open", resolve)));
    client.send(sendFrame("r1", "dead"));
    const run = await script.run(0);
    expect(await within("the close", client.closed)).toBe(4008);
    expect(run.isAborted).toBe(false);
  });
});

describe("at the door", () => {
  const auth = ({ token }: { token: string | undefined }) =>
    token === "good" ? { subject: "alice" } : undefined;

  test("without a credential there is no socket; with one in the query or in a subprotocol there is", async () => {
    const { server } = await chatServer({ auth });
    expect((await server.refused(PATH)).status).toBe(401);
    expect((await server.refused(`${PATH}?token=bad`)).status).toBe(401);
    await FrameClient.connect(server, `${PATH}?token=good`);
    const client = await FrameClient.connect(server, PATH, ["ai-sdk.v1", "bearer.good"]);
    expect(client.socket.protocol).toBe("ai-sdk.v1");
  });

  test("places count as on /ws, and are given back", async () => {
    const { server } = await chatServer({ auth, websocket: { maxConnectionsPerClient: 2 } });
    const clients = [];
    for (let index = 0; index < 2; index += 1)
      clients.push(await FrameClient.connect(server, `${PATH}?token=good`));
    expect((await server.refused(`${PATH}?token=good`)).status).toBe(429);
    clients[0]!.socket.close();
    await within("the close", clients[0]!.closed);
    await FrameClient.connect(server, `${PATH}?token=good`);
  });

  test("nobody sends to, resumes or aborts what is not theirs", async () => {
    const grants = [{ verbs: "all" as const, channels: "chat:alice-*" }];
    const { server, script } = await chatServer({ auth: () => ({ subject: "alice", grants }) });
    const client = await FrameClient.connect(server);
    client.send(sendFrame("r1", "bob-1"));
    client.send(resumeFrame("r2", "bob-1"));
    for (const requestId of ["r1", "r2"]) {
      const error = await client.until("the refusal", (frame) => frame.requestId === requestId);
      expect(error).toMatchObject({ type: "error", errorText: expect.stringContaining("Not allowed") });
    }
    expect(script.runs).toHaveLength(0);
  });

  test("a credential that runs out ends the socket", async () => {
    const expiresAtMs = Date.now() + 200;
    const { server } = await chatServer({ auth: () => ({ subject: "alice", expiresAtMs }) });
    const client = await FrameClient.connect(server);
    expect(await within("the close", client.closed)).toBe(4001);
  });

  test("a page is told to upgrade, and /ws goes on as before", async () => {
    const { server } = await chatServer();
    expect(await server.http(PATH)).toMatchObject({ status: 426, json: { code: "UPGRADE_REQUIRED" } });
    expect((await server.welcomed("/ws", { protocols: ["tachikoma.v1"] })).webSocket.protocol).toBe(
      "tachikoma.v1",
    );
  });
});
