import { connect } from "node:net";
import { TachikomaError } from "@tachikoma/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseExposition } from "../metrics/testing/parse-exposition.ts";
import { systemRandom } from "../platform/system-random.ts";
import { createMemoryStore } from "../stores/memory/memory-store.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { within } from "./websocket/testing/deadline.ts";

const MESSAGES = "/api/channels/room:1/messages";

interface History {
  readonly records: readonly { readonly type: string; readonly position: string; readonly data: unknown }[];
  readonly channel: string;
  readonly position: string;
  readonly has_more: boolean;
  readonly reset?: string;
}

async function historyOf(server: TestServer, query = ""): Promise<History> {
  const answer = await server.http(`${MESSAGES}${query}`);
  expect(answer.status).toBe(200);
  return answer.json as unknown as History;
}

describe("health and metrics", () => {
  test("/healthz and /readyz answer anyone", async () => {
    const server = await startTestServer({ security: { apiKey: "operator-key-operator-key" } });
    expect(await server.http("/healthz")).toMatchObject({ status: 200, json: { status: "ok" } });
    expect(await server.http("/readyz")).toMatchObject({ status: 200, json: { status: "ready" } });
    expect((await server.http("/healthz", { method: "HEAD" })).status).toBe(200);
  });

  test("/readyz says so while the store does not answer, and when it does again", async () => {
    const store = createMemoryStore({ random: systemRandom });
    let isAway = true;
    store.ping = async () => {
      if (isAway) throw new TachikomaError("STORE_UNAVAILABLE");
    };
    const server = await startTestServer({ store });
    const notReady = { status: 503, json: { status: "not_ready", reason: "store" } };
    expect(await server.http("/readyz")).toMatchObject(notReady);
    expect((await server.http("/healthz")).status).toBe(200);
    isAway = false;
    await within(
      "the store to be noticed",
      (async () => {
        while ((await server.http("/readyz")).status !== 200);
      })(),
    );
  });

  test("/metrics can be parsed, counts, and wants the token", async () => {
    const server = await startTestServer({ security: { apiKey: "operator-key-operator-key" } });
    expect((await server.http("/metrics")).status).toBe(401);
    const scrape = () =>
      server.http("/metrics", { headers: { authorization: "Bearer operator-key-operator-key" } });
    const before = await scrape();
    expect(before.status).toBe(200);
    expect(before.headers.get("content-type")).toMatch(/^text\/plain/);
    parseExposition(before.text);
    await server.welcomed("/ws?token=operator-key-operator-key");
    await server.refused("/ws");
    const after = (await scrape()).text;
    expect(after).toMatch(/^tachikoma_\w*connections\w* 1$/m);
    expect(after).toContain(`"TOKEN_REQUIRED"`);
    expect(after).not.toContain("operator-key");
  });

  test("/api/stats says what the server holds", async () => {
    const server = await startTestServer({ executions: { chat: async function* () {} } });
    await server.welcomed("/ws?client_id=a");
    await server.welcomed("/ws?client_id=a");
    expect((await server.http("/api/stats")).json).toMatchObject({
      connections: 2,
      clients: 1,
      sessions: 2,
      store: "memory",
      auth: "none",
      handlers: [{ name: "chat" }],
    });
  });
});

describe("publishing", () => {
  test("is read by subscribers at the position of the answer", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    const answer = await server.post(`${MESSAGES}?client_id=poster`, { data: { text: "hello" } });
    expect(answer).toMatchObject({ status: 200, json: { position: expect.any(String) } });
    expect(await client.next("message")).toMatchObject({
      channel: "room:1",
      position: answer.json?.["position"],
      data: { text: "hello" },
      sender: "poster",
    });
  });

  test("the same id of the same sender again publishes nothing", async () => {
    const server = await startTestServer();
    const publish = (sender: string) =>
      server.post(`${MESSAGES}?client_id=${sender}`, { id: "one", data: 1 });
    const [first, second, raced] = await Promise.all([publish("a"), publish("a"), publish("a")]);
    expect(new Set([first, second, raced].map(({ json }) => json?.["position"])).size).toBe(1);
    const later = await publish("a");
    expect(later.json).toEqual(first.json);
    const other = await publish("b");
    expect(other.json).not.toEqual(first.json);
    expect((await historyOf(server)).records).toHaveLength(2);
  });

  test.each([
    ["no JSON", "{", 400, "INVALID_MESSAGE"],
    ["nothing", "", 400, "INVALID_MESSAGE"],
    ["a list", "[]", 400, "INVALID_MESSAGE"],
    ["null", "null", 400, "INVALID_MESSAGE"],
    ["no data", `{"id":"a"}`, 400, "INVALID_MESSAGE"],
    ["an id that is no text", `{"id":1,"data":1}`, 400, "INVALID_MESSAGE"],
    ["an empty id", `{"id":"","data":1}`, 400, "INVALID_MESSAGE"],
    ["an id that is too long", `{"id":"${"x".repeat(129)}","data":1}`, 400, "INVALID_MESSAGE"],
    ["a body that is too large", JSON.stringify({ data: "x".repeat(5_000) }), 413, "MESSAGE_TOO_LARGE"],
    ["a record that is too large", JSON.stringify({ data: "x".repeat(300) }), 413, "RECORD_TOO_LARGE"],
    ["nesting without end", `{"data":${"[".repeat(1_000)}${"]".repeat(1_000)}}`, [400, 413], undefined],
  ])("a body with %s is refused", async (_what, body, status, code) => {
    const server = await startTestServer({
      websocket: { maxMessageSize: 4096 },
      channels: { room: { maxRecordBytes: 256 } },
    });
    const answer = await server.post(MESSAGES, body);
    expect([status].flat()).toContain(answer.status);
    expect(answer.json).toEqual({ code: code ?? expect.any(String), message: expect.stringMatching(/\S/) });
    expect((await historyOf(server)).records).toEqual([]);
  });

  test("a body far above the limit is answered, not cut off", async () => {
    const server = await startTestServer({ websocket: { maxMessageSize: 4096 } });
    for (let round = 0; round < 5; round += 1) {
      const answer = await server.post(MESSAGES, { data: "x".repeat(8 * 1024 * 1024) });
      expect(answer).toMatchObject({ status: 413, json: { code: "MESSAGE_TOO_LARGE" } });
    }
    expect((await server.post(MESSAGES, { data: 1 })).status).toBe(200);
  });

  test.each([
    ["too long", "x".repeat(129)],
    ["with white space", "a%20b"],
    ["with control characters", "a%00b"],
  ])("a client_id %s is refused with 400, as at the WebSocket", async (_what, id) => {
    const server = await startTestServer();
    const answer = await server.post(`${MESSAGES}?client_id=${id}`, { data: 1 });
    expect(answer).toMatchObject({ status: 400, json: { code: "INVALID_MESSAGE" } });
    expect((await historyOf(server)).records).toEqual([]);
  });

  test("an empty client_id is none", async () => {
    const server = await startTestServer();
    await server.post(`${MESSAGES}?client_id=`, { data: 1 });
    await server.post(MESSAGES, { data: 1 });
    const [first, second] = (await historyOf(server)).records as readonly { readonly sender?: string }[];
    expect(first?.sender).toBe(second?.sender);
  });

  test("null is data", async () => {
    const server = await startTestServer();
    expect((await server.post(MESSAGES, { data: null })).status).toBe(200);
    expect((await historyOf(server)).records).toMatchObject([{ data: null }]);
  });

  test("a body whose sender goes away in the middle publishes nothing and hurts nobody", async () => {
    const server = await startTestServer();
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    const head = `POST ${MESSAGES} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"data":`;
    await within("the write", new Promise((resolve) => socket.write(head, resolve)));
    socket.resetAndDestroy();
    await within("the end", new Promise((resolve) => socket.once("close", resolve)));
    expect((await historyOf(server)).records).toEqual([]);
  });
});

describe("reading", () => {
  test("pages through everything, in order, without a gap", async () => {
    const server = await startTestServer();
    for (let data = 0; data < 25; data += 1) await server.server.publish("room:1", data);
    const seen: unknown[] = [];
    let query = "?limit=10";
    for (let page = 0; page < 3; page += 1) {
      const history = await historyOf(server, query);
      expect(history.records).toHaveLength(page < 2 ? 10 : 5);
      expect(history.has_more).toBe(page < 2);
      expect(history.position).toBe(history.records.at(-1)!.position);
      seen.push(...history.records.map(({ data }) => data));
      query = `?limit=10&after=${encodeURIComponent(history.position)}`;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => index));
    const end = await historyOf(server, query);
    expect(end).toMatchObject({ records: [], has_more: false });
    expect(query).toContain(encodeURIComponent(end.position));
  });

  test("goes on over WebSocket from the position of HTTP", async () => {
    const server = await startTestServer();
    await server.server.publish("room:1", "read");
    const { position } = await historyOf(server);
    await server.server.publish("room:1", "unread");
    const client = await server.welcomed();
    const subscribed = await client.ask({ type: "subscribe", id: "s", channel: "room:1", position });
    expect(subscribed).toMatchObject({ recovered: true });
    expect((await client.next("message")).data).toBe("unread");
  });

  test("the chunks of an execution come merged, as they would on a WebSocket", async () => {
    const server = await startTestServer({
      executions: {
        count: async function* () {
          for (let index = 0; index < 50; index += 1) yield `${index} `;
        },
      },
    });
    const client = await server.welcomed();
    await client.ask({ type: "execute", id: "e", handler: "count", channel: "room:1", input: null });
    await client.next("execution_completed");
    const { records } = await historyOf(server, "?limit=1000");
    expect(records[0]?.type).toBe("execution_started");
    expect(records.at(-1)?.type).toBe("execution_completed");
    expect(records.length).toBeLessThan(10);
    const text = (records as readonly { chunk?: { type: string; delta?: string } }[])
      .map(({ chunk }) => (chunk?.type === "text-delta" ? chunk.delta : ""))
      .join("");
    expect(text).toBe(Array.from({ length: 50 }, (_, index) => `${index} `).join(""));
  });

  test.each([
    ["no position at all", "hello", "invalid_position"],
    ["of another log", "abcdefgh.1.xyz", undefined],
    ["markup", "<script>", "invalid_position"],
    ["huge", "9".repeat(3_000), "invalid_position"],
  ])("a position that is %s gets a reset with its reason and what there is", async (_what, after, reason) => {
    const server = await startTestServer();
    await server.server.publish("room:1", "first");
    const history = await historyOf(server, `?after=${encodeURIComponent(after)}`);
    expect(history.reset).toBe(reason ?? history.reset);
    expect(["invalid_position", "epoch_changed"]).toContain(history.reset);
    expect(history.position).not.toBe(after);
    expect(history.records.map(({ data }) => data)).toEqual(["first"]);
  });

  test("a position beyond the head, of another record and of trimmed records is named", async () => {
    const server = await startTestServer({ channels: { room: { history: { records: 3 } } } });
    const first = await server.server.publish("room:1", 0);
    const [epoch, seq, tag] = first.split(".") as [string, string, string];
    const ahead = `${epoch}.${Number.parseInt(seq, 36) + 900}.${tag}`;
    expect((await historyOf(server, `?after=${ahead}`)).reset).toBe("ahead_of_log");
    const flipped = tag.startsWith("a") ? `b${tag.slice(1)}` : `a${tag.slice(1)}`;
    expect((await historyOf(server, `?after=${epoch}.${seq}.${flipped}`)).reset).toBe("tag_mismatch");
    expect((await historyOf(server, `?after=x${epoch}.${seq}.${tag}`)).reset).toBe("epoch_changed");
    for (let data = 1; data < 20; data += 1) await server.server.publish("room:1", data);
    const trimmed = await historyOf(server, `?after=${first}`);
    expect(trimmed.reset).toBe("trimmed");
    expect(trimmed.records.at(-1)?.data).toBe(19);
  });

  test.each(["0", "-1", "1001", "1.5", "ten", ""])("limit=%s is refused with 400", async (limit) => {
    const server = await startTestServer();
    const answer = await server.http(`${MESSAGES}?limit=${limit}`);
    expect(answer).toMatchObject({ status: 400, json: { code: "INVALID_MESSAGE" } });
  });
});

describe("paths and methods", () => {
  test("405 says which method is wrong, 404 that there is nothing", async () => {
    const server = await startTestServer();
    for (const method of ["PUT", "DELETE", "PATCH"]) {
      const answer = await server.http(MESSAGES, { method });
      expect(answer, method).toMatchObject({ status: 405, json: { code: "METHOD_NOT_ALLOWED" } });
    }
    expect(await server.post("/api/stats", {})).toMatchObject({ status: 405 });
    for (const path of ["/api", "/api/", "/api/nothing", "/api/channels", "/nothing", "/metrics/x", "/%zz"]) {
      const answer = await server.http(path);
      expect(answer, path).toMatchObject({ status: 404, json: { code: "NOT_FOUND" } });
    }
  });

  test.each([
    ["empty", "%20"],
    ["with a control character", "room%00"],
    ["reserved", "~all"],
    ["too long", `room:${"x".repeat(300)}`],
    ["badly encoded", "%zz"],
  ])("a channel name that is %s is refused with 400", async (_what, name) => {
    const server = await startTestServer();
    const answer = await server.http(`/api/channels/${name}/messages`);
    expect(answer).toMatchObject({ status: 400, json: { code: expect.any(String) } });
  });

  test("a client that offers HTTP/2 by the way is answered in HTTP/1.1", async () => {
    const server = await startTestServer();
    const socket = connect(server.port, "127.0.0.1");
    onTestFinished(() => {
      socket.destroy();
    });
    let text = "";
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
    });
    socket.write(
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\n",
    );
    socket.write("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n");
    await within("the end of the answer", new Promise((resolve) => socket.once("close", resolve)));
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("a channel name may need encoding", async () => {
    const server = await startTestServer();
    const channel = "room:a/b?c#dé,100%25";
    expect(
      (await server.post(`/api/channels/${encodeURIComponent(channel)}/messages`, { data: 1 })).status,
    ).toBe(200);
    const answer = await server.http(`/api/channels/${encodeURIComponent(channel)}/messages`);
    expect(answer.json).toMatchObject({ channel, records: [{ data: 1 }] });
  });

  test("pages of another origin are refused, whatever they ask for", async () => {
    const server = await startTestServer();
    const headers = { origin: "https://evil.example" };
    expect(await server.post(MESSAGES, { data: 1 }, headers)).toMatchObject({
      status: 403,
      json: { code: "FORBIDDEN" },
    });
    expect((await server.http("/metrics", { headers })).status).toBe(403);
    expect((await historyOf(server)).records).toEqual([]);
  });

  test("answers are not kept by caches and not sniffed", async () => {
    const server = await startTestServer();
    const answer = await server.http(MESSAGES);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });
});
