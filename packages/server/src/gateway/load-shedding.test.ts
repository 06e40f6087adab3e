/** What a server with too much to do says before a WebSocket is made, over real sockets. */
import { connect } from "@tachikoma/client";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { until } from "./websocket/testing/deadline.ts";

async function metric(server: TestServer, line: string): Promise<number | undefined> {
  const { text } = await server.http("/metrics");
  const value = text.split("\n").find((candidate) => candidate.startsWith(`${line} `));
  return value === undefined ? undefined : Number(value.slice(line.length + 1));
}

/** A server whose door keeps those waiting who come with the token `slow`. */
async function serverWithSlowDoor(maxPendingHandshakes: number) {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const door = { waitingCount: 0, open };
  onTestFinished(() => open());
  const server = await startTestServer({
    limits: { maxPendingHandshakes },
    auth: async ({ token }) => {
      if (token !== "slow") return {};
      door.waitingCount += 1;
      await opened;
      return {};
    },
  });
  return { server, door };
}

test("LIM-6 with too many handshakes under way fresh connections are refused, and sessions come back", async () => {
  const { server, door } = await serverWithSlowDoor(2);
  const known = await server.welcomed("/ws?client_id=known");
  await known.drop();
  const waiting = [server.welcomed("/ws?token=slow"), server.welcomed("/ws?token=slow")];
  await until("two of them knocked", () => door.waitingCount === 2);
  const refused = await server.refused("/ws");
  expect(refused).toMatchObject({ status: 503, body: { code: "SERVER_OVERLOADED" } });
  const retryAfterSecs = Number(refused.headers["retry-after"]);
  expect(retryAfterSecs).toBeGreaterThanOrEqual(2);
  expect(retryAfterSecs).toBeLessThanOrEqual(10);
  expect((await server.refused("/ws/stream")).body.code).toBe("SERVER_OVERLOADED");
  const resumed = await server.welcomed(`/ws?session_id=${known.hello.sessionId}`);
  expect(resumed.hello).toMatchObject({ clientId: "known", isResumed: true });

  door.open();
  await Promise.all(waiting);
  await server.welcomed();
});

test("CON-8 our client on a WebSocket that shows the refusal waits as long as it was asked to", async () => {
  const { server, door } = await serverWithSlowDoor(1);
  const waiting = server.welcomed("/ws?token=slow");
  await until("somebody is under way", () => door.waitingCount === 1);
  const knockedAtMs = Date.now();
  const client = connect(server.webSocketUrl(), { ports: { WebSocket } });
  onTestFinished(() => client.close());
  await until("the client was refused", () => client.status.state === "waiting");
  // The least that is asked of a fresh connection; the back-off alone would be half a second at most.
  expect(client.status).toMatchObject({ state: "waiting", attempt: 2 });
  const { status } = client;
  expect(status.state === "waiting" && status.untilMs - knockedAtMs).toBeGreaterThanOrEqual(2_000);
  door.open();
  await waiting;
  client.connect();
  await until("the client was let in", () => client.status.state === "online");
});

test("LIM-6 a session_id whose session does not go on buys nothing", async () => {
  const { server, door } = await serverWithSlowDoor(1);
  const waiting = server.welcomed("/ws?token=slow");
  await until("somebody is under way", () => door.waitingCount === 1);
  const pretending = await server.refused("/ws?client_id=mallory&session_id=made-up");
  expect(pretending).toMatchObject({ status: 503, body: { code: "SERVER_OVERLOADED" } });
  door.open();
  await waiting;
  // What was refused keeps no place.
  for (let place = 0; place < 5; place += 1) await server.welcomed("/ws?client_id=mallory");
});

test("LIM-6 a loop without any rest refuses fresh connections, not sessions, and never a health check", async () => {
  const server = await startTestServer({ limits: { maxEventLoopUtilization: 0.1 } });
  const known = await server.welcomed("/ws?client_id=known");
  await known.drop();
  const levels: number[] = [];
  const watching = setInterval(async () => {
    levels.push((await metric(server, "tachikoma_admission_level")) ?? 0);
  }, 100);
  onTestFinished(() => clearInterval(watching));
  await until("the level rose", () => levels.includes(1));
  clearInterval(watching);
  const refused = await server.refused();
  expect(refused).toMatchObject({ status: 503, body: { code: "SERVER_OVERLOADED" } });
  expect(await metric(server, 'tachikoma_shed_upgrades_total{reason="event_loop_utilization"}')).toBe(1);
  expect(await metric(server, 'tachikoma_refused_upgrades_total{reason="SERVER_OVERLOADED"}')).toBe(1);
  const back = await server.welcomed(`/ws?session_id=${known.hello.sessionId}`);
  expect(back.hello.isResumed).toBe(true);
  for (const path of ["/healthz", "/readyz"]) expect((await server.http(path)).status).toBe(200);
});
