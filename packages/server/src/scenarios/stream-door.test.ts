/** `/ws/stream`: one execution for a client that wants nothing else. */
import { describe, expect, test } from "vitest";
import { textSeen } from "./support/delivery-check.ts";
import { gate } from "./support/handlers.ts";
import { Scenario, STORE_KINDS } from "./support/scenario.ts";

describe.each(STORE_KINDS)("on %s", (kind) => {
  test("STR-3 welcome, one execute, its records, and a close with 1000", async () => {
    const scenario = await Scenario.start(kind, {
      executions: {
        async *short({ usage }) {
          usage({ outputTokens: 2 });
          yield "Hello, ";
          yield "world";
        },
      },
    });
    const client = await scenario.server.welcomed("/ws/stream?client_id=a");
    const receipt = await client.ask({ type: "execute", id: "e", handler: "short", input: 0 });
    await client.expectClose(1000);
    const { channel, execution_id: id } = receipt;
    expect(textSeen(client, channel!, id!)).toBe("Hello, world");
    expect(client.received.at(-1)).toMatchObject({
      type: "execution_completed",
      execution_id: id,
      usage: { output_tokens: 2 },
    });
    expect((await scenario.recordTypesOf(channel!, id!)).at(-1)).toBe("execution_completed");
  });

  test("STR-2 a second execute and everything else is refused", async () => {
    const go = gate();
    const scenario = await Scenario.start(kind, {
      executions: {
        async *waiting() {
          yield "a";
          await go.passed;
        },
      },
    });
    const client = await scenario.server.welcomed("/ws/stream?client_id=a");
    await client.ask({ type: "execute", id: "e", handler: "waiting", input: 0 });
    for (const request of [
      { type: "execute", id: "e2", handler: "waiting", input: 0 },
      { type: "subscribe", id: "s", channel: "room:1" },
      { type: "publish", id: "p", channel: "room:1", data: 1 },
    ])
      expect(await client.ask(request)).toMatchObject({ type: "error", code: "INVALID_MESSAGE" });
    go.open();
    await client.expectClose(1000);
  });

  test("STR-4 a stream that was cut is resumed by its session and brings the rest", async () => {
    const go = gate();
    const scenario = await Scenario.start(kind, {
      executions: {
        async *slow() {
          yield "first ";
          await go.passed;
          yield "second";
        },
      },
    });
    const first = await scenario.server.welcomed("/ws/stream?client_id=a");
    const receipt = await first.ask({ type: "execute", id: "e", handler: "slow", input: 0 });
    const chunk = await first.next(
      "chunk",
      (message) => (message["chunk"] as { type: string }).type === "text-delta",
    );
    first.send({ type: "ack", positions: { [receipt.channel!]: chunk.position } });
    await first.settle();
    await first.drop();
    const second = await scenario.server.welcomed(`/ws/stream?session_id=${first.hello.sessionId}`);
    expect(second.hello.isResumed).toBe(true);
    go.open();
    await second.expectClose(1000);
    expect(textSeen(second, receipt.channel!, receipt.execution_id!)).toBe("second");
    const third = await scenario.server.welcomed(`/ws/stream?session_id=${first.hello.sessionId}`);
    await third.expectClose(1000);
  });
});
