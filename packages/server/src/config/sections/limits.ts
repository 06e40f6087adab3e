import { z } from "zod";
import { decimal, integer, withDefault } from "../setting.ts";

const MAX = 1_000_000;

export const limitsSection = z.strictObject({
  maxConnections: withDefault(
    10_000,
    integer({ min: 1, max: MAX, description: "Connections of this server, of all clients together." }),
  ),
  maxRunningExecutions: withDefault(
    1000,
    integer({ min: 1, max: MAX, description: "Executions that run at the same time on this server." }),
  ),
  maxExecutionsPerChannel: withDefault(
    16,
    integer({ min: 1, max: MAX, description: "Executions that run at the same time on one channel." }),
  ),
  maxExecutionsPerConnection: withDefault(
    16,
    integer({
      min: 1,
      max: MAX,
      description: "Executions that run at the same time and were started by one connection.",
    }),
  ),
  maxCollectMs: withDefault(
    60,
    integer({
      min: 0,
      max: 1_000,
      description:
        "How long tokens of one execution that keep coming are collected before they go out together, in milliseconds. The first after a pause never waits. More are collected under load, and by stores whose commits cost more; `0` sends each at once where neither is the case.",
    }),
  ),
  maxWaitingInputs: withDefault(
    64,
    integer({ min: 1, max: MAX, description: "Inputs that wait for one execution to take them." }),
  ),
  maxEventLoopDelayMs: withDefault(
    100,
    integer({
      min: 10,
      max: 60_000,
      unit: "milliseconds",
      description:
        "How late the event loop may be (99th percentile of two seconds) before fresh connections are refused; at ten times as much also those that resume a session. A loop that works for less than a tenth of the time is not asked: others on its machine hold it up.",
    }),
  ),
  maxEventLoopUtilization: withDefault(
    0.95,
    decimal({
      min: 0.1,
      max: 1,
      description:
        "Share of two seconds in which the event loop may be busy before fresh connections are refused. `1` refuses none for it.",
    }),
  ),
  maxHeapShare: withDefault(
    0.85,
    decimal({
      min: 0.1,
      max: 1,
      description:
        "Share of the heap's limit (`--max-old-space-size`) that may be in use before fresh connections are refused; half way from there to the limit also those that resume a session.",
    }),
  ),
  maxPendingHandshakes: withDefault(
    200,
    integer({
      min: 1,
      max: MAX,
      description:
        "Connections that may be in the making at once before fresh ones are refused; at ten times as many also those that resume a session.",
    }),
  ),
});
