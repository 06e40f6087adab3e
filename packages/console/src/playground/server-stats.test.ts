import { expect, test } from "vitest";
import { readStats } from "./server-stats.ts";

test("reads what the server tells and drops handlers without a name", () => {
  const stats = readStats({
    server_version: "0.1.0",
    node_id: "n1",
    uptime_secs: 61,
    connections: 2,
    sessions: 3,
    channels: 4,
    executions_running: 1,
    handlers: [
      { name: "chat", backend: "demo", label: "Demo" },
      { backend: "x" },
      null,
      { name: "wc", backend: "command" },
    ],
    auth: "api_key",
  });
  expect(stats).toMatchObject({
    serverVersion: "0.1.0",
    uptimeSecs: 61,
    executionsRunning: 1,
    auth: "api_key",
  });
  expect(stats?.handlers).toEqual([
    { name: "chat", backend: "demo", label: "Demo" },
    { name: "wc", backend: "command", label: "wc" },
  ]);
});

test.each([null, [], "x", 3])("%j is no answer", (value) => {
  expect(readStats(value)).toBeUndefined();
});

test("missing and malformed fields show as nothing", () => {
  expect(readStats({ uptime_secs: "long", handlers: {} })).toMatchObject({
    uptimeSecs: 0,
    handlers: [],
    auth: "",
  });
});
