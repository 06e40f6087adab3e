/** `POST /api/commands` over real sockets. */
import { describe, expect, test } from "vitest";
import { startTestServer } from "../../testing/test-server.ts";
import { within } from "../websocket/testing/deadline.ts";

const PATH = "/api/commands";

/** Runs until it is cancelled, and says what it is given. */
async function* wait({ signal, inputs }: { signal: AbortSignal; inputs: AsyncIterable<unknown> }) {
  yield "begun";
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  const reading = inputs[Symbol.asyncIterator]();
  for (;;) yield String((await Promise.race([reading.next(), aborted])).value);
}

function startWaiting() {
  return startTestServer({ executions: { wait } });
}

describe("a command without a connection", () => {
  test("HTC-1 publish is answered with its receipt, once for each id", async () => {
    const server = await startTestServer();
    const command = { type: "publish", id: "p1", channel: "chat:1", data: { text: "hi" } };
    const first = await server.post(`${PATH}?client_id=alice`, command);
    expect(first.status).toBe(200);
    expect(first.json).toEqual({
      type: "receipt",
      ref: "p1",
      status: "applied",
      position: expect.any(String),
    });
    expect((await server.post(`${PATH}?client_id=alice`, command)).json).toEqual(first.json);
    const { json } = await server.http("/api/channels/chat:1/messages");
    expect(json!["records"]).toMatchObject([{ data: { text: "hi" }, sender: "alice" }]);
  });

  test("HTC-1 HTC-2 execute, input and cancel have the receipts of the WebSocket", async () => {
    const server = await startWaiting();
    const execute = { type: "execute", id: "e1", handler: "wait", input: null };
    const started = await server.post(`${PATH}?client_id=alice`, execute);
    expect(started.status).toBe(202);
    const { execution_id, channel, position } = started.json as Record<string, string>;
    expect(started.json).toMatchObject({ type: "receipt", ref: "e1", status: "accepted" });
    const stream = await server.events(`?channel=${channel}&after=${position}`);
    expect((await stream.next("execution_started")).message.execution_id).toBe(execution_id);
    const input = { type: "input", id: "i1", execution_id, data: "steer" };
    const taken = await server.post(`${PATH}?client_id=alice&wait=final`, input);
    expect([taken.status, taken.json!["status"]]).toEqual([200, "applied"]);
    const cancel = { type: "cancel", id: "c1", execution_id };
    const stopped = await server.post(`${PATH}?client_id=bob&wait=final`, cancel);
    expect([stopped.status, stopped.json!["status"]]).toEqual([200, "applied"]);
    const end = await stream.next("execution_cancelled");
    expect(end.message).toMatchObject({ reason: "requested", sender: "bob" });
    const late = await server.post(PATH, { type: "cancel", id: "c2", execution_id });
    expect([late.status, late.json]).toEqual([
      404,
      expect.objectContaining({
        status: "rejected",
        error: expect.objectContaining({ code: "UNKNOWN_EXECUTION" }),
      }),
    ]);
  });

  test("HTC-1 what is rejected has the status of its error, what is not allowed is refused", async () => {
    const server = await startTestServer({ channels: { quiet: { canPublish: () => false } } });
    const unknown = await server.post(PATH, { type: "execute", id: "1", handler: "nobody", input: 1 });
    expect([unknown.status, unknown.json]).toMatchObject([
      404,
      { type: "receipt", ref: "1", status: "rejected", error: { code: "UNKNOWN_HANDLER" } },
    ]);
    const large = { type: "publish", id: "2", channel: "chat:1", data: "x".repeat(1_100_000) };
    expect((await server.post(PATH, large)).status).toBe(413);
    const refused = await server.post(PATH, { type: "publish", id: "3", channel: "quiet:1", data: 1 });
    expect([refused.status, refused.json!["code"]]).toEqual([403, "FORBIDDEN"]);
  });

  test("HTC-3 a signal reaches those who follow, and has no answer", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    await client.ask({ type: "subscribe", id: "1", channel: "chat:1" });
    const answer = await server.post(`${PATH}?client_id=a`, {
      type: "signal",
      channel: "chat:1",
      data: "typing",
    });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(await client.next("signal")).toMatchObject({ data: "typing", sender: "a" });
  });

  test.each([
    ["{", "not JSON"],
    ["[]", "not a JSON object"],
    [{ type: "subscribe", channel: "a" }, "subscribe needs a connection"],
    [{ type: "publish", channel: "a", data: 1 }, "id"],
    [{ type: "dance", id: "1" }, "dance"],
  ])("HTC-3 %j is refused", async (body, detail) => {
    const server = await startTestServer();
    const { status, json } = await server.post(PATH, body);
    expect([status, json!["code"]]).toEqual([400, "INVALID_MESSAGE"]);
    expect(json!["message"]).toContain(detail);
  });

  test("the credential is asked for", async () => {
    const server = await startTestServer({ security: { apiKey: "secret-key-of-a-test" } });
    expect((await server.post(PATH, { type: "signal", channel: "a", data: 1 })).status).toBe(401);
  });
});

describe("messages for a connection", () => {
  async function connected() {
    const server = await startWaiting();
    const stream = await server.events("?client_id=alice");
    const { connection_id, session_id } = (await stream.next("welcome")).message;
    const post = (body: unknown, more = "") =>
      server.post(`${PATH}?connection_id=${connection_id}${more}`, body);
    return { server, stream, post, connectionId: connection_id!, sessionId: session_id! };
  }

  test("HTC-4 are taken in order and answered over the stream", async () => {
    const { stream, post } = await connected();
    const publish = (id: string) => ({ type: "publish", id, channel: "chat:1", data: id });
    const taken = await post([{ type: "subscribe", id: "s", channel: "chat:1" }, publish("a"), publish("b")]);
    expect([taken.status, taken.text]).toEqual([202, ""]);
    await stream.next("subscribed", ({ message }) => message.ref === "s");
    const seen = [await stream.next("message"), await stream.next("message")];
    expect(seen.map(({ message }) => message.data)).toEqual(["a", "b"]);
    expect((await stream.next("receipt")).message).toMatchObject({ ref: "a", status: "applied" });
    await post({ type: "ping", id: "p" });
    expect((await stream.next("pong")).message.ref).toBe("p");
  });

  test("HTC-4 an execution is followed, stopped and acknowledged like anywhere", async () => {
    const { server, stream, post, sessionId } = await connected();
    await post({ type: "execute", id: "e", handler: "wait", channel: "chat:1", input: null });
    const { execution_id } = (await stream.next("receipt")).message;
    await stream.next("chunk");
    await post({ type: "cancel", id: "c", execution_id });
    const end = await stream.next("execution_cancelled");
    await post([
      { type: "ack", positions: { "chat:1": end.message.position } },
      { type: "ping", id: "done" },
    ]);
    await stream.next("pong");
    stream.drop();
    const again = await server.events(`?session_id=${sessionId}`);
    const { subscriptions } = (await again.next("welcome")).message as unknown as {
      subscriptions: { channel: string; position: string }[];
    };
    expect(subscriptions.find(({ channel }) => channel === "chat:1")?.position).toBe(end.message.position);
  });

  test("HTC-5 are taken from nobody else", async () => {
    const server = await startTestServer({
      auth: async ({ token }) => (token === undefined ? undefined : { subject: token }),
    });
    const stream = await server.events("?token=alice&client_id=alice:phone");
    const { connection_id } = (await stream.next("welcome")).message;
    const post = (token: string) =>
      server.post(
        `${PATH}?connection_id=${connection_id}`,
        { type: "ping", id: token },
        { authorization: `Bearer ${token}` },
      );
    expect((await post("mallory")).json).toMatchObject({ code: "FORBIDDEN" });
    expect((await post("alice")).status).toBe(202);
    expect((await stream.next("pong")).message.ref).toBe("alice");
    const client = await server.welcomed("/ws?token=alice");
    const toSocket = await server.post(`${PATH}?connection_id=${client.hello.connectionId}&token=alice`, {
      type: "ping",
    });
    expect(toSocket.json).toMatchObject({ code: "INVALID_MESSAGE" });
  });

  test("HTC-6 for a connection that is gone are answered with what to do", async () => {
    const { server, stream, post, connectionId } = await connected();
    stream.drop();
    await within(
      "the connection to be gone",
      untilGone(() => server.server.connections.get(connectionId)),
    );
    for (const answer of [
      await post({ type: "ping" }),
      await server.post(`${PATH}?connection_id=nonsense`, []),
    ]) {
      expect([answer.status, answer.json!["code"]]).toEqual([410, "CONNECTION_GONE"]);
    }
  });

  test("HTC-7 are taken once for each seq, and in its order", async () => {
    const { stream, post } = await connected();
    const ping = (id: string) => ({ type: "ping", id });
    expect((await post(ping("1"), "&seq=1")).status).toBe(202);
    expect((await post(ping("again"), "&seq=1")).status).toBe(202);
    expect((await post(ping("3"), "&seq=3")).json).toMatchObject({
      code: "INVALID_MESSAGE",
      message: "seq is 3, the next one is 2",
    });
    expect((await post(ping("2"), "&seq=2")).status).toBe(202);
    await stream.next("pong", ({ message }) => message.ref === "2");
    const refs = stream.events
      .filter(({ message }) => message.type === "pong")
      .map(({ message }) => message.ref);
    expect(refs).toEqual(["1", "2"]);
    expect((await post(ping("4"), "&seq=0")).status).toBe(400);
  });

  test("HTC-4 are bounded in number, and one that cannot be read is answered over the stream", async () => {
    const { stream, post } = await connected();
    const many = await post(Array.from({ length: 257 }, () => ({ type: "ping" })));
    expect(many.json).toMatchObject({ code: "INVALID_MESSAGE", message: expect.stringContaining("256") });
    expect((await post([5, { type: "ping", id: "after" }])).status).toBe(202);
    expect((await stream.next("error")).message.code).toBe("INVALID_MESSAGE");
    await stream.next("pong");
  });

  test("HTC-4 each is as large and as deep as over a WebSocket, whatever comes beside it", async () => {
    const server = await startTestServer({ websocket: { maxMessageSize: 2_000 } });
    const stream = await server.events();
    const { connection_id } = (await stream.next("welcome")).message;
    const path = `${PATH}?connection_id=${connection_id}`;
    const publish = (id: string, data: unknown) => ({ type: "publish", id, channel: "chat:1", data });
    const many = Array.from({ length: 10 }, (_, index) => publish(String(index), "x".repeat(1_500)));
    expect((await server.post(path, many)).status).toBe(202);
    await stream.next("receipt", ({ message }) => message.ref === "9");
    const large = await server.post(path, [publish("a", 1), publish("large", "x".repeat(3_000))]);
    expect([large.status, large.json!["code"]]).toEqual([413, "MESSAGE_TOO_LARGE"]);
    const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const deep = (id: string, levels: number) =>
      `[{"type":"publish","id":"${id}","channel":"chat:1","data":${nested(levels)}}]`;
    expect((await server.post(path, deep("deep", 511))).status).toBe(202);
    expect((await stream.next("receipt", ({ message }) => message.ref === "deep")).message.status).toBe(
      "applied",
    );
    expect((await server.post(path, deep("deeper", 512))).status).toBe(400);
  });

  test("HTC-8 LIM-4 a flood waits at its sender, and is bounded there", async () => {
    const server = await startTestServer({ websocket: { maxMessagesPerSec: 20, maxMessageBurst: 1 } });
    const stream = await server.events();
    const { connection_id } = (await stream.next("welcome")).message;
    const posts = Array.from({ length: 24 }, (_, index) =>
      server.post(`${PATH}?connection_id=${connection_id}`, { type: "ping", id: String(index) }),
    );
    const statuses = (await Promise.all(posts)).map(({ status }) => status);
    const takenCount = statuses.filter((status) => status === 202).length;
    expect(new Set(statuses)).toEqual(new Set([202, 429]));
    for (let count = 0; count < takenCount; count += 1) await stream.next("pong");
  });
});

async function untilGone(look: () => unknown): Promise<void> {
  while (look() !== undefined) await new Promise((resolve) => setImmediate(resolve));
}
