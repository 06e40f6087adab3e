import { describe, expect, test } from "vitest";
import type { ConnectOptions } from "../options.ts";
import { at, clientFixture, settle, welcome } from "../testing/client-fixture.ts";
import type { WireMessage } from "../testing/fake-network.ts";

function commandFixture(options: ConnectOptions = {}) {
  const fixture = clientFixture(options);
  const reconnect = () => {
    if (fixture.network.last.isOpen) fixture.network.last.end(1006);
    fixture.clock.advance(30_000);
    fixture.network.last.receive(welcome({ resumed: true }));
    return fixture.network.last;
  };
  return { ...fixture, channel: fixture.client.channel("chat:1"), reconnect };
}

function onlineFixture(options: ConnectOptions = {}) {
  const fixture = commandFixture(options);
  fixture.network.last.receive(welcome());
  return { ...fixture, socket: fixture.network.last };
}

function receipt(request: WireMessage, status: string, fields: Record<string, unknown> = {}): WireMessage {
  return { type: "receipt", ref: request["id"], status, ...fields };
}

describe("publish", () => {
  test("resolves with the place of the record", async () => {
    const { channel, socket } = onlineFixture();
    const published = channel.publish({ camelCase: 1, snake_case: 2 });
    const request = socket.sent[0]!;
    expect(request).toMatchObject({
      type: "publish",
      channel: "chat:1",
      data: { camelCase: 1, snake_case: 2 },
    });
    socket.receive(receipt(request, "accepted"));
    socket.receive(receipt(request, "applied", { position: at(5) }));
    expect(await published).toEqual({ position: at(5) });
  });

  test("CMD-4: asks again with the same id while the server does not know the outcome, a bounded number of times", async () => {
    const { channel, clock, socket } = onlineFixture();
    const error = { code: "STORE_UNAVAILABLE", message: "The store is unavailable" };
    const first = channel.publish(1);
    socket.receive(receipt(socket.sent[0]!, "rejected", { error }));
    expect(socket.sent).toHaveLength(1);
    clock.advance(250);
    expect(socket.sent[1]).toEqual(socket.sent[0]);
    socket.receive(receipt(socket.sent[1]!, "applied", { position: at(5) }));
    expect(await first).toEqual({ position: at(5) });

    const second = channel.publish(2);
    for (let round = 0; round < 5; round += 1) {
      socket.receive(receipt(socket.sent.at(-1)!, "rejected", { error }));
      clock.advance(8_000);
    }
    expect(socket.sent).toHaveLength(2 + 6);
    socket.receive(receipt(socket.sent.at(-1)!, "rejected", { error }));
    await expect(second).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    clock.advance(30_000);
    expect(socket.sent.filter(({ type }) => type === "publish")).toHaveLength(2 + 6);
  });

  test("rejects with what the server says", async () => {
    const { channel, socket } = onlineFixture();
    const refused = channel.publish(1);
    socket.receive(
      receipt(socket.sent[0]!, "rejected", { error: { code: "RECORD_TOO_LARGE", message: "2 > 1" } }),
    );
    await expect(refused).rejects.toMatchObject({ code: "RECORD_TOO_LARGE", message: "2 > 1" });

    const forbidden = channel.publish(2);
    const { id } = socket.sent[1]!;
    socket.receive({
      type: "error",
      ref: id,
      code: "FORBIDDEN",
      message: "Not allowed to publish in chat:1",
    });
    await expect(forbidden).rejects.toMatchObject({ code: "FORBIDDEN" });

    const unknown = channel.publish(3);
    const error = { code: "FROM_THE_FUTURE", message: "Later" };
    socket.receive(receipt(socket.sent[2]!, "rejected", { error }));
    await expect(unknown).rejects.toMatchObject({ code: "FROM_THE_FUTURE", message: "Later" });
  });

  test("is sent again with the same id when the connection was lost before the receipt", async () => {
    const { channel, socket, reconnect } = onlineFixture();
    const published = [channel.publish("a"), channel.publish("b")];
    socket.receive(receipt(socket.sent[0]!, "applied", { position: at(1) }));
    expect(await published[0]).toEqual({ position: at(1) });
    const second = reconnect();
    expect(second.sent).toEqual([socket.sent[1]]);
    const third = reconnect();
    expect(third.sent).toEqual([socket.sent[1]]);
    third.receive(receipt(third.sent[0]!, "applied", { position: at(2) }));
    expect(await published[1]).toEqual({ position: at(2) });
    expect(reconnect().sent).toEqual([]);
  });

  test("goes out as it was when it was asked for", () => {
    const { channel, network } = commandFixture();
    const data = { text: "before" };
    channel.publish(data).catch(() => {});
    data.text = "after";
    network.last.receive(welcome());
    expect(network.last.sent).toMatchObject([{ data: { text: "before" } }]);
  });

  test("rejects what cannot be written as JSON", async () => {
    const { channel, socket } = onlineFixture();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    await expect(channel.publish(circular)).rejects.toThrow(TypeError);
    await expect(channel.publish(1n)).rejects.toThrow(TypeError);
    expect(socket.sent).toEqual([]);
  });

  test("ignores receipts that come late, twice or for nobody", async () => {
    const { client, channel, socket } = onlineFixture();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    const published = channel.publish("a");
    const request = socket.sent[0]!;
    socket.receive(receipt(request, "applied", { position: at(1) }));
    socket.receive(receipt(request, "rejected", { error: { code: "FORBIDDEN", message: "no" } }));
    socket.receive({ type: "receipt", ref: "nobody", status: "applied", position: at(9) });
    expect(await published).toEqual({ position: at(1) });
    expect(errors).toEqual([]);
  });
});

describe("the queue", () => {
  test("keeps the order of what was asked for while offline, up to its bound", async () => {
    const { channel, network } = commandFixture({ maxQueuedCommands: 3 });
    const queued = [1, 2, 3].map((data) => channel.publish(data));
    await expect(channel.publish(4)).rejects.toMatchObject({
      code: "SEND_FAILED",
      message: "3 commands wait for a connection (maxQueuedCommands), the limit is 3",
    });
    network.last.receive(welcome());
    expect(network.last.sent.map(({ data }) => data)).toEqual([1, 2, 3]);
    for (const request of [...network.last.sent]) {
      network.last.receive(receipt(request, "applied", { position: at(1) }));
    }
    await Promise.all(queued);
  });

  test("does not limit a client that is online to the bound of those that are not, but has one", async () => {
    const { channel, socket } = onlineFixture({ maxQueuedCommands: 1 });
    const all = Array.from({ length: 4_097 }, (_, index) => channel.publish(index));
    const results = Promise.allSettled(all);
    expect(socket.sent).toHaveLength(4_096);
    for (const request of [...socket.sent]) socket.receive(receipt(request, "applied", { position: at(1) }));
    const refused = (await results).filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(1);
  });

  test("is given up when the client ends", async () => {
    for (const end of ["application", "server"] as const) {
      const { client, channel, socket } = onlineFixture();
      const published = channel.publish(1);
      if (end === "application") client.close();
      else socket.end(4409, "Another connection resumed this session");
      await expect(published).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
      await expect(channel.publish(2)).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
    }
  });
});

describe("cancel and input", () => {
  test("settle with the final receipt; accepted can be observed, once", async () => {
    const { client, socket, reconnect } = onlineFixture();
    let acceptedCount = 0;
    const cancelled = client.execution("e1").cancel({ onAccepted: () => (acceptedCount += 1) });
    const request = socket.sent[0]!;
    expect(socket.sent).toMatchObject([{ type: "cancel", execution_id: "e1" }]);
    socket.receive(receipt(request, "accepted"));
    expect(acceptedCount).toBe(1);
    const next = reconnect();
    expect(next.sent).toEqual([request]);
    next.receive(receipt(request, "accepted"));
    next.receive(receipt(request, "applied"));
    expect(await cancelled).toEqual({ status: "applied" });
    expect(acceptedCount).toBe(1);
  });

  test("resolve when they come too late, or are rejected", async () => {
    const { client, socket } = onlineFixture();
    const execution = client.execution("e1");
    const results = [execution.input({ approve: true }), execution.cancel(), execution.cancel()];
    const [input, cancel, forbidden] = socket.sent;
    expect(input).toMatchObject({ type: "input", execution_id: "e1", data: { approve: true } });
    socket.receive(receipt(input!, "superseded"));
    const error = { code: "EXECUTION_ENDED", message: "The execution has ended" };
    socket.receive(receipt(cancel!, "rejected", { error }));
    const { id } = forbidden!;
    socket.receive({ type: "error", ref: id, code: "FORBIDDEN", message: "Not allowed" });
    expect(await results[0]).toEqual({ status: "superseded" });
    expect(await results[1]).toMatchObject({ status: "rejected", error: { code: "EXECUTION_ENDED" } });
    await expect(results[2]).rejects.toMatchObject({ code: "FORBIDDEN" });
  });
});

describe("request", () => {
  test("resolves with the application's answer", async () => {
    const { client, socket } = onlineFixture();
    const answer = client.request("rename", { to: "x" });
    const { id } = socket.sent[0]!;
    expect(socket.sent).toMatchObject([{ type: "custom", action: "rename", payload: { to: "x" } }]);
    socket.receive({ type: "custom", ref: id, action: "rename", payload: { new_name: "x" } });
    expect(await answer).toEqual({ new_name: "x" });
  });

  test("is not sent twice: it is given up with its connection", async () => {
    const { client, network, reconnect } = commandFixture();
    const waiting = client.request("late");
    await settle();
    network.last.receive(welcome());
    expect(network.last.sentOf("custom")).toHaveLength(1);
    const next = reconnect();
    expect(next.sent).toEqual([]);
    await expect(waiting).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
  });
});
