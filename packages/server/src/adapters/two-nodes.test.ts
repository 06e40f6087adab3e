/** Stock clients that hop from one server to another, both on one real Redis. */
import { HttpAgent } from "@ag-ui/client";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import { expect, onTestFinished, test } from "vitest";
import type { ExecutionContext } from "../executions/handler.ts";
import { within } from "../gateway/websocket/testing/deadline.ts";
import { describeWithRedis } from "../stores/redis/testing/describe-with-redis.ts";
import { RedisServer } from "../stores/redis/testing/redis-server.ts";
import { startTestServer } from "../testing/test-server.ts";
import { clientOf } from "./openai/testing/openai-server.ts";

async function twoServers() {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.dispose());
  const goOn = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const options = {
    database: { url: `redis://127.0.0.1:${redis.port}`, durability: "memory" as const },
    executions: {
      async *slow({ signal, usage }: ExecutionContext) {
        usage({ inputTokens: 1, outputTokens: 1 });
        yield "one ";
        yield "two ";
        signal.addEventListener("abort", () => stopped.resolve());
        await Promise.race([goOn.promise, stopped.promise]);
        yield "three";
      },
    },
  };
  const first = await startTestServer(options);
  const second = await startTestServer(options);
  return { first, second, goOn, stopped };
}

/** Reads until the last delta that comes by itself. */
async function readTwo(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (event.type === "response.output_text.delta" && event.delta === "two ") break;
  }
  return events;
}

describeWithRedis("two servers on one Redis", () => {
  test("a response that runs on one is read on from the other, event by event, and the numbers are the same", async () => {
    const { first, second, goOn } = await twoServers();
    const [here, there] = [clientOf(first), clientOf(second)];
    const stream = await here.responses.create({
      model: "slow",
      input: "go",
      background: true,
      stream: true,
    });
    const begun = await within("two deltas", readTwo(stream));
    const created = begun[0]!;
    if (created.type !== "response.created") throw new Error(`Began with ${created.type}`);
    const after = begun.at(-1)!.sequence_number;
    const rest: ResponseStreamEvent[] = [];
    const resumed = await there.responses.retrieve(created.response.id, {
      stream: true,
      starting_after: after,
    });
    goOn.resolve();
    for await (const event of resumed) rest.push(event);
    const all = [...begun, ...rest];
    expect(all.map(({ sequence_number }) => sequence_number)).toEqual(all.map((_, index) => index));
    const final = await here.responses.retrieve(created.response.id);
    expect(final).toMatchObject({ status: "completed", output_text: "one two three" });
    const again: ResponseStreamEvent[] = [];
    for await (const event of await there.responses.retrieve(final.id, { stream: true })) again.push(event);
    expect(again).toEqual(all);
  });

  test("a cancel on one stops the handler on the other", async () => {
    const { first, second, stopped } = await twoServers();
    const begun = await clientOf(first).responses.create({ model: "slow", input: "go", background: true });
    const cancelled = await clientOf(second).responses.cancel(begun.id);
    expect(cancelled).toMatchObject({ status: "cancelled", usage: { output_tokens: 1 } });
    await within("the handler to be stopped", stopped.promise);
  });

  test("a run of AG-UI that was cut on one is followed again on the other", async () => {
    const { first, second, goOn } = await twoServers();
    const agent = new HttpAgent({ url: first.httpUrl("/agui"), threadId: "t1" });
    agent.addMessage({ id: "u", role: "user", content: "go" });
    const { unsubscribe } = agent.subscribe({ onTextMessageContentEvent: () => agent.abortRun() });
    await within(
      "the cut",
      agent.runAgent({ runId: "r1" }).catch(() => undefined),
    );
    unsubscribe();
    agent.url = second.httpUrl("/agui");
    goOn.resolve();
    await within("the run", agent.runAgent({ runId: "r1" }));
    expect(agent.messages.map(({ content }) => content)).toEqual(["go", "one two three"]);
  });
});
