/** Streams over HTTP, where the conformance suite does not look: who may do what, limits, lives, and what is told of a lost end. */
import { describe, expect, test } from "vitest";
import { systemRandom } from "../../platform/system-random.ts";
import { SharedMemory } from "../../stores/memory/memory-store.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

const TEXT = { "content-type": "text/plain" };

function put(server: TestServer, path: string, body = "", headers: Record<string, string> = {}) {
  return server.http(path, { method: "PUT", headers: { ...TEXT, ...headers }, body });
}

function append(server: TestServer, path: string, body: string, headers: Record<string, string> = {}) {
  return server.post(path, body, { ...TEXT, ...headers });
}

const offsetOf = ({ headers }: { readonly headers: Headers }) => headers.get("stream-next-offset")!;

describe("permission", () => {
  const grants: Record<
    string,
    readonly { verbs: readonly ("publish" | "history" | "subscribe")[]; channels: string }[]
  > = {
    reader: [{ verbs: ["history", "subscribe"], channels: "stream:chat/*" }],
    writer: [{ verbs: ["publish"], channels: "stream:chat/*" }],
    copier: [{ verbs: ["publish"], channels: "stream:*" }],
  };
  const auth = ({ token }: { readonly token: string | undefined }) => ({
    subject: token!,
    ...(grants[token!] && { grants: grants[token!]! }),
  });
  const as = (who: string) => ({ authorization: `Bearer ${who}` });

  test("is asked for the channel that is named like the stream, whichever way its path is written", async () => {
    const server = await startTestServer({ auth });
    expect(await put(server, "/v1/stream/chat/1", "a", as("writer"))).toMatchObject({ status: 201 });
    expect(await put(server, "/v1/stream/other/1", "a", as("writer"))).toMatchObject({
      status: 403,
      json: { code: "FORBIDDEN" },
    });
    expect(await append(server, "/v1/stream/%63hat/1", "b", as("writer"))).toMatchObject({ status: 204 });
    expect(await append(server, "/v1/stream/chat/1", "c", as("reader"))).toMatchObject({ status: 403 });
    for (const query of ["", "?offset=-1&live=sse", "?offset=-1&live=long-poll"]) {
      expect(await server.http(`/v1/stream/chat/1${query}`, { headers: as("writer") })).toMatchObject({
        status: 403,
      });
    }
    expect(await server.http("/v1/stream/chat/1", { headers: as("reader") })).toMatchObject({ text: "ab" });
    expect(await server.http("/v1/stream/chat/1", { method: "DELETE", headers: as("reader") })).toMatchObject(
      {
        status: 403,
      },
    );
  });

  test("to make a fork takes that to read its source", async () => {
    const server = await startTestServer({ auth });
    await put(server, "/v1/stream/chat/1", "secret", as("all"));
    const from = { "stream-forked-from": "/v1/stream/chat/1" };
    expect(await put(server, "/v1/stream/copy", "", { ...as("copier"), ...from })).toMatchObject({
      status: 403,
    });
    expect(await put(server, "/v1/stream/copy", "", { ...as("all"), ...from })).toMatchObject({
      status: 201,
    });
  });

  test("tenants do not meet, and no client gets at the log of a stream", async () => {
    const server = await startTestServer({
      auth: ({ token }: { readonly token: string | undefined }) => ({ tenant: token!, subject: token! }),
    });
    await put(server, "/v1/stream/s", "of a", as("a"));
    expect(await server.http("/v1/stream/s", { headers: as("b") })).toMatchObject({ status: 404 });
    for (const channel of ["~stream:s", "%7Estream:s"]) {
      expect(await server.http(`/api/channels/${channel}/messages`, { headers: as("a") })).toMatchObject({
        status: 400,
        json: { code: "INVALID_CHANNEL" },
      });
    }
  });
});

describe("limits", () => {
  test("a stream that is full refuses, names the limit, and keeps what it has", async () => {
    const server = await startTestServer({ durableStreams: { maxStreamBytes: 1024 } });
    await put(server, "/v1/stream/s", "x".repeat(1000));
    const refused = await append(server, "/v1/stream/s", "y".repeat(25));
    expect(refused).toMatchObject({ status: 413, json: { code: "RECORD_TOO_LARGE" } });
    expect(refused.text).toContain("1025 bytes, its limit is 1024");
    expect(await append(server, "/v1/stream/s", "y".repeat(24))).toMatchObject({ status: 204 });
    expect((await server.http("/v1/stream/s")).text).toHaveLength(1024);
  });

  test("bodies, messages, names and producers have theirs", async () => {
    const server = await startTestServer({ websocket: { maxMessageSize: 30_000 } });
    await put(server, "/v1/stream/s");
    expect(await append(server, "/v1/stream/s", "x".repeat(30_001))).toMatchObject({ status: 413 });
    const json = { "content-type": "application/json" };
    const many = `[${"1,".repeat(10_000)}1]`;
    expect(await put(server, "/v1/stream/j", many, json)).toMatchObject({ status: 413 });
    expect(await put(server, `/v1/stream/${"n".repeat(300)}`)).toMatchObject({ status: 400 });
    const producer = { "producer-id": "p".repeat(257), "producer-epoch": "0", "producer-seq": "0" };
    expect(await append(server, "/v1/stream/s", "x", producer)).toMatchObject({ status: 400 });
    expect(await put(server, "/v1/stream/t", "", { "stream-ttl": "99999999999" })).toMatchObject({
      status: 400,
    });
    expect(await put(server, "/v1/stream/t", "", { "content-type": "nonsense" })).toMatchObject({
      status: 400,
    });
  });

  test("live reads beyond the limit are sent away for now", async () => {
    const server = await startTestServer({ durableStreams: { maxLiveReads: 1, longPollSecs: 5 } });
    const offset = offsetOf(await put(server, "/v1/stream/s"));
    const waiting = server.http(`/v1/stream/s?offset=${offset}&live=long-poll`);
    for (;;) {
      const second = await server
        .http(`/v1/stream/s?offset=-1&live=sse`, { signal: AbortSignal.timeout(50) })
        .catch(() => undefined);
      if (second === undefined) continue;
      expect(second).toMatchObject({ status: 503, json: { code: "SERVER_OVERLOADED" } });
      expect(second.headers.get("retry-after")).toBe("1");
      break;
    }
    await append(server, "/v1/stream/s", "now");
    expect(await waiting).toMatchObject({ status: 200, text: "now" });
  });
});

describe("one life after another", () => {
  test("an offset of a stream that was deleted names no place in the one that took its path", async () => {
    const server = await startTestServer();
    const old = offsetOf(await put(server, "/v1/stream/s", "old"));
    await server.http("/v1/stream/s", { method: "DELETE" });
    const created = await put(server, "/v1/stream/s", "new content");
    expect(created.status).toBe(201);
    expect(offsetOf(created) > old).toBe(true);
    expect(await server.http(`/v1/stream/s?offset=${old}`)).toMatchObject({
      status: 410,
      json: { code: "GONE" },
    });
    expect(await server.http("/v1/stream/s?offset=-1")).toMatchObject({ status: 200, text: "new content" });
  });

  test("whoever reads events of a stream that is deleted gets their end, and 404 after it", async () => {
    const server = await startTestServer();
    await put(server, "/v1/stream/s", "a");
    const response = await fetch(server.httpUrl("/v1/stream/s?offset=-1&live=sse"));
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toContain("data:a\n");
    await server.http("/v1/stream/s", { method: "DELETE" });
    let isDone = false;
    while (!isDone) isDone = (await reader.read().catch(() => ({ done: true }))).done;
    expect(await server.http("/v1/stream/s?offset=-1&live=sse")).toMatchObject({ status: 404 });
  });

  test("whoever waits for more of a stream hears at once that it was deleted", async () => {
    const server = await startTestServer({ durableStreams: { longPollSecs: 60 } });
    const offset = offsetOf(await put(server, "/v1/stream/s", "a"));
    const waiting = server.http(`/v1/stream/s?offset=${offset}&live=long-poll`);
    // Whether the read is there already or comes too late, the answer is the same.
    await server.http("/v1/stream/s", { method: "DELETE" });
    expect((await waiting).status).toBe(404);
  });

  test("a place that the log does not have any more is told, not spliced", async () => {
    const server = await startTestServer();
    const offset = offsetOf(await put(server, "/v1/stream/s", "one"));
    await append(server, "/v1/stream/s", "two");
    const otherTag = offset.replace(/_[a-z0-9]+$/, "_zzzzz");
    expect(await server.http(`/v1/stream/s?offset=${otherTag}`)).toMatchObject({ status: 410 });
    const otherBytes = offset.replace(/_0+3_/, "_0000000000000002_");
    expect(await server.http(`/v1/stream/s?offset=${otherBytes}`)).toMatchObject({ status: 400 });
    expect(await server.http(`/v1/stream/s?offset=${offset}`)).toMatchObject({ status: 200, text: "two" });
  });
});

describe("the surface", () => {
  test("is not there when it is switched off", async () => {
    const server = await startTestServer({ durableStreams: { enabled: false } });
    expect(await put(server, "/v1/stream/s")).toMatchObject({ status: 404 });
  });

  test("knows no subscriptions and no stream without a name", async () => {
    const server = await startTestServer();
    for (const path of ["/v1/stream/__ds/subscriptions/a", "/v1/stream/__ds", "/v1/stream/"]) {
      expect(await put(server, path), path).toMatchObject({ status: 404 });
    }
  });

  test("a page of an allowed origin may read the headers, another is not named", async () => {
    const server = await startTestServer({ security: { allowedOrigins: ["https://app.example"] } });
    const preflight = (origin: string) =>
      server.http("/v1/stream/s", {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "PUT",
          "access-control-request-headers": "authorization, producer-id",
        },
      });
    const allowed = await preflight("https://app.example");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(allowed.headers.get("access-control-allow-methods")).toContain("PUT");
    expect(allowed.headers.get("access-control-allow-headers")).toBe("authorization, producer-id");
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
    const answer = await put(server, "/v1/stream/s", "", { origin: "https://app.example" });
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(answer.headers.get("access-control-expose-headers")).toContain("stream-next-offset");
    expect(await put(server, "/v1/stream/s", "", { origin: "https://evil.example" })).toMatchObject({
      status: 403,
    });
  });

  test("content that a browser would run is told to be nothing of the kind", async () => {
    const server = await startTestServer();
    await put(server, "/v1/stream/s", "<script>alert(1)</script>", { "content-type": "text/html" });
    const { headers } = await server.http("/v1/stream/s");
    expect(headers.get("content-security-policy")).toContain("sandbox");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("what cannot change may be kept, what reaches to the end has to be asked for again", async () => {
    const server = await startTestServer({ durableStreams: { cache: "public" } });
    await put(server, "/v1/stream/s", "x".repeat(2 * 1024 * 1024));
    const first = await server.http("/v1/stream/s");
    expect(first.headers.get("stream-up-to-date")).toBeNull();
    expect(first.headers.get("cache-control")).toBe("public, max-age=60, stale-while-revalidate=300");
    const last = await server.http(`/v1/stream/s?offset=${offsetOf(first)}`);
    expect(last.headers.get("stream-up-to-date")).toBe("true");
    expect(last.headers.get("cache-control")).toBe("public, no-cache");
    expect(first.text.length + last.text.length).toBe(2 * 1024 * 1024);
  });
});

test("a stream of many appends is read from its checkpoints by whoever knows nothing of it", async () => {
  const memory = new SharedMemory(systemRandom);
  const server = await startTestServer({ store: memory.open() });
  await put(server, "/v1/stream/s");
  const numbers = Array.from({ length: 700 }, (_, index) => `${index},`);
  for (const [index, text] of numbers.entries()) {
    const producer = { "producer-id": "p", "producer-epoch": "0", "producer-seq": String(index) };
    expect((await append(server, "/v1/stream/s", text, producer)).status).toBe(200);
  }
  const other = await startTestServer({ store: memory.open() });
  const producer = { "producer-id": "p", "producer-epoch": "0" };
  expect(await append(other, "/v1/stream/s", "x", { ...producer, "producer-seq": "699" })).toMatchObject({
    status: 204,
  });
  expect(await append(other, "/v1/stream/s", "700", { ...producer, "producer-seq": "700" })).toMatchObject({
    status: 200,
  });
  expect((await other.http("/v1/stream/s")).text).toBe(`${numbers.join("")}700`);
});
