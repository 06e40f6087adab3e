/** Situations in which other systems have lost, repeated or leaked something, each named for its number in the collection. */
import { describe, expect, test } from "vitest";
import { until } from "../gateway/websocket/testing/deadline.ts";
import type { PlainClient } from "../testing/plain-client.ts";
import { dataOf, framesOf, restoredIn, seqOf, textSeen } from "./support/delivery-check.ts";
import { gate, textOfRecords } from "./support/handlers.ts";
import { Scenario, STORE_KINDS } from "./support/scenario.ts";

const QUICK_PINGS = { websocket: { pingIntervalSecs: 0.02 } };

/** The client has answered a ping that came after all it has received, and the server has heard so. */
async function confirmed(client: PlainClient): Promise<void> {
  await client.untilPinged(client.pings.length + 2);
}

async function follow(client: PlainClient, channel: string): Promise<string> {
  const { position } = await client.ask({ type: "subscribe", id: `subscribe-${channel}`, channel });
  return position!;
}

describe.each(STORE_KINDS)("on %s", (kind) => {
  test("scenario 1: subscribed, nothing received, dropped, three published: exactly three", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    await first.drop();
    await scenario.publish("room:1", 1, 2, 3);
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    await second.untilReceived("message", 3);
    await second.settle();
    expect(second.hello.isResumed).toBe(true);
    expect(dataOf(second, "room:1")).toEqual([1, 2, 3]);
    expect(restoredIn(second).get("room:1")).toMatchObject({ recovered: true });
  });

  test("scenario 2: idle for longer than the retention, nothing published: recovered, no records", async () => {
    const scenario = await Scenario.start(kind, { channels: { room: { history: { records: 2 } } } });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await scenario.publish("room:1", 1, 2, 3, 4, 5);
    const position = await follow(first, "room:1");
    await first.drop();
    // Its age takes the last record away: what is left is the place where it was.
    const key = { tenant: "default", channel: "room:1" };
    const dayMs = 24 * 3_600_000;
    const sweep = { nowMs: Date.now() + 2 * dayMs, idleLogMs: 7 * dayMs, idempotencyMs: 7 * dayMs };
    await scenario.store.sweep(sweep);
    const second = await scenario.server.welcomed("/ws?client_id=b");
    const answer = await second.ask({ type: "subscribe", id: "s", channel: "room:1", position });
    await second.settle();
    expect(await scenario.store.logState(key)).toMatchObject({ base: { seq: 5 }, head: { seq: 5 } });
    expect(answer).toMatchObject({ recovered: true, position });
    expect(framesOf(second, "room:1")).toEqual([]);
    expect(second.unread("reset")).toEqual([]);
  });

  test("scenario 3: five drops with publishes only while away: no duplicate, in order", async () => {
    const scenario = await Scenario.start(kind, QUICK_PINGS);
    let client = await scenario.server.welcomed("/ws?client_id=a");
    const { sessionId } = client.hello;
    await follow(client, "room:1");
    const seen: unknown[] = [];
    for (let round = 0; round < 5; round += 1) {
      await client.drop();
      await scenario.publish("room:1", `${round}.0`, `${round}.1`);
      client = await scenario.server.welcomed(`/ws?session_id=${sessionId}`);
      await client.untilReceived("message", 2);
      await confirmed(client);
      seen.push(...dataOf(client, "room:1"));
    }
    expect(seen).toEqual(["0.0", "0.1", "1.0", "1.1", "2.0", "2.1", "3.0", "3.1", "4.0", "4.1"]);
  });

  test("scenario 5: payloads that look like cursors, with signals between", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const other = await scenario.server.welcomed("/ws?client_id=b");
    const position = await follow(first, "room:1");
    const payloads = [
      { text: "x", position },
      ["x", position],
      position,
      { type: "reset", channel: "room:1", reason: "trimmed", position: "x.0.0" },
      { n: 7, session_id: "none", __proto_: 1 },
    ];
    for (const data of payloads) {
      other.send({ type: "signal", channel: "room:1", data: { position } });
      await other.ask({ type: "publish", id: JSON.stringify(data).slice(0, 90), channel: "room:1", data });
    }
    await first.untilReceived("message", payloads.length);
    expect(dataOf(first, "room:1")).toEqual(payloads);
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    await second.untilReceived("message", payloads.length);
    await second.settle();
    expect(dataOf(second, "room:1")).toEqual(payloads);
    expect(second.unread("signal")).toEqual([]);
    expect(await scenario.records("room:1")).toHaveLength(payloads.length);
  });

  test.each([
    ["ahead_of_log", (head: string) => head.replace(/\.\d+\./, ".999.")],
    ["epoch_changed", (head: string) => head.replace(/^[^.]+/, "zzzzzz")],
    ["tag_mismatch", (head: string) => head.replace(/[^.]+$/, "zzzzz")],
    ["invalid_position", () => "42"],
  ])("scenario 6: a cursor that is %s fails aloud and the live stream goes on", async (reason, forge) => {
    const scenario = await Scenario.start(kind);
    const [, head] = await scenario.publish("room:1", 1, 2);
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const answer = await client.ask({
      type: "subscribe",
      id: "s",
      channel: "room:1",
      position: forge(head!),
    });
    expect(answer).toMatchObject({ type: "subscribed", recovered: false, reason });
    const reset = await client.nextOfAny();
    expect(reset).toMatchObject({ type: "reset", channel: "room:1", reason, position: answer.position });
    await scenario.publish("room:1", 3);
    await client.untilReceived("message", 3);
    expect(dataOf(client, "room:1")).toEqual([1, 2, 3]);
  });

  test("scenario 9: two offers to resume one stream: one goes on, whole, the other is closed", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    await first.drop();
    await scenario.publish("room:1", 1, 2);
    const path = `/ws?session_id=${first.hello.sessionId}`;
    const both = await Promise.all([scenario.server.connect(path), scenario.server.connect(path)]);
    const loser = await Promise.race(
      both.map(async (client) => {
        await client.expectClose(4409);
        return client;
      }),
    );
    const winner = both.find((client) => client !== loser)!;
    await winner.untilReceived("message", 2);
    await scenario.publish("room:1", 3);
    await winner.untilReceived("message", 3);
    expect(dataOf(winner, "room:1")).toEqual([1, 2, 3]);
    expect(dataOf(loser, "room:1").length).toBeLessThanOrEqual(2);
  });

  test("scenario 10: dropped between accepted and the first token; nothing live before the replay", async () => {
    const go = gate();
    const scenario = await Scenario.start(kind, {
      executions: {
        async *slow() {
          yield "early ";
          await go.passed;
          yield "late";
        },
      },
    });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const receipt = await first.ask({
      type: "execute",
      id: "e",
      handler: "slow",
      channel: "room:1",
      input: 0,
    });
    await first.drop();
    const second = await scenario.server.connect(`/ws?session_id=${first.hello.sessionId}`);
    go.open();
    await second.next("execution_completed");
    const frames = framesOf(second, "room:1");
    expect(seqOf(frames[0]!.position) - (frames[0]!.n ?? 1)).toBe(seqOf(receipt.position));
    expect(frames[0]!.type).toBe("execution_started");
    expect(textSeen(second, "room:1", receipt.execution_id!)).toBe("early late");
    expect(textOfRecords(await scenario.records("room:1"))).toBe("early late");
  });

  test("scenario 11: the producer's server is gone: the next one writes the end", async () => {
    const executions = {
      async *endless({ signal }: { readonly signal: AbortSignal }) {
        yield "begun";
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    };
    const scenario = await Scenario.start(kind, { executions });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const receipt = await first.ask({
      type: "execute",
      id: "e",
      handler: "endless",
      channel: "room:1",
      input: 0,
    });
    await first.next("chunk", ({ chunk }) => (chunk as { type: string }).type === "text-delta");
    const id = receipt.execution_id!;
    await scenario.restart();
    const second = await scenario.server.connect(`/ws?session_id=${first.hello.sessionId}`);
    const end = await second.next("execution_interrupted");
    expect(end).toMatchObject({ execution_id: id, reason: "server_stopped", usage: {} });
    const types = await scenario.recordTypesOf("room:1", id);
    expect(types.filter((type) => type.startsWith("execution_"))).toEqual([
      "execution_started",
      "execution_interrupted",
    ]);
    const again = await second.ask({
      type: "execute",
      id: "e",
      handler: "endless",
      channel: "room:1",
      input: 0,
    });
    expect(again).toMatchObject({ status: "accepted", execution_id: id });
    expect(await scenario.recordTypesOf("room:1", id)).toEqual(types);
  });

  test("scenario 11: a lease whose owner died without a word is ended as interrupted by the next server", async () => {
    const scenario = await Scenario.start(kind);
    const started = {
      type: "execution_started",
      executionId: "dead1",
      body: JSON.stringify({ handler: "x" }),
    };
    const body = { tenant: "default", channel: "room:1", executionId: "dead1", started };
    const name = `execution:${JSON.stringify(["default", "dead1"])}`;
    await scenario.store.acquireLease(name, "gone", 15_000, Date.now(), JSON.stringify(body));
    await scenario.restart();
    const types = await scenario.recordTypesOf("room:1", "dead1");
    expect(types).toEqual(["execution_started", "execution_interrupted"]);
  });

  test("scenario 14: a reader that stalls costs bounded memory, hinders nobody and can go on", async () => {
    const scenario = await Scenario.start(kind, {
      websocket: { pingIntervalSecs: 0.05, pongTimeoutSecs: 60, highWaterBytes: 65_536 },
    });
    const uncompressed = { perMessageDeflate: false };
    const stalled = await scenario.server.welcomed("/ws?client_id=stalled", uncompressed);
    const lively = await scenario.server.welcomed("/ws?client_id=lively");
    await follow(stalled, "room:1");
    await follow(lively, "room:1");
    stalled.webSocket.pause();
    const block = "x".repeat(60_000);
    const count = 200;
    for (let index = 0; index < count; index += 1) await scenario.publish("room:1", { index, block });
    await lively.untilReceived("message", count);
    const pingCount = lively.pings.length;
    await lively.untilPinged(pingCount + 2);
    const info = scenario.server.server.connections.get(stalled.hello.connectionId)!;
    // Far from all of it has been written: the rest waits in the log, not in the memory of the connection.
    expect(info.sentByteCount).toBeLessThan(count * block.length);
    stalled.webSocket.resume();
    await stalled.untilReceived("message", count);
    const indexes = dataOf(stalled, "room:1").map((data) => (data as { index: number }).index);
    expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index));
  });

  test("scenario 16: a fast reconnect shows the others neither leave nor join", async () => {
    const scenario = await Scenario.start(kind, { channels: { room: { presence: true } } });
    const watcher = await scenario.server.welcomed("/ws?client_id=watcher");
    await follow(watcher, "room:1");
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    first.send({ type: "presence", channel: "room:1", state: { typing: false } });
    await watcher.next("presence", ({ event }) => event === "join");
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    second.send({ type: "presence", channel: "room:1", state: { typing: true } });
    await watcher.next("presence", ({ event }) => event === "update");
    const events = watcher.received.filter(({ type }) => type === "presence").map(({ event }) => event);
    expect(events).toEqual(["members", "join", "update"]);
  });

  test("scenario 17: what was allowed before is asked again on recovery", async () => {
    const revoked = new Set<string>();
    const scenario = await Scenario.start(kind, {
      auth: ({ token }) => (token === undefined || revoked.has(token) ? undefined : { subject: token }),
      channels: {
        room: { canSubscribe: ({ identity, id }) => !revoked.has(`${identity.subject} in ${id}`) },
      },
    });
    const first = await scenario.server.welcomed("/ws?token=alice");
    await follow(first, "room:open");
    await follow(first, "room:secret");
    await first.drop();
    revoked.add("alice in secret");
    await scenario.publish("room:open", "for all");
    await scenario.publish("room:secret", "not for alice");
    const path = `/ws?token=alice&session_id=${first.hello.sessionId}`;
    const second = await scenario.server.welcomed(path);
    await second.next("message");
    await second.settle();
    expect(restoredIn(second).get("room:secret")).toEqual({
      channel: "room:secret",
      recovered: false,
      reason: "forbidden",
    });
    expect(second.received.some(({ channel, type }) => channel === "room:secret" && type === "message")).toBe(
      false,
    );
    await second.drop();
    revoked.delete("alice in secret");
    const third = await scenario.server.welcomed(path);
    expect(restoredIn(third).has("room:secret")).toBe(false);
    await third.drop();
    revoked.add("alice");
    expect(await scenario.server.refused(path)).toMatchObject({ status: 401 });
  });

  test("scenario 18: stopped right after a resume: it stops, all see it, a later resume has the partial text", async () => {
    let hasStopped = false;
    const scenario = await Scenario.start(kind, {
      executions: {
        async *endless({ signal }) {
          signal.addEventListener("abort", () => {
            hasStopped = true;
          });
          yield "partial";
          await new Promise(() => undefined);
        },
      },
    });
    const viewer = await scenario.server.welcomed("/ws?client_id=viewer");
    await follow(viewer, "room:1");
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const { execution_id: id } = await first.ask({
      type: "execute",
      id: "e",
      handler: "endless",
      channel: "room:1",
      input: 0,
    });
    await first.drop();
    // Asked before `welcome` has been read.
    const path = `/ws?session_id=${first.hello.sessionId}`;
    const cancel = { type: "cancel", id: "stop", execution_id: id };
    const second = await scenario.server.connect(path, { firstMessages: [cancel] });
    await second.next("execution_cancelled");
    await viewer.next("execution_cancelled");
    await second.next("receipt", ({ status }) => status === "applied");
    await until("the handler has heard it", () => hasStopped);
    await second.drop();
    const third = await scenario.server.welcomed(path);
    expect(third.hello.isResumed).toBe(true);
    await third.next("execution_cancelled");
    const texts = [second, third, viewer].map((client) => textSeen(client, "room:1", id!));
    const stored = textOfRecords(await scenario.records("room:1"));
    expect(new Set([...texts, stored]).size).toBe(1);
  });

  test("scenario 20: text cut inside its characters is the same merged and unmerged", async () => {
    const text = "h\u00e9llo \u{1F600}\u{1F469}\u200D\u{1F680} \u4F60\u597D ".repeat(40);
    const scenario = await Scenario.start(kind, {
      executions: {
        async *units() {
          for (let at = 0; at < text.length; at += 1) yield text.slice(at, at + 1);
        },
      },
    });
    const live = await scenario.server.welcomed("/ws?client_id=a");
    const { execution_id: id } = await live.ask({
      type: "execute",
      id: "e",
      handler: "units",
      channel: "room:1",
      input: 0,
    });
    await live.next("execution_completed");
    const late = await scenario.server.welcomed("/ws?client_id=b");
    await late.ask({ type: "subscribe", id: "s", channel: "room:1", since: "start" });
    await late.next("execution_completed");
    expect(textSeen(live, "room:1", id!)).toBe(text);
    expect(textSeen(late, "room:1", id!)).toBe(text);
    const frames = framesOf(late, "room:1");
    const covered = frames.reduce((sum, { n }) => sum + (n ?? 1), 0);
    expect(covered).toBe((await scenario.records("room:1")).length);
    // Each unit of the text was a chunk of its own.
    expect(frames.length).toBeLessThan(text.length / 10);
    const history = await scenario.server.http("/api/channels/room:1/messages?limit=1000");
    expect(JSON.stringify(history.json)).toContain(JSON.stringify(text).slice(1, -1));
  });
});
