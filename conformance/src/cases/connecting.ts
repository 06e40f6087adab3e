import { ERRORS } from "@tachikoma/protocol";
import { section } from "../case.ts";
import { type HttpAnswer, UPGRADE_HEADERS } from "../clients/http-request.ts";
import { OPCODES } from "../clients/raw-frame.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";

export const connecting = section("Connecting", (rule) => {
  rule("CON-1", "an upgrade of /ws makes a connection", async (t) => {
    const raw = await t.raw({ headers: { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" } });
    equals(raw.answer.status, 101, "the status");
    equals(raw.answer.headers.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the accept key");
    await raw.expect("welcome");
  });

  rule("CON-1", "a WebSocket ping of the client is answered with its payload", async (t) => {
    const raw = await t.raw();
    await raw.expect("welcome");
    raw.sendFrame(OPCODES.ping, "payload-\u0000-ü");
    equals((await raw.frame(OPCODES.pong)).payload.toString(), "payload-\u0000-ü", "the payload of the pong");
  });

  rule("CON-1", "a close of the client is answered, and the connection ends", async (t) => {
    const raw = await t.raw();
    await raw.expect("welcome");
    raw.sendFrame(OPCODES.close, Buffer.from([0x03, 0xe8]));
    isOneOf(await raw.closeCode(), [1000, 1005], "the code of the answer");
    await raw.ended();
  });

  rule("CON-1", "a handshake that RFC 6455 does not allow is refused", async (t) => {
    const bad = [
      { "Sec-WebSocket-Key": "short" },
      { "Sec-WebSocket-Key": undefined },
      { "Sec-WebSocket-Version": "7" },
    ];
    for (const headers of bad) {
      const { answer } = await t.raw({ headers });
      holds(answer.status >= 400 && answer.status < 500, `${shown(headers)} was answered ${answer.status}`);
    }
  });

  rule("CON-2", "client_id of the query is the client's name", async (t) => {
    const clientId = t.freshName();
    equals((await t.connect({ clientId })).clientId, clientId, "client_id in welcome");
  });

  rule("CON-2", "an empty parameter is an absent one", async (t) => {
    const client = await t.connect({ query: "client_id=&session_id=&positions=" });
    holds(client.clientId !== "", "a client id was made");
    equals(client.welcome.resumed, false, "resumed");
    holds(client.welcome.reason === undefined, "no reason, since no session was asked for");
  });

  rule("CON-2", "ids of 128 characters are taken", async (t) => {
    const clientId = t.freshName().padEnd(128, "x");
    equals((await t.connect({ clientId })).clientId, clientId, "client_id in welcome");
    const client = await t.connect({ sessionId: "y".repeat(128) });
    equals(client.welcome.reason, "unknown_session", "what became of a session of 128 characters");
  });

  for (const name of ["client_id", "session_id"] as const) {
    rule(
      "CON-2",
      `a ${name} with white space, control characters or 129 characters is refused with 400`,
      async (t) => {
        for (const value of ["x".repeat(129), "a%20b", "a%09b", "a%00b", "a%7fb", "%C2%A0"]) {
          checkRefusal(await t.refusal({ query: `${name}=${value}` }), 400, "INVALID_MESSAGE");
        }
      },
    );
  }

  rule(
    "CON-3",
    "a token is taken from the Authorization header and from the query",
    { requires: ["auth"] },
    async (t) => {
      await t.connect();
      const token = encodeURIComponent(t.target.token ?? "");
      await t.connect({ token: null, query: `token=${token}` });
      await t.connect({ token: null, headers: { authorization: `bearer ${t.target.token}` } });
    },
  );

  rule("CON-3", "the header wins over the query", { requires: ["auth"] }, async (t) => {
    const token = encodeURIComponent(t.target.token ?? "");
    await t.connect({ query: "token=wrong" });
    checkRefusal(await t.refusal({ token: "wrong", query: `token=${token}` }), 401, "UNAUTHORIZED");
  });

  rule("CON-4", "without a token: 401 Token required", { requires: ["auth"] }, async (t) => {
    for (const isStream of [false, true]) {
      const refused = await t.refusal({ token: null, isStream });
      checkRefusal(refused, 401, "TOKEN_REQUIRED");
      equals(refused.json?.["message"], "Token required", "the message");
    }
    checkRefusal(await t.refusal({ token: null, query: "token=" }), 401, "TOKEN_REQUIRED");
  });

  rule("CON-4", "with a token that is not good: 401 Unauthorized", { requires: ["auth"] }, async (t) => {
    for (const token of ["wrong", `${t.target.token}x`, t.target.token?.slice(1) ?? "", "x".repeat(9_000)]) {
      const refused = await t.refusal({ token });
      checkRefusal(refused, 401, "UNAUTHORIZED");
      equals(refused.json?.["message"], "Unauthorized", "the message");
    }
  });

  rule(
    "CON-5",
    "a client_id of someone else is refused with 403",
    { requires: ["token:alice"] },
    async (t) => {
      const token = t.text("token:alice");
      for (const clientId of ["bob", "alicex", "alice-phone", "Alice", "bob:alice"]) {
        checkRefusal(await t.refusal({ token, clientId }), 403, "FORBIDDEN");
      }
    },
  );

  rule(
    "CON-5",
    "a subject owns its name and what follows it behind a colon",
    { requires: ["token:alice"] },
    async (t) => {
      const token = t.text("token:alice");
      for (const clientId of [`alice:${t.freshName()}`, `alice:${t.freshName()}:x`]) {
        equals((await t.connect({ token, clientId })).clientId, clientId, "client_id in welcome");
      }
    },
  );

  rule("CON-5", "without client_id each connection is a client of its own", async (t) => {
    const [one, other] = [await t.connect(), await t.connect()];
    holds(one.clientId !== other.clientId, `two connections are both ${one.clientId}`);
  });

  rule("CON-5", "without client_id a session brings that of its own", async (t) => {
    const clientId = t.freshName();
    const first = await t.connect({ clientId });
    await first.drop();
    const second = await t.connect({ sessionId: first.sessionId });
    equals([second.clientId, second.welcome.resumed], [clientId, true], "client_id and resumed");
  });

  rule(
    "CON-6",
    "one connection too many is refused with 429 and the limit",
    { requires: ["limit:max_connections_per_client"] },
    async (t) => {
      const limit = t.number("limit:max_connections_per_client");
      const clientId = t.freshName();
      for (let count = 0; count < limit; count += 1) await t.connect({ clientId, isStream: count === 0 });
      const refused = await t.refusal({ clientId });
      checkRefusal(refused, 429, "TOO_MANY_CONNECTIONS");
      equals(refused.json?.["message"], `Maximum ${limit} connections per client`, "the message");
      await t.connect({ clientId: t.freshName() });
    },
  );

  rule(
    "CON-6",
    "of racing upgrades as many come in as there are places",
    { requires: ["limit:max_connections_per_client"] },
    async (t) => {
      const limit = t.number("limit:max_connections_per_client");
      const clientId = t.freshName();
      const attempts = Array.from({ length: limit + 5 }, () => t.raw({ clientId }));
      const statuses = (await Promise.all(attempts)).map(({ answer }) => answer.status).sort((a, b) => a - b);
      const expected = [...Array<number>(limit).fill(101), ...Array<number>(5).fill(429)];
      equals(statuses, expected, "the answers to the upgrades");
    },
  );

  rule(
    "CON-6",
    "a place is given back when its connection ends",
    { requires: ["limit:max_connections_per_client"] },
    async (t) => {
      const limit = t.number("limit:max_connections_per_client");
      const clientId = t.freshName();
      for (let round = 0; round < 3; round += 1) {
        const clients = [];
        for (let count = 0; count < limit; count += 1) clients.push(await t.connectAtLast({ clientId }));
        await Promise.all(clients.map((client) => (round === 1 ? client.drop() : client.close())));
      }
    },
  );

  rule(
    "CON-6",
    "a connection that takes over a session needs no place of its own",
    { requires: ["limit:max_connections_per_client"] },
    async (t) => {
      const limit = t.number("limit:max_connections_per_client");
      const clientId = t.freshName();
      const clients = [];
      for (let count = 0; count < limit; count += 1) clients.push(await t.connect({ clientId }));
      const newer = await t.connect({ clientId, sessionId: clients[0]!.sessionId });
      equals(newer.welcome.resumed, true, "resumed");
      await clients[0]!.expectClose(4409);
      equals((await t.refusal({ clientId })).status, 429, "the status of one more");
    },
  );

  rule("CON-7", "a plain GET of the paths is answered with 426", async (t) => {
    const { pathname } = t.target.urls[0]!;
    const base = pathname.split("/").at(-1)!;
    for (const path of [`/${base}`, `/${base}/stream`]) {
      checkRefusal(await t.get(path), 426, "UPGRADE_REQUIRED");
    }
  });

  rule("CON-7", "an upgrade of any other path is answered with 404", async (t) => {
    for (const path of [`/${t.freshName()}`, "/ws/other", "/ws/stream/other"]) {
      checkRefusal(await t.get(path, UPGRADE_HEADERS), 404, "NOT_FOUND");
    }
  });

  rule(
    "CON-7",
    "an Origin that is not allowed is answered with 403",
    { requires: ["origin:refused"] },
    async (t) => {
      checkRefusal(await t.refusal({ headers: { origin: t.text("origin:refused") } }), 403, "FORBIDDEN");
    },
  );

  rule(
    "CON-7",
    "a query that cannot be read is answered with 400, before anything else is made of it",
    async (t) => {
      const refused = await t.refusal({ isStream: true, query: `client_id=${"x".repeat(500)}` });
      checkRefusal(refused, 400, "INVALID_MESSAGE");
    },
  );

  rule(
    "CON-8",
    "a refusal of 429 says when to come back",
    { requires: ["limit:max_connections_per_client"] },
    async (t) => {
      const clientId = t.freshName();
      for (let count = 0; count < t.number("limit:max_connections_per_client"); count += 1)
        await t.connect({ clientId });
      const { headers } = await t.refusal({ clientId });
      holds(/^\d+$/.test(headers["retry-after"] ?? ""), `retry-after is ${headers["retry-after"]}`);
    },
  );

  rule("CON-8", "a refusal has a body of code and message, and the code is of the catalogue", async (t) => {
    const { json } = await t.refusal({ query: "client_id=a%20b" });
    equals(Object.keys(json ?? {}).sort(), ["code", "message"], "the fields of the body");
    holds(Object.hasOwn(ERRORS, String(json?.["code"])), `${shown(json?.["code"])} is a code of section 19`);
  });

  rule(
    "CON-9",
    "a connection that does not become usable is closed with 4009",
    { requires: ["namespace:stuck", "limit:connection_timeout_secs"], isSlow: true },
    async (t) => {
      const first = await t.connect({ node: 0 });
      await first.subscribe(t.channel(t.text("namespace:stuck")));
      await first.drop();
      const second = await t.open({ node: 0, sessionId: first.sessionId });
      await second.expectClose(4009);
      equals(second.received, [], "what came before");
    },
  );
});

function checkRefusal(answer: HttpAnswer, status: number, code: string): void {
  equals([answer.status, answer.json?.["code"]], [status, code], "status and code of the refusal");
  holds(typeof answer.json?.["message"] === "string", "the refusal has a message");
}
