import type { Chunk } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { Execution } from "../api.ts";
import { messageOf } from "../message.ts";
import { at, clientFixture, settle, subscribed, welcome } from "../testing/client-fixture.ts";
import type { FakeSocket, WireMessage } from "../testing/fake-network.ts";

function onlineFixture() {
  const fixture = clientFixture();
  fixture.network.last.receive(welcome());
  const reconnect = (): FakeSocket => {
    if (fixture.network.last.isOpen) fixture.network.last.end(1006);
    fixture.clock.advance(30_000);
    fixture.network.last.receive(welcome({ resumed: true }));
    return fixture.network.last;
  };
  return { ...fixture, socket: fixture.network.last, reconnect };
}

/** The frames of one execution in one channel. */
function recordsIn(channel: string, executionId = "e1") {
  const record = (type: string, seq: number, fields: object = {}): WireMessage => ({
    type,
    channel,
    position: at(seq),
    execution_id: executionId,
    ...fields,
  });
  return {
    started: (seq: number) => record("execution_started", seq, { handler: "chat" }),
    chunk: (seq: number, chunk: object, n = 1) => record("chunk", seq, { chunk, ...(n > 1 && { n }) }),
    text: (seq: number, text: string, n = 1) =>
      record("chunk", seq, { chunk: { type: "text-delta", id: "0", delta: text }, ...(n > 1 && { n }) }),
    restarted: (seq: number) => record("execution_restarted", seq, { attempt: 2 }),
    completed: (seq: number) => record("execution_completed", seq, { usage: { output_tokens: 2 } }),
    cancelled: (seq: number) => record("execution_cancelled", seq, { usage: {}, reason: "requested" }),
  };
}

const { started, restarted, text, chunk, completed, cancelled } = recordsIn("execution:e1");

function accept(socket: FakeSocket, fields: Record<string, unknown> = {}): void {
  const ref = socket.sentOf("execute").at(-1)?.["id"];
  const receipt = { execution_id: "e1", channel: "execution:e1", position: at(0) };
  socket.receive({ type: "receipt", ref, status: "accepted", ...receipt, ...fields });
}

async function collect(execution: Execution): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const item of execution) chunks.push(item);
  return chunks;
}

describe("execute on a private channel", () => {
  test("EXE-3: what stands before its start is void, as a failover may leave it", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    socket.receive(text(1, "the end of "));
    socket.receive(started(2));
    expect(run.chunks).toEqual([]);
    socket.receive(text(3, "all"));
    socket.receive(completed(4));
    expect(await run.text).toBe("all");
  });

  test("is followed from its first record without a further request", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", { some_input: 1 }, { onUnwatched: { cancelAfter: 30 } });
    const chunks = collect(run);
    expect(socket.sent).toMatchObject([
      { type: "execute", handler: "chat", input: { some_input: 1 }, on_unwatched: { cancel_after: 30 } },
    ]);
    expect(run.status).toBe("starting");
    accept(socket);
    expect(await run.id).toBe("e1");
    expect(await run.channel).toBe("execution:e1");
    socket.receive(started(1));
    expect(run.status).toBe("running");
    socket.receive(chunk(2, { type: "text-start", id: "0" }));
    socket.receive(text(3, "Hello "));
    socket.receive(text(5, "world", 2));
    expect(messageOf(run).parts).toMatchObject([{ type: "text", text: "Hello world" }]);
    socket.receive(chunk(6, { type: "text-end", id: "0" }));
    socket.receive(completed(7));
    expect(await run.text).toBe("Hello world");
    expect(await run.ended).toMatchObject({
      outcome: "completed",
      usage: { outputTokens: 2 },
      position: at(7),
    });
    expect(run.usage).toEqual({ outputTokens: 2 });
    expect(run.status).toBe("completed");
    const texts = (await chunks).map((item) => (item.type === "text-delta" ? item.delta : item.type));
    // The loop had no turn in between: what waits for it is joined.
    expect(texts.join("|")).toBe("text-start|Hello world|text-end");
    // Only what follows the end is left: the channel.
    expect(socket.sent.map(({ type }) => type)).toEqual(["execute", "unsubscribe"]);
  });

  test("loses nothing when the first records overtake the receipt", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    socket.receive(started(1));
    socket.receive(text(2, "Hello"));
    accept(socket);
    socket.receive(completed(3));
    expect(await run.text).toBe("Hello");
    expect(socket.sentOf("subscribe")).toEqual([]);
  });

  test("is sent again after a lost receipt, and then read from its start", async () => {
    const { client, socket, reconnect } = onlineFixture();
    const run = client.execute("chat", {});
    const [request] = socket.sent;
    const next = reconnect();
    expect(next.sent).toEqual([request]);
    // The server was there already: what it delivers begins in the middle.
    accept(next, { position: at(5) });
    const asked = next.sentOf("subscribe")[0]!;
    expect(asked).toMatchObject({ channel: "execution:e1", since: "start" });
    next.receive(subscribed(asked, 0));
    next.receive(started(1));
    next.receive(text(5, "Hello", 4));
    next.receive(completed(6));
    expect(await run.text).toBe("Hello");
  });

  test("that is refused fails everywhere it is looked at, and nowhere else", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("nothing", {});
    const errors: string[] = [];
    run.on("error", ({ code }) => errors.push(code));
    const loop = collect(run);
    const cancelling = run.cancel();
    const error = { code: "UNKNOWN_HANDLER", message: 'There is no handler "nothing"' };
    const ref = socket.sent[0]?.["id"];
    socket.receive({ type: "receipt", ref, status: "rejected", error });
    for (const promise of [run.id, run.channel, run.text, run.ended, loop, cancelling]) {
      await expect(promise).rejects.toMatchObject({ code: "UNKNOWN_HANDLER" });
    }
    expect(errors).toEqual(["UNKNOWN_HANDLER"]);
    client.execute("nothing", {});
    const again = socket.sent[1]?.["id"];
    socket.receive({ type: "receipt", ref: again, status: "rejected", error });
    // An unhandled rejection would fail the run of the tests.
    await settle();
  });

  test("can be cancelled before it is known by its id", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    const result = run.cancel();
    accept(socket);
    await settle();
    const request = socket.sentOf("cancel")[0]!;
    expect(request).toMatchObject({ execution_id: "e1" });
    const ref = request["id"];
    socket.receive({ type: "receipt", ref, status: "applied" });
    socket.receive(cancelled(1));
    expect(await result).toEqual({ status: "applied" });
    expect(await run.ended).toMatchObject({ outcome: "cancelled", reason: "requested" });
  });
});

describe("execute on a channel", () => {
  const mine = recordsIn("chat:1");
  const other = recordsIn("chat:1", "e0");

  test("waits in the channel before it asks, and takes only its own records", async () => {
    const { client, socket } = onlineFixture();
    const run = client.channel("chat:1").execute("chat", {});
    expect(socket.sent).toMatchObject([
      { type: "subscribe", channel: "chat:1", since: "head" },
      { type: "execute", channel: "chat:1" },
    ]);
    socket.receive(subscribed(socket.sent[0]!, 10));
    socket.receive(other.text(11, "somebody else"));
    socket.receive(mine.started(12));
    socket.receive(mine.text(13, "Hel"));
    accept(socket, { channel: "chat:1", position: undefined });
    socket.receive(other.completed(14));
    socket.receive(mine.text(15, "lo"));
    socket.receive(mine.completed(16));
    expect(await run.text).toBe("Hello");
  });

  test("loses nothing when far more comes before the receipt than is kept", async () => {
    const { client, socket } = onlineFixture();
    const run = client.channel("chat:1").execute("chat", {});
    socket.receive(subscribed(socket.sent[0]!, 0));
    socket.receive(mine.started(1));
    for (let seq = 2; seq <= 400; seq += 1) socket.receive(mine.text(seq, "."));
    expect(socket.sentOf("unsubscribe")).toHaveLength(1);
    accept(socket, { channel: "chat:1" });
    const asked = socket.sentOf("subscribe").at(-1)!;
    expect(asked).toMatchObject({ position: at(256) });
    socket.receive(subscribed(asked, 256));
    socket.receive(mine.text(400, ".".repeat(144), 144));
    socket.receive(mine.completed(401));
    expect((await run.text).length).toBe(399);
  });

  test("goes on when the channel may not be read: only watching fails", async () => {
    const { client, socket } = onlineFixture();
    const run = client.channel("chat:1").execute("chat", {});
    const ref = socket.sent[0]?.["id"];
    socket.receive({ type: "error", ref, code: "FORBIDDEN", message: "Not allowed" });
    accept(socket, { channel: "chat:1", position: undefined });
    expect(await run.id).toBe("e1");
    await expect(run.ended).rejects.toMatchObject({ code: "FORBIDDEN" });
  });
});

describe("an execution that goes on elsewhere", () => {
  test("is attached to from its start, when somebody looks", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execution("e1");
    expect(await run.id).toBe("e1");
    expect(socket.sent).toEqual([]);
    const whole = run.text;
    const asked = socket.sentOf("subscribe")[0]!;
    expect(asked).toMatchObject({ channel: "execution:e1", since: "start" });
    socket.receive(subscribed(asked, 0));
    socket.receive(started(1));
    socket.receive(text(9, "All of it", 8));
    socket.receive(completed(10));
    expect(await whole).toBe("All of it");
  });

  test("may be read in a channel that is followed already", async () => {
    const { client, socket } = onlineFixture();
    const mine = recordsIn("chat:1");
    client.channel("chat:1").subscribe();
    socket.receive(subscribed(socket.sent[0]!, 4));
    const run = client.execution("e1", { channel: "chat:1", position: at(2) });
    const ended = run.ended;
    const asked = socket.sentOf("subscribe").at(-1)!;
    expect(asked).toMatchObject({ channel: "chat:1", position: at(2) });
    socket.receive(subscribed(asked, 2));
    socket.receive(mine.text(4, "cd", 2));
    socket.receive(mine.completed(5));
    expect(await ended).toMatchObject({ outcome: "completed" });
    expect(await run.text).toBe("cd");
  });

  test("whose beginning is gone has no whole text, and says so", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execution("e1");
    const whole = run.text;
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 50));
    socket.receive(text(51, "the end"));
    socket.receive(completed(52));
    await expect(whole).rejects.toMatchObject({ code: "INVALID_POSITION" });
    expect(await run.ended).toMatchObject({ outcome: "completed" });
    expect(messageOf(run).parts).toMatchObject([{ text: "the end" }]);
  });

  test("is left by detach, which does not stop it", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execution("e1");
    const loop = collect(run);
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    socket.receive(text(1, "so far"));
    run.detach();
    expect(await loop).toHaveLength(1);
    await expect(run.ended).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
    expect(socket.sent.map(({ type }) => type)).toEqual(["subscribe", "unsubscribe"]);
  });
});

describe("loops", () => {
  test("each get all of it, whenever they begin, and slow ones get it in larger pieces", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    const slow = run[Symbol.asyncIterator]();
    socket.receive(started(1));
    for (let seq = 2; seq <= 1_001; seq += 1) socket.receive(text(seq, "x"));
    const late = collect(run);
    socket.receive(completed(1_002));
    const afterwards = collect(run);
    const lengthOf = (chunks: Chunk[]) =>
      chunks.reduce((sum, item) => sum + (item.type === "text-delta" ? item.delta.length : 0), 0);
    const slowChunks: Chunk[] = [];
    for (let next = await slow.next(); next.done !== true; next = await slow.next())
      slowChunks.push(next.value);
    for (const chunks of [slowChunks, await late, await afterwards]) {
      expect(chunks).toHaveLength(1);
      expect(lengthOf(chunks)).toBe(1_000);
    }
  });

  test("that have read what turns out to be void fail; what follows is built anew", async () => {
    const { client, socket, reconnect } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    const resets: string[] = [];
    run.on("reset", ({ reason }) => resets.push(reason));
    const loop = collect(run);
    socket.receive(started(1));
    socket.receive(text(2, "lost"));
    const next = reconnect();
    const asked = next.sentOf("subscribe")[0]!;
    expect(asked).toMatchObject({ position: at(2) });
    next.receive(subscribed(asked, 0, { position: "new.0.0", recovered: false, reason: "epoch_changed" }));
    next.receive({ type: "reset", channel: "execution:e1", reason: "epoch_changed", position: "new.0.0" });
    await expect(loop).rejects.toMatchObject({ code: "INVALID_POSITION" });
    expect(resets).toEqual(["epoch_changed"]);
    expect(messageOf(run).parts).toEqual([]);
    next.receive({ ...started(1), position: "new.1.a" });
    next.receive({ ...text(2, "again"), position: "new.2.b" });
    next.receive({ ...completed(3), position: "new.3.c" });
    expect(await run.text).toBe("again");
  });

  test("end with the client", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    const loop = collect(run);
    socket.end(4409, "Another connection resumed this session");
    await expect(loop).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
    await expect(run.ended).rejects.toThrow(/4409 Another connection/);
  });
});

describe("EXE-11 an execution that is restarted", () => {
  test("has the content of the new attempt alone", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    const seen: string[] = [];
    run.on("chunk", (item) => seen.push(item.type === "text-delta" ? item.delta : item.type));
    run.on("restarted", ({ attempt, position }) => {
      seen.push(`attempt ${attempt} after ${position}`);
      expect(run.chunks).toEqual([]);
      expect(run.status).toBe("running");
    });
    socket.receive(started(1));
    socket.receive(text(4, "half of the fir", 3));
    socket.receive(restarted(5));
    socket.receive(text(6, "the second"));
    expect(messageOf(run).parts).toMatchObject([{ type: "text", text: "the second" }]);
    socket.receive(completed(7));
    expect(await run.text).toBe("the second");
    expect(await run.ended).toMatchObject({ outcome: "completed" });
    expect(seen).toEqual(["half of the fir", `attempt 2 after ${at(5)}`, "the second"]);
  });

  test("is whole again where the beginning of the first attempt is gone", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execution("e1");
    const whole = run.text;
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 50));
    socket.receive(text(51, "the end of the first"));
    socket.receive(restarted(52));
    socket.receive(text(53, "the second"));
    socket.receive(completed(54));
    expect(await whole).toBe("the second");
  });

  test("ends the loops that have read of the first attempt, however little, and no others", async () => {
    const { client, socket } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    const waiting = run[Symbol.asyncIterator]();
    const unread = run[Symbol.asyncIterator]();
    const next = waiting.next();
    socket.receive(started(1));
    socket.receive(text(2, "first"));
    // Handed out, although nobody has had the turn to see it.
    socket.receive(text(3, " and more"));
    socket.receive(restarted(4));
    expect(await next).toMatchObject({ value: { delta: "first" } });
    await expect(waiting.next()).rejects.toMatchObject({ code: "EXECUTION_RESTARTED" });
    expect(await waiting.next()).toMatchObject({ done: true });
    const late = collect(run);
    socket.receive(text(5, "second"));
    socket.receive(completed(6));
    expect(await unread.next()).toMatchObject({ value: { delta: "second" } });
    expect(await unread.next()).toMatchObject({ done: true });
    expect(await late).toMatchObject([{ delta: "second" }]);
  });

  test("is told of when it happens while the client is away", async () => {
    const { client, socket, reconnect } = onlineFixture();
    const run = client.execute("chat", {});
    accept(socket);
    socket.receive(started(1));
    socket.receive(text(2, "first"));
    const next = reconnect();
    next.receive(subscribed(next.sentOf("subscribe")[0]!, 2));
    next.receive(text(4, " and more", 2));
    next.receive(restarted(5));
    next.receive(text(8, "second", 3));
    next.receive(completed(9));
    expect(await run.text).toBe("second");
  });
});

test("a stream that is cut at every frame arrives once and in order", async () => {
  const { client, network, clock } = onlineFixture();
  const run = client.execute("chat", {});
  accept(network.last);
  network.last.receive(started(1));
  const words = Array.from({ length: 30 }, (_, index) => `w${index} `);
  for (const [index, word] of words.entries()) {
    network.last.receive(text(index + 2, word));
    client.dropConnection();
    while (client.status.state !== "connecting") clock.advance(100);
    network.last.receive(welcome({ resumed: true }));
    const asked = network.last.sentOf("subscribe")[0]!;
    expect(asked["position"]).toBe(at(index + 2));
    network.last.receive(subscribed(asked, index + 2));
  }
  network.last.receive(completed(words.length + 2));
  expect(await run.text).toBe(words.join(""));
});
