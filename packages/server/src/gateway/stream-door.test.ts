/** `/ws/stream`: open it, send one request, receive its stream. */
import { describe, expect, test } from "vitest";
import type { WireMessage } from "../testing/plain-client.ts";
import { startTestServer } from "../testing/test-server.ts";

function countingHandler() {
  const held = Promise.withResolvers<void>();
  return {
    goOn: () => held.resolve(),
    async *handler({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<string> {
      signal.addEventListener("abort", () => held.resolve(), { once: true });
      yield "one ";
      await held.promise;
      if (signal.aborted) return;
      yield "two";
    },
  };
}

const EXECUTE = { type: "execute", id: "e", handler: "count", input: null };

function textOf(messages: readonly WireMessage[]): string {
  const deltas = messages.map((message) => (message["chunk"] as { delta?: string } | undefined)?.delta ?? "");
  return deltas.join("");
}

describe("a stream", () => {
  test("is one execution from its receipt to its end, then a close with 1000", async () => {
    const count = countingHandler();
    count.goOn();
    const server = await startTestServer({ executions: { count: count.handler } });
    const client = await server.welcomed("/ws/stream");
    const receipt = await client.ask(EXECUTE);
    expect(receipt).toMatchObject({ status: "accepted", execution_id: expect.any(String) });
    expect(receipt.channel).toBe(`execution:${receipt.execution_id}`);
    await client.next("execution_completed");
    await client.expectClose(1000);
    expect(textOf(client.received)).toBe("one two");
    const order = client.received
      .map(({ type }) => type)
      .filter((type) => type !== "receipt" && type !== "chunk");
    expect(order).toEqual(["welcome", "execution_started", "execution_completed"]);
  });

  test("takes one execute and nothing that is not about it", async () => {
    const count = countingHandler();
    const server = await startTestServer({ executions: { count: count.handler } });
    const client = await server.welcomed("/ws/stream");
    await client.ask(EXECUTE);
    for (const request of [
      { ...EXECUTE, id: "again" },
      { type: "subscribe", id: "s", channel: "room:1" },
      { type: "publish", id: "p", channel: "room:1", data: 1 },
      { type: "custom", id: "c", action: "greet" },
    ]) {
      const answer = await client.ask(request);
      expect(answer, request.id).toMatchObject({ type: "error", code: "INVALID_MESSAGE" });
    }
    await client.settle();
    count.goOn();
    await client.next("execution_completed");
    await client.expectClose(1000);
  });

  test("goes on by its session_id after the connection was lost, each record once", async () => {
    const count = countingHandler();
    const server = await startTestServer({
      executions: { count: count.handler },
      websocket: { pingIntervalSecs: 0.03, pongTimeoutSecs: 5 },
    });
    const client = await server.welcomed("/ws/stream");
    const receipt = await client.ask(EXECUTE);
    const seen = await client.next("chunk", (message) => textOf([message]) === "one ");
    client.send({ type: "ack", positions: { [receipt.channel!]: seen.position } });
    await client.settle();
    await client.drop();
    const back = await server.welcomed(`/ws/stream?session_id=${client.hello.sessionId}`);
    expect(back.hello.isResumed).toBe(true);
    count.goOn();
    await back.next("execution_completed");
    await back.expectClose(1000);
    expect(textOf(back.received)).toBe("two");
    expect(back.unread("reset")).toEqual([]);
  });

  test("that ended while its client was away is delivered to the end, then closed", async () => {
    const count = countingHandler();
    const server = await startTestServer({ executions: { count: count.handler } });
    const watcher = await server.welcomed();
    await watcher.ask({ type: "subscribe", id: "s", channel: "room:1" });
    const client = await server.welcomed("/ws/stream");
    await client.ask({ ...EXECUTE, channel: "room:1" });
    await client.next("chunk");
    await client.drop();
    count.goOn();
    await watcher.next("execution_completed");
    const back = await server.welcomed(`/ws/stream?session_id=${client.hello.sessionId}`);
    await back.next("execution_completed");
    await back.expectClose(1000);
    expect(textOf(back.received).endsWith("two")).toBe(true);
  });

  test("can be stopped from another device of another client", async () => {
    const count = countingHandler();
    const server = await startTestServer({ executions: { count: count.handler } });
    const stream = await server.welcomed("/ws/stream?client_id=phone");
    const { execution_id } = await stream.ask(EXECUTE);
    await stream.next("chunk");
    const other = await server.welcomed("/ws?client_id=laptop");
    expect((await other.ask({ type: "cancel", id: "c", execution_id })).status).toMatch(
      /^(accepted|applied)$/,
    );
    expect(await stream.next("execution_cancelled")).toMatchObject({ reason: "requested", sender: "laptop" });
    await stream.expectClose(1000);
  });

  test("of a handler that is none is rejected, and the connection can be closed", async () => {
    const server = await startTestServer();
    const client = await server.welcomed("/ws/stream");
    expect(await client.ask({ ...EXECUTE, handler: "nobody" })).toMatchObject({
      status: "rejected",
      error: { code: "UNKNOWN_HANDLER" },
    });
  });
});
