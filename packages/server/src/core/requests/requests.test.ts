import { describe, expect, test } from "vitest";
import type { Identity } from "../identity.ts";
import { CoreFixture } from "../testing/core-fixture.ts";
import type { ChannelFrame, ChannelReader } from "./channel-reader.ts";

const alice: Identity = {
  tenant: "default",
  subject: "alice",
  clientId: "http",
  grants: undefined,
  expiresAtMs: undefined,
};

async function* three() {
  yield "one ";
  yield "two ";
  yield "three";
}

async function take(
  reader: ChannelReader,
  isLast: (frame: ChannelFrame) => boolean,
): Promise<ChannelFrame[]> {
  const frames: ChannelFrame[] = [];
  for await (const frame of reader) {
    frames.push(frame);
    if (isLast(frame)) break;
  }
  return frames;
}

/** Lets the fake clock's deferred work run for as long as something is waited for. */
async function driven<T>({ clock }: CoreFixture, waiting: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  waiting.then(over, over);
  while (!isOver) await clock.settle();
  return waiting;
}

async function publish({ server }: CoreFixture, count: number): Promise<void> {
  for (let number = 1; number <= count; number += 1)
    await server.publish({ tenant: "default", channel: "chat:1", data: number });
}

const dataOf = (frames: readonly ChannelFrame[]) =>
  frames.flatMap((frame) => (frame.type === "message" ? [frame.data] : []));

describe("reading a channel", () => {
  test("history and what comes live are one sequence, from the position that was asked for", async () => {
    const fixture = new CoreFixture();
    await publish(fixture, 200);
    const { reader } = await fixture.server.requests.read(alice, "chat:1", { since: "start" });
    const first = await driven(
      fixture,
      take(reader, (frame) => frame.type === "message" && frame.data === 120),
    );
    expect(dataOf(first)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
    expect(reader.isClosed).toBe(true);

    const { position } = first.at(-1)!;
    const { reader: next } = await fixture.server.requests.read(alice, "chat:1", { position });
    const live = fixture.server.publish({ tenant: "default", channel: "chat:1", data: "live" });
    const rest = await driven(
      fixture,
      take(next, (frame) => frame.type === "message" && frame.data === "live"),
    );
    await live;
    expect(dataOf(rest)).toEqual([...Array.from({ length: 80 }, (_, index) => index + 121), "live"]);
  });

  test("deltas come one by one where they are asked for so, also to one who is behind", async () => {
    const fixture = new CoreFixture({ handlers: { three } });
    const { requests } = fixture.server;
    const { channel } = await requests.execute(alice, { commandId: "c1", handler: "three", input: {} });
    const isEnd = ({ type }: ChannelFrame) => type === "execution_completed";
    const textsOf = (frames: readonly ChannelFrame[]) =>
      frames.flatMap((frame) =>
        frame.type === "chunk" && "delta" in frame.chunk ? [frame.chunk["delta"]] : [],
      );
    const live = await requests.read(alice, channel, { since: "start" });
    await driven(fixture, take(live.reader, isEnd));
    const merged = await requests.read(alice, channel, { since: "start" });
    expect(textsOf(await driven(fixture, take(merged.reader, isEnd)))).toEqual(["one two three"]);
    const single = await requests.read(alice, channel, { since: "start", deltas: "single" });
    expect(textsOf(await driven(fixture, take(single.reader, isEnd)))).toEqual(["one ", "two ", "three"]);
  });

  test("a position of another log is told, and reading starts at the oldest record", async () => {
    const fixture = new CoreFixture();
    await publish(fixture, 2);
    const reading = await fixture.server.requests.read(alice, "chat:1", { position: "other.1.x" });
    expect(reading.resetReason).toBe("epoch_changed");
    expect(
      dataOf(
        await driven(
          fixture,
          take(
            reading.reader,
            ({ type, ...frame }) => type === "message" && "data" in frame && frame.data === 2,
          ),
        ),
      ),
    ).toEqual([1, 2]);
  });

  test("a reader that is closed while it waits is done, and no longer counts as one", async () => {
    const fixture = new CoreFixture();
    const { reader } = await fixture.server.requests.read(alice, "chat:1", {});
    const waiting = reader.next();
    reader.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(fixture.server.hub.peek({ tenant: "default", channel: "chat:1" })?.cursors.size).toBe(0);
  });

  test("permission is asked for", async () => {
    const grants = [{ verbs: ["subscribe" as const], channels: "other:*" }];
    const { server } = new CoreFixture();
    await expect(server.requests.read({ ...alice, grants }, "chat:1", {})).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
  });
});

describe("executions", () => {
  test("what is started is found, read to its end, and the same command is the same execution", async () => {
    const fixture = new CoreFixture({ handlers: { three } });
    const { server } = fixture;
    const request = { commandId: "c1", handler: "three", channel: "chat:1", input: {} };
    const started = await server.requests.execute(alice, request);
    const { reader } = await server.requests.read(alice, "chat:1", { since: "start" });
    const frames = await driven(
      fixture,
      take(reader, ({ type }) => type === "execution_completed"),
    );
    expect(frames[0]).toMatchObject({ type: "execution_started", executionId: started.executionId });
    expect(await server.requests.execute(alice, request)).toMatchObject({
      executionId: started.executionId,
      isRunning: false,
    });
    const last = await server.requests.lastExecution(alice, "chat:1");
    expect(last).toMatchObject({ executionId: started.executionId, before: started.before });
    expect(last?.endSeq).toBeGreaterThan(1);
  });

  test("a cancel is accepted, and applied when it has taken effect", async () => {
    const fixture = new CoreFixture({
      handlers: {
        async *endless({ signal }) {
          yield "begun";
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
    });
    const { server } = fixture;
    const { executionId } = await server.requests.execute(alice, {
      commandId: "c1",
      handler: "endless",
      channel: "chat:1",
      input: {},
    });
    expect(await server.requests.lastExecution(alice, "chat:1")).toMatchObject({
      executionId,
      endSeq: undefined,
    });
    const { receipt, final } = await server.requests.cancel(alice, { commandId: "c2", executionId });
    expect(receipt.status).toBe("accepted");
    expect(await driven(fixture, final)).toMatchObject({ status: "applied" });
    expect((await server.requests.lastExecution(alice, "chat:1"))?.endSeq).toBeDefined();
  });

  test("what is said before the start comes first, once, also when the command is repeated", async () => {
    const fixture = new CoreFixture({ handlers: { three } });
    const { server } = fixture;
    const request = {
      commandId: "c1",
      handler: "three",
      input: {},
      beforeStart: async ({ channel }: { readonly channel: string }) => {
        await server.publish({ tenant: "default", channel, data: "first", commandId: "p1" });
      },
    };
    const { channel, executionId } = await server.requests.execute(alice, request);
    await server.requests.execute(alice, request);
    const { reader } = await server.requests.read(alice, channel, { since: "start" });
    const frames = await driven(
      fixture,
      take(reader, ({ type }) => type === "execution_completed"),
    );
    expect(frames.slice(0, 2)).toMatchObject([
      { type: "message", data: "first" },
      { type: "execution_started" },
    ]);
    expect(dataOf(frames)).toEqual(["first"]);
    const begin = await server.requests.attemptBegin(alice, { channel, executionId });
    expect(begin).toMatchObject({ seq: 2, before: { seq: 1 } });
    expect(await server.requests.attemptBegin(alice, { channel, executionId: "other" })).toBeUndefined();
    expect(server.requests.handlerNames).toEqual(["three"]);
  });

  test("the last execution is the one that was started last, whoever writes last", async () => {
    const goOn = Promise.withResolvers<void>();
    const fixture = new CoreFixture({
      handlers: {
        async *old() {
          yield "old ";
          await goOn.promise;
          yield "writes on";
        },
        young: async function* ({ signal }) {
          yield "young";
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
    });
    const { server } = fixture;
    const start = (handler: string) =>
      driven(
        fixture,
        server.requests.execute(alice, { commandId: handler, handler, channel: "chat:1", input: {} }),
      );
    const old = await start("old");
    const young = await start("young");
    const { reader } = await server.requests.read(alice, "chat:1", { since: "start" });
    goOn.resolve();
    await driven(
      fixture,
      take(reader, (frame) => frame.type === "execution_completed" && frame.executionId === old.executionId),
    );
    const last = await server.requests.lastExecution(alice, "chat:1");
    expect(last).toMatchObject({ executionId: young.executionId, endSeq: undefined, endedAtMs: undefined });
    expect(await start("young")).toMatchObject({ executionId: young.executionId, isRepeated: true });
    await driven(
      fixture,
      server.requests
        .cancel(alice, { commandId: "c", executionId: young.executionId })
        .then(({ final }) => final),
    );
    const ended = await server.requests.lastExecution(alice, "chat:1");
    expect(ended).toMatchObject({ executionId: young.executionId, endedAtMs: expect.any(Number) });
  });

  test("of one that was run anew the place before its last attempt is known, and which message it writes", async () => {
    const fixture = new CoreFixture();
    const { requests, hub } = fixture.server;
    const key = { tenant: "default", channel: "chat:1" };
    const chunk = (executionId: string, body: object) =>
      ({ type: "chunk", executionId, body: JSON.stringify(body) }) as const;
    const started = (executionId: string) =>
      ({ type: "execution_started", executionId, body: '{"handler":"h"}' }) as const;
    const records = [
      started("other"),
      chunk("other", { type: "start", messageId: "m0" }),
      started("first"),
      chunk("first", { type: "start", messageId: "m1" }),
      { type: "execution_completed", executionId: "first", body: '{"usage":{}}' } as const,
      started("second"),
      chunk("second", { type: "start", messageId: "void" }),
      { type: "execution_restarted", executionId: "second", body: '{"attempt":2}' } as const,
      chunk("second", { type: "start", messageId: "m1" }),
      chunk("second", { type: "text-start", id: "t" }),
    ];
    for (const record of records) await hub.append(key, [record], {});
    expect(await requests.lastExecution(alice, "chat:1")).toMatchObject({
      executionId: "second",
      messageId: "m1",
      before: { seq: 5 },
      beforeAttempt: { seq: 7 },
    });
    const turns = await requests.lastMessageExecutions(alice, "chat:1");
    expect(turns.map(({ executionId, before }) => [executionId, before?.seq])).toEqual([
      ["first", 2],
      ["second", 5],
    ]);
  });

  test("a channel without executions has no last one", async () => {
    const fixture = new CoreFixture();
    await publish(fixture, 3);
    expect(await fixture.server.requests.lastExecution(alice, "chat:1")).toBeUndefined();
  });
});
