/** Messages that are posted for connections of this node and of others. */
import { describe, expect, test } from "vitest";
import { ClusterFixture, type ClusterNode } from "../testing/cluster-fixture.ts";
import { TextTransport } from "../testing/text-transport.ts";
import { eventDoor } from "./event-door.ts";

async function connectEvents(node: ClusterNode, clientId = "alice") {
  const transport = new TextTransport();
  transport.answersPings = false;
  const admitted = await node.server.admit({ credential: {}, clientId, sessionId: undefined });
  const connection = node.server.connect(admitted, {
    transport,
    door: eventDoor({ followed: [] }),
    peer: { userAgent: undefined, address: undefined },
    arePositionsFromClient: false,
  });
  await node.clock.settle();
  return { connection, transport };
}

function outcomeOf(posting: Promise<void>): Promise<string> {
  return posting.then(
    () => "taken",
    (cause: { code?: string }) => cause.code ?? String(cause),
  );
}

const ping = (id: string) => JSON.stringify({ type: "ping", id });

async function twoNodes() {
  const cluster = new ClusterFixture();
  await cluster.open();
  const [here, there] = [cluster.node(0), cluster.node(1)];
  const { connection, transport } = await connectEvents(there);
  const post = (seq: number, ...ids: string[]) =>
    here.server.posted.post({ credential: {}, connectionId: connection.id, texts: ids.map(ping), seq });
  const refs = () => transport.ofType("pong").map(({ ref }) => ref);
  return { cluster, here, there, connection, transport, post, refs };
}

describe("HTC-9 a post for a connection of another node", () => {
  test("is forwarded, in order", async () => {
    const { cluster, post, refs } = await twoNodes();
    const outcomes = [outcomeOf(post(1, "a", "b")), outcomeOf(post(2, "c"))];
    await cluster.clock.settle();
    expect(await Promise.all(outcomes)).toEqual(["taken", "taken"]);
    expect(refs()).toEqual(["a", "b", "c"]);
  });

  test("is found by looking when its hint is lost", async () => {
    const { cluster, here, there, post, refs } = await twoNodes();
    for (const node of [here, there]) node.link.isDeaf = true;
    const outcome = outcomeOf(post(1, "a"));
    await cluster.clock.advance(14_000);
    expect([await outcome, refs()]).toEqual(["taken", ["a"]]);
  });

  test("HTC-7 is taken once, however often its letter is read", async () => {
    const { cluster, post, refs } = await twoNodes();
    for (const posting of [post(1, "a"), post(1, "a")]) {
      const outcome = outcomeOf(posting);
      await cluster.clock.settle();
      expect(await outcome).toBe("taken");
    }
    expect(refs()).toEqual(["a"]);
  });

  test("HTC-6 of a connection that is closed is gone", async () => {
    const { cluster, connection, post } = await twoNodes();
    connection.close("STORE_UNAVAILABLE");
    const outcome = outcomeOf(post(1, "a"));
    await cluster.clock.settle();
    expect(await outcome).toBe("CONNECTION_GONE");
  });

  test("HTC-6 of a node that does not answer is gone after a while", async () => {
    const { cluster, there, post } = await twoNodes();
    there.kill();
    const outcome = outcomeOf(post(1, "a"));
    await cluster.clock.advance(15_001);
    expect(await outcome).toBe("CONNECTION_GONE");
  });

  test("HTC-6 of a node that never was makes no log", async () => {
    const { here } = await twoNodes();
    const post = { credential: {}, connectionId: "nobody-abc", texts: [ping("a")], seq: undefined };
    expect(await outcomeOf(here.server.posted.post(post))).toBe("CONNECTION_GONE");
    expect(here.link.callCounts.get("append") ?? 0).toBe(0);
  });

  test("HTC-5 is refused there when it is somebody else's", async () => {
    const { cluster, here, connection } = await twoNodes();
    const mallory = {
      credential: { subject: "mallory" },
      connectionId: connection.id,
      texts: [ping("a")],
      seq: 1,
    };
    const outcome = outcomeOf(here.server.posted.post(mallory));
    await cluster.clock.settle();
    expect(await outcome).toBe("FORBIDDEN");
  });

  test("is bounded in size", async () => {
    const { here, connection } = await twoNodes();
    const large = { credential: {}, connectionId: connection.id, texts: ["x".repeat(300_000)], seq: 1 };
    await expect(here.server.posted.post(large)).rejects.toThrow("300000 characters");
  });
});

test("SSE-6 pings of a transport that does not answer them confirm nothing and keep the session alive", async () => {
  const { cluster, connection, transport, there } = await twoNodes();
  const saved = there.link.callCounts.get("saveSession") ?? 0;
  await cluster.clock.advance(3 * 3_600_000);
  expect(transport.pings.length).toBeGreaterThan(300);
  expect(connection.isClosed).toBe(false);
  expect(there.link.callCounts.get("saveSession") ?? 0).toBeGreaterThan(saved);
  const stored = await there.store.loadSession("default", connection.sessionId);
  expect(stored!.expiresAtMs).toBeGreaterThan(there.clock.nowMs());
});
