/** The rules of a connection hold whatever it is made of: the suite once more, with `/events` where a case does not care. */
import { afterEach, expect, test } from "vitest";
import { ALL_CASES, type Case, runCases } from "./src/index.ts";
import {
  APPLICATION,
  CONFIGURED,
  memoryDatabase,
  type ServerKind,
  ServerUnderTest,
} from "./testing/server-under-test.ts";

const DEADLINE_MS = 15_000;
const TEST_TIMEOUT_MS = 180_000;

/** What is about WebSockets themselves, though their cases take any connection. */
const OF_WEBSOCKETS: Readonly<Record<string, string>> = {
  "ACK-1": "There are no pongs: nothing but `ack` confirms (SSE-6).",
  "HB-1": "Comments carry no number (SSE-6).",
  "EXE-10.1": "Its end is confirmed by a pong.",
  "APP-3":
    "Requests carry a credential of their own, which expires as well; SSE-7 has what becomes of the stream.",
  "MSG-7.1": "What is nested too deep is refused as a request.",
  "LIM-2.1": "What is too large is refused as a request.",
  "ERR-2.1": "A body that is not JSON is refused as a request.",
  "ERR-2.4": "There are no binary messages.",
  "ERR-3.1": "Its messages are not JSON.",
  "ERR-4.1": "One of its messages is not JSON.",
  "HTC-5.2": "Is about a connection that is a WebSocket.",
};

function isOfWebSockets({ id, rule }: Case): boolean {
  return id in OF_WEBSOCKETS || rule in OF_WEBSOCKETS;
}

const servers: ServerUnderTest[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

test.each<[string, ServerKind, number]>([
  ["one that is configured", CONFIGURED, 240],
  ["an application", APPLICATION, 205],
])("SSE-1 every case passes on %s", { timeout: TEST_TIMEOUT_MS }, async (_name, kind, leastCount) => {
  const server = await ServerUnderTest.start(kind, memoryDatabase());
  servers.push(server);
  const cases = ALL_CASES.filter((one) => !isOfWebSockets(one));
  const target = { ...server.target({ deadlineMs: DEADLINE_MS }), transport: "events" as const };
  const results = await runCases({ target, cases });
  const failed = results.filter(({ status }) => status === "failed");
  expect(
    failed.map(({ case: one, reason, transcript }) =>
      [`${one.id} ${one.title}`, reason, ...transcript].join("\n"),
    ),
  ).toEqual([]);
  expect(results.filter(({ status }) => status === "passed").length).toBeGreaterThanOrEqual(leastCount);
});
