/** Faults that other clients of this kind had, by the number in our list of scenarios. */
import { describe, expect, test } from "vitest";
import { at, clientFixture, delta, message, settle, subscribed, welcome } from "./client-fixture.ts";
import type { FakeSocket } from "./fake-network.ts";

function onlineFixture() {
  const fixture = clientFixture();
  fixture.network.last.receive(welcome());
  const reconnect = (): FakeSocket => {
    fixture.clock.advance(30_000);
    fixture.network.last.receive(welcome({ resumed: true, connection_id: "c2" }));
    return fixture.network.last;
  };
  return { ...fixture, socket: fixture.network.last, channel: fixture.client.channel("chat:1"), reconnect };
}

describe("scenario 7", () => {
  test("a subscription that is ended and made again inside its own message handler", () => {
    const { channel, socket } = onlineFixture();
    const seen: string[] = [];
    const first = channel.subscribe({ since: "start" });
    first.on("message", ({ data, position }) => {
      seen.push(`first ${String(data)}`);
      if (data !== "m2") return;
      first.unsubscribe();
      channel
        .subscribe({ position })
        .on("message", (delivery) => seen.push(`second ${String(delivery.data)}`));
    });
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    for (const seq of [1, 2, 3, 4]) socket.receive(message("chat:1", seq));
    // It stands exactly where the stream stands, so the wire has not even noticed.
    expect(socket.sent.map(({ type }) => type)).toEqual(["subscribe"]);
    expect(seen).toEqual(["first m1", "first m2", "second m3", "second m4"]);
  });

  test("a subscription that is added inside a handler disturbs no other reader of the same record", async () => {
    const { channel, socket } = onlineFixture();
    const seen: string[] = [];
    let isAdded = false;
    channel.subscribe({ since: "start" }).on("message", ({ data }) => {
      if (!isAdded)
        channel.subscribe({ since: "start" }).on("message", (late) => seen.push(`late ${String(late.data)}`));
      isAdded = true;
      seen.push(`a ${String(data)}`);
    });
    channel.subscribe({ since: "start" }).on("message", ({ data }) => seen.push(`b ${String(data)}`));
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    socket.receive(message("chat:1", 1));
    expect(seen).toEqual(["a m1", "b m1"]);
    socket.receive(subscribed(socket.sentOf("subscribe")[1]!, 0));
    socket.receive(message("chat:1", 1));
    socket.receive(message("chat:1", 2));
    await settle();
    expect(seen).toEqual(["a m1", "b m1", "late m1", "a m2", "b m2", "late m2"]);
  });

  test("a disconnect inside `subscribed`", () => {
    const { client, channel, socket, network } = onlineFixture();
    const subscription = channel.subscribe({ since: "start" });
    const seen: unknown[] = [];
    subscription.on("subscribed", () => {
      if (seen.length === 0) client.disconnect();
      seen.push("subscribed");
    });
    subscription.on("message", ({ data }) => seen.push(data));
    const { onmessage } = socket;
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    // Already in flight when the application left.
    socket.onmessage = onmessage;
    socket.receive(message("chat:1", 1));
    expect(seen).toEqual(["subscribed"]);
    expect(client.status.state).toBe("offline");
    client.connect();
    network.last.receive(welcome({ resumed: true }));
    const asked = network.last.sentOf("subscribe");
    expect(asked).toMatchObject([{ position: at(0) }]);
    network.last.receive(subscribed(asked[0]!, 0));
    network.last.receive(message("chat:1", 1));
    expect(seen).toEqual(["subscribed", "subscribed", "m1"]);
  });

  test("a connection that is cut inside a handler, while another reader has not had the record yet", () => {
    const { client, channel, socket, reconnect } = onlineFixture();
    const seen: string[] = [];
    channel.subscribe({ since: "start" }).on("message", ({ data }) => {
      seen.push(`a ${String(data)}`);
      if (data === "m1") client.dropConnection();
    });
    channel.subscribe({ since: "start" }).on("message", ({ data }) => seen.push(`b ${String(data)}`));
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    socket.receive(message("chat:1", 1));
    const next = reconnect();
    for (let round = 0; round < 3; round += 1) {
      const asked = next.sentOf("subscribe")[round];
      if (asked === undefined) break;
      const seq = Number(String(asked["position"]).split(".")[1]);
      next.receive(subscribed(asked, seq));
      for (let later = seq + 1; later <= 2; later += 1) next.receive(message("chat:1", later));
    }
    expect(seen.filter((line) => line.startsWith("a"))).toEqual(["a m1", "a m2"]);
    expect(seen.filter((line) => line.startsWith("b"))).toEqual(["b m1", "b m2"]);
  });
});

test("scenario 8: the connection is replaced while a slow handler runs its replay", async () => {
  const { client, channel, socket, reconnect } = onlineFixture();
  const seen: unknown[] = [];
  const gates: (() => void)[] = [];
  const subscription = channel.subscribe({ since: "start" });
  const loop = (async () => {
    for await (const delivery of subscription) {
      if (delivery.type === "message") seen.push(delivery.data);
      await new Promise<void>((resolve) => gates.push(resolve));
      if (seen.length === 6) break;
    }
  })();
  socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
  for (const seq of [1, 2, 3]) socket.receive(message("chat:1", seq));
  await settle();
  expect(seen).toEqual(["m1"]);
  client.dropConnection();
  const next = reconnect();
  // From what was received, not from what the handler has come to: it is still at the first.
  const asked = next.sentOf("subscribe")[0]!;
  expect(asked).toMatchObject({ position: at(3) });
  next.receive(subscribed(asked, 3));
  for (const seq of [4, 5, 6]) next.receive(message("chat:1", seq));
  for (let turn = 0; turn < 6; turn += 1) {
    gates.shift()?.();
    await settle();
  }
  await loop;
  expect(seen).toEqual(["m1", "m2", "m3", "m4", "m5", "m6"]);
});

describe("scenario 9: two resume offers for one stream", () => {
  test("only the answer to the last request counts", () => {
    const { client, channel, socket, reconnect } = onlineFixture();
    const texts: string[] = [];
    channel.subscribe({ since: "start" }).on("chunk", ({ chunk }) => texts.push(String(chunk["delta"])));
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    socket.receive(delta("chat:1", 1, "a"));
    client.dropConnection();
    const next = reconnect();
    const asked = next.sentOf("subscribe")[0]!;
    const foreign = { ...asked, id: "somebody-else" };
    next.receive(subscribed(foreign, 0));
    next.receive(delta("chat:1", 1, "a"));
    expect(texts).toEqual(["a"]);
    next.receive(subscribed(asked, 1));
    next.receive(delta("chat:1", 2, "b"));
    // The same offer once more: nothing is asked again, and nothing is applied again.
    next.receive(subscribed(asked, 1));
    next.receive(delta("chat:1", 2, "b"));
    next.receive(delta("chat:1", 3, "c"));
    expect(texts).toEqual(["a", "b", "c"]);
    expect(next.sentOf("subscribe")).toHaveLength(1);
  });

  test("a jump that is seen while a request is under way asks only once", () => {
    const { channel, socket } = onlineFixture();
    const texts: unknown[] = [];
    channel.subscribe({ since: "start" }).on("message", ({ data }) => texts.push(data));
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 0));
    socket.receive(message("chat:1", 1));
    for (const seq of [3, 4, 5]) socket.receive(message("chat:1", seq));
    expect(socket.sentOf("subscribe")).toHaveLength(2);
    socket.receive(subscribed(socket.sentOf("subscribe")[1]!, 1));
    for (const seq of [2, 3, 4, 5]) socket.receive(message("chat:1", seq));
    expect(texts).toEqual(["m1", "m2", "m3", "m4", "m5"]);
    expect(socket.sentOf("subscribe")).toHaveLength(2);
  });
});
