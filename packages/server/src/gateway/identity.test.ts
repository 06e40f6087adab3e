/** Who may do what: credentials, grants, hooks and tenants, over real sockets and HTTP. */
import { describe, expect, test } from "vitest";
import type { Credential } from "../core/credential.ts";
import type { Verb } from "../core/identity.ts";
import type { ServerOptions } from "../server-options.ts";
import type { PlainClient } from "../testing/plain-client.ts";
import { startTestServer } from "../testing/test-server.ts";
import { within } from "./websocket/testing/deadline.ts";

/** Tokens of a test and what they stand for. */
function authWith(credentials: Readonly<Record<string, Credential>>): NonNullable<ServerOptions["auth"]> {
  return ({ token }) => (token === undefined ? undefined : credentials[token]);
}

describe("the auth callback", () => {
  test("names tenant, subject and client of the connection", async () => {
    const server = await startTestServer({ auth: authWith({ t: { tenant: "acme", subject: "alice" } }) });
    const client = await server.welcomed("/ws?token=t");
    expect(client.hello.clientId).toBe("alice");
    expect(server.server.connections.get(client.hello.connectionId)).toMatchObject({
      tenant: "acme",
      subject: "alice",
      clientId: "alice",
    });
  });

  test("is given the token, from query or header, and the request", async () => {
    const seen: unknown[] = [];
    const server = await startTestServer({
      auth: ({ token, request }) => {
        seen.push([token, request?.headers["x-team"]]);
        return { subject: "alice" };
      },
    });
    await server.welcomed("/ws?token=by-query", { headers: { "x-team": "red" } });
    await server.welcomed("/ws", { headers: { authorization: "Bearer by-header" } });
    await server.welcomed("/ws");
    expect(seen).toEqual([
      ["by-query", "red"],
      ["by-header", undefined],
      [undefined, undefined],
    ]);
  });

  test.each([
    ["answers undefined", () => undefined],
    ["answers null", () => null],
    [
      "throws",
      () => {
        throw new Error("secret: hunter2");
      },
    ],
    ["rejects", () => Promise.reject(new Error("secret: hunter2"))],
  ])("that %s refuses with 401 and tells nothing", async (_what, auth) => {
    const server = await startTestServer({ auth });
    const refused = await server.refused("/ws?token=t");
    expect(refused.status).toBe(401);
    expect(refused.body).toEqual({ code: "UNAUTHORIZED", message: "Unauthorized" });
    expect((await server.refused("/ws")).body).toEqual({ code: "TOKEN_REQUIRED", message: "Token required" });
    expect((await server.http("/api/stats?token=t")).status).toBe(401);
  });

  test("a foreign client_id is refused with 403 before the upgrade, an own one is taken", async () => {
    const server = await startTestServer({
      auth: authWith({ alice: { subject: "alice" }, pinned: { subject: "bob", clientId: "bob-phone" } }),
    });
    for (const foreign of ["bob", "alice2", "Alice", "alicephone"]) {
      const refused = await server.refused(`/ws?token=alice&client_id=${foreign}`);
      expect(refused, foreign).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    }
    expect((await server.welcomed("/ws?token=alice&client_id=alice:phone")).hello.clientId).toBe(
      "alice:phone",
    );
    expect((await server.refused("/ws?token=pinned&client_id=bob-phone:2")).status).toBe(403);
    expect((await server.welcomed("/ws?token=pinned")).hello.clientId).toBe("bob-phone");
  });

  test("the API key works beside it, as any client", async () => {
    const server = await startTestServer({
      auth: authWith({ alice: { subject: "alice", grants: [] } }),
      security: { apiKey: "operator-key-operator-key" },
    });
    const operator = await server.welcomed("/ws?token=operator-key-operator-key&client_id=alice");
    expect(operator.hello.clientId).toBe("alice");
    expect(await operator.ask({ type: "publish", id: "p", channel: "room:1", data: 1 })).toMatchObject({
      status: "applied",
    });
    await server.welcomed("/ws?token=alice");
    expect((await server.refused("/ws?token=operator-key")).status).toBe(401);
  });

  test("a session is not resumed by another subject", async () => {
    const server = await startTestServer({
      auth: authWith({ alice: { subject: "alice" }, mallory: { subject: "mallory" } }),
    });
    const alice = await server.welcomed("/ws?token=alice");
    await alice.ask({ type: "subscribe", id: "s", channel: "room:secret" });
    const thief = await server.welcomed(`/ws?token=mallory&session_id=${alice.hello.sessionId}`);
    expect(thief.hello).toMatchObject({ isResumed: false, reason: "foreign_session", clientId: "mallory" });
    const welcome = thief.received[0]!;
    expect(JSON.stringify(welcome)).not.toContain("room:secret");
    await alice.settle();
  });
});

describe("the end of a credential", () => {
  test("closes the connection with 4001", async () => {
    const server = await startTestServer({
      auth: () => ({ subject: "alice", expiresAtMs: Date.now() + 150 }),
    });
    const client = await server.welcomed("/ws?token=t");
    await client.expectClose(4001);
  });

  test("that has come already is refused with 401 before the upgrade, and over HTTP", async () => {
    const server = await startTestServer({
      auth: ({ token }) => ({
        subject: "alice",
        expiresAtMs: Date.now() + (token === "stale" ? -1 : 60_000),
      }),
    });
    const refused = await server.refused("/ws?token=stale");
    expect(refused).toMatchObject({ status: 401, body: { code: "TOKEN_EXPIRED" } });
    const answer = await server.http("/api/channels/room:1/messages?token=stale");
    expect(answer).toMatchObject({ status: 401, json: { code: "TOKEN_EXPIRED" } });
    const client = await server.welcomed("/ws?token=good");
    client.send({ type: "auth", id: "a", token: "stale" });
    await client.expectClose(4401);
  });

  test("an expiry far away does not fire at once", async () => {
    const server = await startTestServer({
      auth: () => ({ subject: "alice", expiresAtMs: Date.now() + 100 * 365 * 86_400_000 }),
      websocket: { pingIntervalSecs: 0.02, pongTimeoutSecs: 2 },
    });
    const client = await server.welcomed("/ws?token=t");
    await client.untilPinged(3);
    await client.settle();
  });

  test("is put off by an auth message of the same subject", async () => {
    const server = await startTestServer({
      auth: ({ token }) => ({
        subject: "alice",
        expiresAtMs: Date.now() + (token === "short" ? 300 : 60_000),
      }),
      websocket: { pingIntervalSecs: 0.05, pongTimeoutSecs: 2 },
    });
    const client = await server.welcomed("/ws?token=short");
    expect(await client.ask({ type: "auth", id: "a", token: "long" })).toMatchObject({
      type: "authenticated",
    });
    await client.untilPinged(10);
    await client.settle();
  });

  test("an auth message of another subject, or a bad one, closes with 4401", async () => {
    const server = await startTestServer({
      auth: authWith({
        alice: { subject: "alice" },
        bob: { subject: "bob" },
        abroad: { subject: "alice", tenant: "other" },
      }),
    });
    for (const token of ["bob", "abroad", "nobody"]) {
      const client = await server.welcomed("/ws?token=alice");
      client.send({ type: "auth", id: "a", token });
      expect(await client.next("error"), token).toMatchObject({ ref: "a", code: "UNAUTHORIZED" });
      await client.expectClose(4401);
    }
  });

  test("what follows an auth message is judged by the new grants", async () => {
    const server = await startTestServer({
      auth: authWith({
        reader: { subject: "alice", grants: [{ verbs: ["subscribe"], channels: "*" }] },
        writer: { subject: "alice", grants: [{ verbs: ["publish"], channels: "*" }] },
      }),
    });
    const client = await server.welcomed("/ws?token=reader");
    const publish = (id: string) => client.ask({ type: "publish", id, channel: "room:1", data: id });
    expect(codeOf(await publish("before"))).toBe("FORBIDDEN");
    client.send({ type: "auth", id: "a", token: "writer" });
    expect((await publish("after")).status).toBe("applied");
  });
});

describe("verbs", () => {
  /** Asks for one verb on the channel and says which code came back; `undefined` when it was allowed. */
  type Attempt = (client: PlainClient, channel: string) => Promise<string | undefined>;

  const attempts: Readonly<Record<Exclude<Verb, "custom" | "history">, Attempt>> = {
    subscribe: async (client, channel) => codeOf(await client.ask({ type: "subscribe", id: "v", channel })),
    publish: async (client, channel) =>
      codeOf(await client.ask({ type: "publish", id: "v", channel, data: 1 })),
    signal: async (client, channel) => {
      client.send({ type: "signal", channel, data: 1 });
      await client.settle();
      return client.unread("error")[0]?.code;
    },
    presence: async (client, channel) => {
      client.send({ type: "presence", id: "v", channel, state: {} });
      await client.settle();
      const code = client.unread("error")[0]?.code;
      // Being allowed is not enough to be a member: that takes a subscription, which this client may not have.
      return code === "NOT_SUBSCRIBED" ? undefined : code;
    },
    execute: async (client, channel) =>
      codeOf(await client.ask({ type: "execute", id: "v", handler: "wait", channel, input: null })),
    cancel: async (client, channel) =>
      codeOf(await client.ask({ type: "cancel", id: "v", execution_id: runningIn.get(channel)! })),
    input: async (client, channel) =>
      codeOf(await client.ask({ type: "input", id: "v", execution_id: runningIn.get(channel)!, data: 1 })),
  };
  const runningIn = new Map<string, string>();
  const verbs = Object.keys(attempts) as (keyof typeof attempts)[];

  async function startWithRunning(options: ServerOptions) {
    const server = await startTestServer({
      channels: { room: { presence: true, ...options.channels?.["room"] } },
      executions: { wait: waitForCancel },
      auth: options.auth!,
    });
    const owner = await server.welcomed("/ws?token=owner");
    for (const channel of ["room:in", "room:out"]) {
      const receipt = await owner.ask({
        type: "execute",
        id: `e-${channel}`,
        handler: "wait",
        channel,
        input: null,
      });
      expect(receipt).toMatchObject({ status: "accepted" });
      runningIn.set(channel, receipt.execution_id!);
    }
    return server;
  }

  test.each(verbs)("%s is allowed by a grant of the verb on the channel, and by no other", async (verb) => {
    const others = verbs.filter((other) => other !== verb);
    const server = await startWithRunning({
      auth: authWith({
        owner: { subject: "owner" },
        granted: { subject: "granted", grants: [{ verbs: [verb], channels: "room:in" }] },
        prefixed: { subject: "prefixed", grants: [{ verbs: "all", channels: "room:i*" }] },
        others: { subject: "others", grants: [{ verbs: others, channels: "room:in" }] },
        elsewhere: { subject: "elsewhere", grants: [{ verbs: [verb], channels: "room:out" }] },
        nothing: { subject: "nothing", grants: [] },
      }),
    });
    for (const token of ["others", "elsewhere", "nothing"]) {
      const denied = await server.welcomed(`/ws?token=${token}`);
      expect(await attempts[verb](denied, "room:in"), token).toBe("FORBIDDEN");
      await denied.close();
    }
    const foreign = await server.welcomed("/ws?token=granted");
    expect(await attempts[verb](foreign, "room:out"), "another channel").toBe("FORBIDDEN");
    await foreign.close();
    const allowed = await server.welcomed("/ws?token=granted");
    expect(await attempts[verb](allowed, "room:in"), "granted").toBeUndefined();
    const prefixed = await server.welcomed("/ws?token=prefixed");
    // The first one may have ended what was running; being refused is something else.
    expect(await attempts[verb](prefixed, "room:in"), "prefixed").not.toBe("FORBIDDEN");
  });

  const hookOf = {
    subscribe: "canSubscribe",
    presence: "canSubscribe",
    publish: "canPublish",
    signal: "canPublish",
    execute: "canExecute",
    cancel: "canExecute",
    input: "canExecute",
  } as const;

  test.each(verbs)("%s is decided by its hook, which knows who asks for what", async (verb) => {
    const asked: unknown[] = [];
    const server = await startWithRunning({
      auth: authWith({ owner: { subject: "owner" }, alice: { subject: "alice" }, bob: { subject: "bob" } }),
      channels: {
        room: {
          [hookOf[verb]]: async (request: Parameters<NonNullable<RoomHooks["canPublish"]>>[0]) => {
            if (request.identity.subject === "owner") return true;
            asked.push([request.verb, request.channel, request.id]);
            return request.identity.subject === "alice";
          },
        },
      },
    });
    const bob = await server.welcomed("/ws?token=bob");
    expect(await attempts[verb](bob, "room:in")).toBe("FORBIDDEN");
    const alice = await server.welcomed("/ws?token=alice");
    expect(await attempts[verb](alice, "room:in")).toBeUndefined();
    expect(asked).toContainEqual([verb, "room:in", "in"]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ])("a hook that %s has not said yes", async (_what, hook) => {
    const server = await startTestServer({
      channels: { room: { canSubscribe: hook, canPublish: hook, canExecute: hook } },
      executions: { wait: waitForCancel },
    });
    const client = await server.welcomed();
    for (const verb of ["subscribe", "publish", "signal", "execute"] as const) {
      const fresh = await server.welcomed();
      expect(await attempts[verb](fresh, "room:1"), verb).toBe("FORBIDDEN");
    }
    expect((await server.http("/api/channels/room:1/messages")).status).toBe(403);
    await client.settle();
  });

  test("history over HTTP asks like a subscription, publishing like a publish", async () => {
    const server = await startTestServer({
      channels: { secret: { canSubscribe: ({ identity }) => identity.subject === "alice" } },
      auth: authWith({
        alice: { subject: "alice" },
        bob: { subject: "bob" },
        reader: { subject: "alice", grants: [{ verbs: ["history"], channels: "secret:*" }] },
        writer: { subject: "alice", grants: [{ verbs: ["publish"], channels: "secret:*" }] },
      }),
    });
    const read = async (token: string) =>
      (await server.http(`/api/channels/secret:1/messages?token=${token}`)).status;
    const write = async (token: string) =>
      (await server.post(`/api/channels/secret:1/messages?token=${token}`, { data: 1 })).status;
    expect([await read("alice"), await read("reader"), await read("bob"), await read("writer")]).toEqual([
      200, 200, 403, 403,
    ]);
    expect([await write("writer"), await write("reader")]).toEqual([200, 403]);
    expect(await read("nobody")).toBe(401);
    expect((await server.http("/api/channels/secret:1/messages")).status).toBe(401);
  });

  test("a resume asks again: a subscription that is no longer allowed is not replayed", async () => {
    let isMember = true;
    const server = await startTestServer({ channels: { room: { canSubscribe: () => isMember } } });
    const client = await server.welcomed("/ws?client_id=a");
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    await client.drop();
    isMember = false;
    await server.server.publish("room:1", "for members only");
    const back = await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    const restored = back.received[0]!["subscriptions"] as readonly { readonly channel: string }[];
    expect(restored).toContainEqual({ channel: "room:1", recovered: false, reason: "forbidden" });
    await server.server.connections.send(back.hello.connectionId, "marker");
    await back.next("message", ({ data }) => data === "marker");
    expect(JSON.stringify(back.received)).not.toContain("for members only");
  });

  test("an inbox is not subscribed to, published to or read by its name", async () => {
    const server = await startTestServer();
    const alice = await server.welcomed("/ws?client_id=alice");
    const mallory = await server.welcomed("/ws?client_id=mallory");
    for (const channel of ["~client:alice", `~session:${alice.hello.sessionId}`]) {
      const subscribed = await mallory.ask({ type: "subscribe", id: `s${channel}`, channel, since: "start" });
      expect(subscribed, channel).toMatchObject({ type: "error" });
      const published = await mallory.ask({ type: "publish", id: `p${channel}`, channel, data: "forged" });
      expect(published.type === "error" || published.status === "rejected", channel).toBe(true);
      const path = `/api/channels/${encodeURIComponent(channel)}/messages`;
      expect([400, 403], channel).toContain((await server.http(path)).status);
      expect([400, 403], channel).toContain((await server.post(path, { data: "forged" })).status);
    }
    await alice.settle();
    expect(alice.unread("message")).toEqual([]);
  });

  test("custom goes to the application, with the identity", async () => {
    const server = await startTestServer({
      auth: authWith({ alice: { subject: "alice" } }),
      onCustom: ({ identity, action, payload }) => {
        if (action === "fail") throw new Error("the database password is hunter2");
        return { by: identity.subject, action, payload };
      },
    });
    const client = await server.welcomed("/ws?token=alice");
    expect(await client.ask({ type: "custom", id: "c", action: "greet", payload: [1] })).toMatchObject({
      type: "custom",
      action: "greet",
      payload: { by: "alice", action: "greet", payload: [1] },
    });
    const failure = await client.ask({ type: "custom", id: "f", action: "fail" });
    expect(failure).toMatchObject({ type: "error", code: "INTERNAL" });
    expect(failure.message).not.toContain("hunter2");
    await client.settle();
  });
});

describe("tenants", () => {
  test("share nothing, whatever they name alike", async () => {
    const server = await startTestServer({
      auth: authWith({
        red: { tenant: "red", subject: "alice" },
        blue: { tenant: "blue", subject: "alice" },
      }),
      executions: { wait: waitForCancel },
      websocket: { maxConnectionsPerClient: 1 },
    });
    const red = await server.welcomed("/ws?token=red");
    const blue = await server.welcomed("/ws?token=blue");
    expect(red.hello.clientId).toBe(blue.hello.clientId);
    for (const client of [red, blue]) await client.ask({ type: "subscribe", id: "s", channel: "room:1" });

    await red.ask({ type: "publish", id: "same", channel: "room:1", data: "of red" });
    await blue.ask({ type: "publish", id: "same", channel: "room:1", data: "of blue" });
    await server.server.publish("room:1", "red by the application", { tenant: "red" });
    await server.server.publish("room:1", "blue by the application", { tenant: "blue" });
    await server.server.publish("room:1", "for the default tenant");
    await server.server.connections.broadcast("all of red", { tenant: "red" });
    await server.server.connections.sendToClient("alice", "alice of blue", { tenant: "blue" });

    await red.untilReceived("message", 3);
    await blue.untilReceived("message", 3);
    const dataOf = (client: PlainClient) => new Set(client.unread("message").map(({ data }) => data));
    expect(dataOf(red)).toEqual(new Set(["of red", "red by the application", "all of red"]));
    expect(dataOf(blue)).toEqual(new Set(["of blue", "blue by the application", "alice of blue"]));

    const history = await server.http("/api/channels/room:1/messages?token=blue");
    // Not the word alone: a tag may have it in it.
    expect(history.text).not.toMatch(/of red|red by/);

    const run = await red.ask({ type: "execute", id: "e", handler: "wait", channel: "room:1", input: null });
    const stolen = await blue.ask({ type: "cancel", id: "c", execution_id: run.execution_id! });
    expect(codeOf(stolen)).toBe("UNKNOWN_EXECUTION");

    await red.drop();
    const thief = server.welcomed(`/ws?token=blue&session_id=${red.hello.sessionId}`);
    await expect(thief).rejects.toThrow("Maximum 1 connections per client");
    await blue.close();
    const comeback = await within(
      "blue to be accepted",
      retry(() => server.welcomed(`/ws?token=blue&session_id=${red.hello.sessionId}`)),
    );
    expect(comeback.hello).toMatchObject({ isResumed: false, reason: "unknown_session" });
  });
});

type RoomHooks = NonNullable<ServerOptions["channels"]>[string];

async function* waitForCancel({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<string> {
  yield "waiting";
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** The code of a refusal, whether it came as an error or as a rejected receipt. */
function codeOf(answer: {
  readonly code?: string;
  readonly error?: { readonly code: string };
}): string | undefined {
  return answer.code ?? answer.error?.code;
}

async function retry<Value>(attempt: () => Promise<Value>): Promise<Value> {
  for (;;) {
    const value = await attempt().catch(() => undefined);
    if (value !== undefined) return value;
  }
}
