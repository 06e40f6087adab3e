/** `/events` over real sockets. */
import { describe, expect, test } from "vitest";
import type { EventClient } from "../../testing/event-client.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { within } from "../websocket/testing/deadline.ts";

async function publish(server: TestServer, channel: string, ...texts: unknown[]): Promise<string[]> {
  const positions: string[] = [];
  for (const text of texts) positions.push(await server.server.publish(channel, text));
  return positions;
}

async function readTexts(stream: EventClient, count: number): Promise<unknown[]> {
  const texts: unknown[] = [];
  while (texts.length < count) texts.push((await stream.next("message")).message.data);
  return texts;
}

const refusedWith = (status: number, code?: string) => ({
  status,
  ...(code === undefined ? {} : { body: expect.stringContaining(`"${code}"`) }),
});

describe("a stream of one channel", () => {
  test("SSE-1 SSE-3 it is a connection whose messages are events", async () => {
    const server = await startTestServer();
    const stream = await server.events("?channel=chat:1&client_id=alice");
    expect(stream.response.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const { message } = await stream.next("welcome");
    expect(message).toMatchObject({ client_id: "alice", resumed: false });
    expect(server.server.connections.get(message.connection_id!)).toMatchObject({ clientId: "alice" });
    await stream.next("subscribed");
    await publish(server, "chat:1", "one\r\n\u0000\u2028two");
    const { event, data, message: record } = await stream.next("message");
    expect([event, record.data]).toEqual(["message", "one\r\n\u0000\u2028two"]);
    expect(data).not.toMatch(/[\r\n\0]/);
  });

  test("SSE-4 its id is the position, and inboxes leave it as it is", async () => {
    const server = await startTestServer();
    const stream = await server.events("?channel=chat:1&client_id=alice");
    const subscribed = await stream.next("subscribed");
    expect(subscribed.id).toBe(subscribed.message.position);
    expect((await stream.next("welcome")).id).toBeUndefined();
    await server.server.connections.sendToClient("alice", "hello");
    const direct = await stream.next("message");
    expect([direct.message.channel, direct.id]).toEqual(["~client:alice", undefined]);
    const [position] = await publish(server, "chat:1", "one");
    expect((await stream.next("message")).id).toBe(position);
  });

  test("SSE-5 Last-Event-ID goes on right after it, and wins over after", async () => {
    const server = await startTestServer();
    const [first, second] = await publish(server, "chat:1", "one", "two", "three");
    const byQuery = await server.events(`?channel=chat:1&after=${first}`);
    expect(await readTexts(byQuery, 2)).toEqual(["two", "three"]);
    const byHeader = await server.events(`?channel=chat:1&after=${first}`, { "last-event-id": second! });
    expect(await readTexts(byHeader, 1)).toEqual(["three"]);
  });

  test("SSE-5 a position that cannot be proven is reset, and the reset has an id", async () => {
    const server = await startTestServer();
    await publish(server, "chat:1", "one");
    const stream = await server.events("?channel=chat:1", { "last-event-id": "elsewhere.7.x" });
    const subscribed = await stream.next("subscribed");
    expect([subscribed.id, subscribed.message.recovered]).toEqual([undefined, false]);
    const reset = await stream.next("reset");
    expect(reset.message).toMatchObject({ reason: "epoch_changed" });
    expect(reset.id).toBe(reset.message.position);
    expect(await readTexts(stream, 1)).toEqual(["one"]);
  });

  test("SSE-2 since=start begins at the oldest record", async () => {
    const server = await startTestServer();
    await publish(server, "chat:1", "one", "two");
    expect(await readTexts(await server.events("?channel=chat:1&since=start"), 2)).toEqual(["one", "two"]);
  });

  test("SSE-1 a session is resumed, and what it follows goes on where the request says", async () => {
    const server = await startTestServer();
    const first = await server.events("?channel=chat:1&client_id=alice");
    const { session_id } = (await first.next("welcome")).message;
    await first.next("subscribed");
    const [one] = await publish(server, "chat:1", "one", "two");
    await readTexts(first, 2);
    first.drop();
    const second = await server.events(`?channel=chat:1&session_id=${session_id}`, { "last-event-id": one! });
    expect((await second.next("welcome")).message).toMatchObject({ resumed: true, client_id: "alice" });
    expect(await readTexts(second, 1)).toEqual(["two"]);
    // Nothing was confirmed: without a place of its own it goes on from where the session stands.
    second.drop();
    const third = await server.events(`?channel=chat:1&session_id=${session_id}`);
    expect((await third.next("subscribed")).message.position).toBe(one);
    expect(await readTexts(third, 1)).toEqual(["two"]);
  });
});

test("CON-9 a permission that is never decided holds neither the place nor the lane of handshakes", async () => {
  const server = await startTestServer({
    websocket: { maxConnectionsPerClient: 1, connectionTimeoutSecs: 0.3 },
    channels: { stuck: { canSubscribe: () => new Promise(() => {}) } },
  });
  const stuck = Array.from({ length: 20 }, (_, index) =>
    server.events(`?client_id=c${index}&channel=stuck:1`),
  );
  for (const request of stuck)
    await expect(request).rejects.toMatchObject(refusedWith(503, "SERVER_NOT_READY"));
  const stream = await server.events("?client_id=c0&channel=chat:1");
  await stream.next("subscribed");
  expect(server.server.connections.count).toBe(1);
});

test("SSE-1 RES-10 a request that is slow to be allowed does not take the session from a later one", async () => {
  const asked = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<boolean>();
  const server = await startTestServer({
    channels: {
      slow: {
        canSubscribe: () => {
          asked.resolve();
          return allowed.promise;
        },
      },
    },
  });
  const first = await server.welcomed();
  await first.drop();
  const early = server.events(`?session_id=${first.hello.sessionId}&channel=slow:1`);
  await within("the question", asked.promise);
  const late = await server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
  expect(late.hello.isResumed).toBe(true);
  allowed.resolve(true);
  expect((await (await early).nextEvent("end")).message).toMatchObject({ code: 4409 });
  await late.settle();
});

describe("a stream of several channels", () => {
  test("SSE-4 SSE-5 the last id alone brings all of them back", async () => {
    const server = await startTestServer();
    const query = "?channel=chat:1&channel=chat%3A2&channel=n%C3%A9ws";
    const first = await server.events(query);
    for (let count = 0; count < 3; count += 1) await first.next("subscribed");
    await publish(server, "chat:1", "a1", "a2");
    await publish(server, "n\u00e9ws", "c1");
    await readTexts(first, 3);
    expect(first.lastId).toMatch(/^[\w.=,-]+$/);
    first.drop();
    await publish(server, "chat:1", "a3");
    await publish(server, "chat:2", "b1");
    await publish(server, "n\u00e9ws", "c2");
    const second = await server.events(query, { "last-event-id": first.lastId });
    expect((await readTexts(second, 3)).sort()).toEqual(["a3", "b1", "c2"]);
    // Whatever the order in which they are named, and as a parameter.
    const turned = "?channel=n%C3%A9ws&channel=chat:2&channel=chat:1";
    const third = await server.events(`${turned}&after=${encodeURIComponent(first.lastId)}`);
    expect((await readTexts(third, 3)).sort()).toEqual(["a3", "b1", "c2"]);
  });

  test("SSE-5 after may be given for each channel", async () => {
    const server = await startTestServer();
    const [a1] = await publish(server, "chat:1", "a1", "a2");
    await publish(server, "chat:2", "b1");
    const stream = await server.events(`?channel=chat:1&after=${a1}&channel=chat:2&after=&since=start`);
    expect((await readTexts(stream, 2)).sort()).toEqual(["a2", "b1"]);
  });

  test("SSE-5 a connection that is lost before everything is subscribed loses no place", async () => {
    const server = await startTestServer({
      channels: { slow: { initialState: () => new Promise(() => {}) } },
    });
    const [s1] = await publish(server, "slow:1", "s1", "s2");
    const [a1] = await publish(server, "chat:1", "a1");
    const stream = await server.events(`?channel=slow:1&after=${s1}&channel=chat:1&after=${a1}`);
    await stream.next("subscribed", ({ message }) => message.channel === "chat:1");
    expect(stream.lastId).toContain(`=${s1}`);
    expect(stream.lastId).toContain(`=${a1}`);
  });
});

describe("refusals", () => {
  test("SSE-1 credentials, ids and limits are those of the WebSocket", async () => {
    const server = await startTestServer({
      security: { apiKey: "secret-key-of-a-test" },
      websocket: { maxConnectionsPerClient: 1 },
    });
    await expect(server.events("?channel=chat:1")).rejects.toMatchObject(refusedWith(401, "TOKEN_REQUIRED"));
    await expect(server.events("?token=wrong")).rejects.toMatchObject(refusedWith(401, "UNAUTHORIZED"));
    const headers = { authorization: "Bearer secret-key-of-a-test" };
    const stream = await server.events("?client_id=alice", headers);
    await stream.next("welcome");
    await expect(server.events("?client_id=alice", headers)).rejects.toMatchObject({
      ...refusedWith(429, "TOO_MANY_CONNECTIONS"),
      headers: { "retry-after": expect.stringMatching(/^\d+$/) },
    });
    await expect(server.events("?client_id=a%20b", headers)).rejects.toMatchObject(refusedWith(400));
    const posted = await server.http("/events", { method: "POST", headers });
    expect(posted.status).toBe(405);
  });

  test.each([
    [
      `?${Array.from({ length: 33 }, (_, index) => `channel=c${index}`).join("&")}`,
      "INVALID_MESSAGE",
      "33 channels, the limit is 32",
    ],
    ["?channel=a&since=middle", "INVALID_MESSAGE", "middle"],
    ["?channel=a&until=noon", "INVALID_MESSAGE", "noon"],
    ["?channel=a&channel=b&until=end", "INVALID_MESSAGE", "one channel"],
    ["?channel=a&channel=b&after=1&after=2&after=3", "INVALID_MESSAGE", "3 after for 2"],
    ["?channel=a&channel=b&after=nonsense", "INVALID_POSITION", "several"],
    [`?channel=a&after=${"x".repeat(65)}`, "INVALID_POSITION", "65 characters, the limit is 64"],
    ["?channel=~all", "INVALID_CHANNEL", "~"],
  ])("SSE-2 SSE-5 %s is refused with %s", async (query, code, detail) => {
    const server = await startTestServer();
    const refused = server.events(query);
    await expect(refused).rejects.toMatchObject(refusedWith(400, code));
    await expect(refused).rejects.toThrow(detail);
  });

  test("SSE-2 a channel that is not allowed refuses the request and gives the place back", async () => {
    const server = await startTestServer({
      websocket: { maxConnectionsPerClient: 1 },
      channels: { secret: { canSubscribe: () => false } },
    });
    await expect(server.events("?client_id=a&channel=chat:1&channel=secret:1")).rejects.toMatchObject(
      refusedWith(403, "FORBIDDEN"),
    );
    await (await server.events("?client_id=a&channel=chat:1")).next("subscribed");
  });
});

test("SSE-12 a browser is not refused for good by what passes", async () => {
  const server = await startTestServer({
    websocket: { maxConnectionsPerClient: 1 },
    auth: async ({ token }) => (token === "good" ? {} : undefined),
  });
  const accept = { accept: "text/event-stream" };
  await (await server.events("?client_id=a&token=good", accept)).next("welcome");
  const waiting = await server.events("?client_id=a&token=good", accept);
  expect((await waiting.nextEvent("close")).message).toEqual({
    code: 1013,
    reason: "Maximum 1 connections per client",
    retry: "resume",
  });
  expect(Number(waiting.events[0]!.retry)).toBeGreaterThan(0);
  expect(await within("the end", waiting.ended)).toBe(true);
  await expect(server.events("?client_id=a&token=bad", accept)).rejects.toMatchObject(refusedWith(401));
});

describe("the end of a stream", () => {
  test("SSE-6 comments keep it alive and nothing closes it", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.02, pongTimeoutSecs: 0.02 } });
    const stream = await server.events("?channel=chat:1");
    await stream.untilComment(5);
    await publish(server, "chat:1", "still there");
    expect(await readTexts(stream, 1)).toEqual(["still there"]);
    expect(new Set(stream.comments)).toEqual(new Set([": hb"]));
  });

  test("SSE-7 SSE-11 a server that stops says when to come back", async () => {
    const server = await startTestServer();
    const stream = await server.events("?channel=chat:1");
    expect(Number(stream.events[0]?.retry ?? (await stream.nextEvent("message")).retry)).toBeGreaterThan(0);
    await stream.next("subscribed");
    const stopping = server.server.close({ graceMs: 0 });
    const reconnect = await stream.next("reconnect");
    expect(reconnect.retry).toBe(String(reconnect.message["in_ms"]));
    const closing = await stream.nextEvent("close");
    expect(closing.message).toEqual({ code: 1012, reason: "The server is restarting", retry: "resume" });
    expect(await within("the end", stream.ended)).toBe(true);
    await stopping;
  });

  test("SSE-7 SSE-8 whoever is replaced is told to stay away, and does when its browser does not", async () => {
    const server = await startTestServer();
    const first = await server.events("?client_id=alice");
    const { session_id } = (await first.next("welcome")).message;
    const second = await server.events(`?session_id=${session_id}`);
    await second.next("welcome");
    const end = await first.nextEvent("end");
    expect(end).toMatchObject({ id: "end", message: { code: 4409, retry: "never" } });
    await expect(
      server.events(`?session_id=${session_id}`, { "last-event-id": end.id! }),
    ).rejects.toMatchObject(refusedWith(204));
  });

  test("SSE-7 a credential that expires closes it, and the next request is refused", async () => {
    const expiresAtMs = Date.now() + 400;
    const server = await startTestServer({ auth: async () => ({ subject: "alice", expiresAtMs }) });
    const stream = await server.events("?channel=chat:1");
    expect((await stream.nextEvent("close")).message).toMatchObject({ code: 4001 });
    await expect(server.events("?channel=chat:1")).rejects.toMatchObject(refusedWith(401, "TOKEN_EXPIRED"));
  });
});

describe("a stream until the end", () => {
  async function started() {
    const server = await startTestServer({
      executions: {
        async *say({ input }) {
          yield String(input);
        },
      },
    });
    const run = async (channel?: string) => {
      const answer = await server.post("/api/commands?client_id=a", {
        type: "execute",
        id: `e${Math.random()}`,
        handler: "say",
        input: "hello",
        ...(channel === undefined ? {} : { channel }),
      });
      return answer.json as { channel: string; position: string; execution_id: string };
    };
    return { server, run };
  }

  test("SSE-9 it closes behind the terminal record, and coming back is answered with 204", async () => {
    const { server, run } = await started();
    const { channel, position } = await run();
    const path = `?channel=${channel}&until=end`;
    const stream = await server.events(`${path}&after=${position}`);
    const { id } = await stream.next("execution_completed");
    expect((await stream.nextEvent("end")).message).toMatchObject({ code: 1000, retry: "never" });
    expect(await within("the end", stream.ended)).toBe(true);
    // The end was read, and the event that says so was not.
    const back = server.events(`${path}&after=${position}`, { "last-event-id": id! });
    await expect(back).rejects.toMatchObject(refusedWith(204));
    // From the start it is all there, end included.
    await (await server.events(`${path}&since=start`)).nextEvent("end");
    await expect(server.events(path)).rejects.toMatchObject(refusedWith(204));
  });

  test("SSE-9 in a channel with a history it is the newest execution that ends it", async () => {
    const { server, run } = await started();
    await run("chat:1");
    const before = await run("chat:1");
    const stream = await server.events("?channel=chat:1&until=end&since=start");
    await stream.nextEvent("end");
    const ended = stream.events.filter(({ message }) => message.type === "execution_completed");
    expect(ended.length).toBeGreaterThanOrEqual(1);
    expect(ended.at(-1)!.message.execution_id).toBe(before.execution_id);
  });

  test("SSE-9 where nothing runs it waits for the next execution", async () => {
    const { server, run } = await started();
    const stream = await server.events("?channel=chat:9&until=end");
    await stream.next("subscribed");
    const { execution_id } = await run("chat:9");
    expect((await stream.next("execution_completed")).message.execution_id).toBe(execution_id);
    await stream.nextEvent("end");
  });

  test("SSE-10 the end of a private channel is answered with 204 to who has it", async () => {
    const { server, run } = await started();
    const { channel } = await run();
    const stream = await server.events(`?channel=${channel}&since=start`);
    const { id } = await stream.next("execution_completed");
    await expect(
      server.events(`?channel=${channel}&since=start`, { "last-event-id": id! }),
    ).rejects.toMatchObject(refusedWith(204));
  });
});

test("DEL-10 a stream that is not read is given more when it has read, and misses nothing", async () => {
  const server = await startTestServer({
    websocket: { highWaterBytes: 32 * 1024, replayPageBytes: 16 * 1024 },
  });
  const stream = await server.events("?channel=chat:1&client_id=slow");
  await stream.next("subscribed");
  stream.pause();
  const text = "x".repeat(20_000);
  for (let count = 0; count < 400; count += 1) await server.server.publish("chat:1", `${count} ${text}`);
  stream.resume();
  for (let count = 0; count < 400; count += 1) {
    expect(String((await stream.next("message")).message.data).split(" ")[0]).toBe(String(count));
  }
});

test("SSE-13 WebSocket, events and pages have the same positions", async () => {
  const server = await startTestServer();
  const [one, two] = await publish(server, "chat:1", "one", "two", "three", "four");
  const page = await server.http(`/api/channels/chat:1/messages?after=${one}&limit=1`);
  expect(page.json).toMatchObject({ records: [{ data: "two", position: two }], position: two });
  const stream = await server.events(`?channel=chat:1&after=${String(page.json!["position"])}`);
  const third = await stream.next("message");
  stream.drop();
  const client = await server.welcomed();
  const subscribed = await client.ask({ type: "subscribe", id: "1", channel: "chat:1", position: third.id! });
  expect(subscribed.recovered).toBe(true);
  expect((await client.next("message")).data).toBe("four");
});

test("CON-10 a probe is closed at once and leaves nothing behind", async () => {
  const server = await startTestServer({ security: { apiKey: "secret-key-of-a-test" } });
  expect((await server.refused("/ws?probe=1")).status).toBe(401);
  const probe = await server.connect("/ws?probe=1&token=secret-key-of-a-test");
  expect(await within("the close", probe.closed)).toMatchObject({ code: 1000 });
  expect(probe.received).toEqual([]);
  expect(server.server.connections.count).toBe(0);
});
