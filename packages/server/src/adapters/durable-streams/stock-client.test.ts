/** The stock client of the protocol, `@durable-streams/client`, against one server and against two that share a store. */
import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer } from "../../create-server.ts";
import { until, within } from "../../gateway/websocket/testing/deadline.ts";
import { systemRandom } from "../../platform/system-random.ts";
import type { ServerOptions } from "../../server-options.ts";
import { SharedMemory } from "../../stores/memory/memory-store.ts";
import { describeWithRedis } from "../../stores/redis/testing/describe-with-redis.ts";
import { RedisServer } from "../../stores/redis/testing/redis-server.ts";
import { startTestServer } from "../../testing/test-server.ts";

const NEVER_OVERLOADED = { maxEventLoopDelayMs: 60_000, maxEventLoopUtilization: 1, maxHeapShare: 1 };

async function startNode(options: ServerOptions): Promise<string> {
  const server = createServer({ ...options, limits: NEVER_OVERLOADED });
  onTestFinished(() => server.close({ graceMs: 0 }));
  const { port } = await within("a node to listen", server.listen({ port: 0 }));
  return `http://127.0.0.1:${port}`;
}

interface Item {
  readonly n: number;
}

/** Takes items as they come, over event streams that end and are asked for again. */
function follow(url: string, offset = "-1") {
  const items: Item[] = [];
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  const following = { items, offset, isEnded: false, stop: () => controller.abort() };
  const run = async () => {
    const response = await stream<Item>({ url, offset, live: "sse", signal: controller.signal });
    response.subscribeJson(async (batch) => {
      items.push(...batch.items);
      following.offset = batch.offset;
    });
    await response.closed;
    following.isEnded = true;
  };
  run().catch(() => undefined);
  return following;
}

describe("on one server", () => {
  test("what was written is read, dropped in the middle and resumed, without a gap and without a repetition", async () => {
    const server = await startTestServer();
    const url = server.httpUrl("/v1/stream/chat/1");
    const handle = await DurableStream.create({ url, contentType: "application/json" });
    const write = async (from: number, to: number) => {
      for (let n = from; n < to; n += 1) await handle.append(JSON.stringify({ n }));
    };
    const first = follow(url);
    await write(0, 30);
    await until("thirty items have come", () => first.items.length === 30);
    first.stop();
    await write(30, 60);
    const second = follow(url, first.offset);
    await write(60, 90);
    await until("all items have come", () => first.items.length + second.items.length >= 90);
    expect([...first.items, ...second.items].map(({ n }) => n)).toEqual(
      Array.from({ length: 90 }, (_, n) => n),
    );
    await handle.close();
    await until("the reader has heard of the end", () => second.isEnded);
  });

  test("bytes go through long polls as they are", async () => {
    const server = await startTestServer({ durableStreams: { longPollSecs: 0.2 } });
    const url = server.httpUrl("/v1/stream/bytes");
    const handle = await DurableStream.create({ url, contentType: "application/octet-stream" });
    const response = await stream({ url, offset: "-1", live: "long-poll" });
    onTestFinished(() => response.cancel());
    const received: number[] = [];
    response.subscribeBytes(async ({ data }) => {
      received.push(...data);
    });
    const sent = Array.from({ length: 256 }, (_, index) => index);
    for (let at = 0; at < 256; at += 16) await handle.append(Uint8Array.from(sent.slice(at, at + 16)));
    await until("all bytes have come", () => received.length >= 256);
    expect(received).toEqual(sent);
  });
});

async function acrossNodes(options: () => ServerOptions): Promise<void> {
  const urls = [await startNode(options()), await startNode(options())].map(
    (base) => `${base}/v1/stream/shared`,
  );
  const handles = [
    await DurableStream.create({ url: urls[0]!, contentType: "application/json" }),
    await DurableStream.connect({ url: urls[1]! }),
  ];
  const readers = urls.map((url) => follow(url));
  const errors: Error[] = [];
  const producers = handles.map(
    (handle, index) =>
      new IdempotentProducer(handle, `producer-${index}`, {
        lingerMs: 1,
        onError: (error) => errors.push(error),
      }),
  );
  for (let n = 0; n < 100; n += 1) {
    producers[0]!.append(JSON.stringify({ n: n * 2 }));
    producers[1]!.append(JSON.stringify({ n: n * 2 + 1 }));
    if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await within("the batches to be stored", Promise.all(producers.map((producer) => producer.flush())));
  expect(errors).toEqual([]);
  for (const { items } of readers) await until("all items have come", () => items.length >= 200);
  expect(readers[1]!.items).toEqual(readers[0]!.items);
  const numbers = readers[0]!.items.map(({ n }) => n);
  expect(numbers.filter((n) => n % 2 === 0)).toEqual(Array.from({ length: 100 }, (_, n) => n * 2));
  expect(numbers.filter((n) => n % 2 === 1)).toEqual(Array.from({ length: 100 }, (_, n) => n * 2 + 1));

  // The same producer, started anew on the other node, takes its name over from the one that ran here.
  const heir = new IdempotentProducer(handles[1]!, "producer-0", { autoClaim: true, epoch: 1 });
  heir.append(JSON.stringify({ n: 1000 }));
  await within("the heir to be heard", heir.flush());
  await until("its item has come", () => readers[0]!.items.length === 201);
  producers[0]!.append(JSON.stringify({ n: 2000 }));
  await producers[0]!.flush().catch(() => undefined);
  expect(errors.map(({ name }) => name)).toEqual(["StaleEpochError"]);
  expect(readers[0]!.items.map(({ n }) => n)).not.toContain(2000);
}

describe("on two nodes", () => {
  test("readers of both see what was written on either, once, in the order of its producer", async () => {
    const memory = new SharedMemory(systemRandom);
    await acrossNodes(() => ({ store: memory.open() }));
  });
});

describeWithRedis("on two nodes with Redis", () => {
  test("readers of both see what was written on either, once, in the order of its producer", async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.dispose());
    await acrossNodes(() => ({ database: { url: `redis://127.0.0.1:${redis.port}` } }));
  });
});
