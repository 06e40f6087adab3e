/** Executions that are to stop when nobody watches them, with watchers on several nodes. */
import { expect, test } from "vitest";
import type { Handler } from "../../executions/handler.ts";
import { ClusterFixture, type ClusterNode } from "../testing/cluster-fixture.ts";
import type { ConnectedClient } from "../testing/core-fixture.ts";

const CHANNEL = "chat:1";
const LOOK_MS = 1_000;
const LEASE_TTL_MS = 15_000;

const endless: Handler = async function* ({ signal }) {
  yield "begun ";
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
};

async function cluster(nodeCount = 2): Promise<ClusterFixture> {
  const fixture = new ClusterFixture({ nodeCount, handlers: { endless } });
  await fixture.open();
  return fixture;
}

async function watcher(node: ClusterNode, clientId: string): Promise<ConnectedClient> {
  const client = await node.connect(clientId);
  client.send({ type: "subscribe", channel: CHANNEL });
  await node.clock.settle();
  return client;
}

async function starter(node: ClusterNode, onUnwatched: unknown): Promise<ConnectedClient> {
  const client = await node.connect("starter");
  const message = { type: "execute", id: "e", handler: "endless", channel: CHANNEL, input: null };
  client.send({ ...message, on_unwatched: onUnwatched });
  await node.clock.advance(5);
  return client;
}

function isRunning(node: ClusterNode): boolean {
  return node.server.executions.runningCount === 1;
}

test("who watches on another node keeps it running, and it stops when that one leaves", async () => {
  const { nodes, clock } = await cluster();
  const there = await watcher(nodes[1]!, "there");
  const here = await starter(nodes[0]!, "cancel");
  here.connection.onClosed(1006);
  await clock.advance(20 * LOOK_MS);
  expect(isRunning(nodes[0]!)).toBe(true);
  there.connection.onClosed(1006);
  await clock.advance(LOOK_MS + 100);
  expect(isRunning(nodes[0]!)).toBe(false);
});

test("nobody anywhere: it stops at once", async () => {
  const { nodes, clock } = await cluster();
  const here = await starter(nodes[0]!, "cancel");
  here.connection.onClosed(1006);
  await clock.advance(1);
  expect(isRunning(nodes[0]!)).toBe(false);
});

test("cancel_after counts from when the last watcher of all nodes has left", async () => {
  const { nodes, clock } = await cluster();
  const there = await watcher(nodes[1]!, "there");
  const here = await starter(nodes[0]!, { cancel_after: 10 });
  here.connection.onClosed(1006);
  await clock.advance(15_000);
  there.connection.onClosed(1006);
  await clock.advance(9_500);
  expect(isRunning(nodes[0]!)).toBe(true);
  await clock.advance(500 + LOOK_MS + 100);
  expect(isRunning(nodes[0]!)).toBe(false);
});

test("cancel_after is counted anew when somebody watched in between", async () => {
  const { nodes, clock } = await cluster();
  const here = await starter(nodes[0]!, { cancel_after: 10 });
  here.connection.onClosed(1006);
  await clock.advance(8_000);
  const there = await watcher(nodes[1]!, "there");
  await clock.advance(LOOK_MS + 100);
  there.connection.onClosed(1006);
  await clock.advance(9_000);
  expect(isRunning(nodes[0]!)).toBe(true);
  await clock.advance(LOOK_MS * 2 + 100);
  expect(isRunning(nodes[0]!)).toBe(false);
});

test("without an answer of the store it is not stopped", async () => {
  const { nodes, clock } = await cluster();
  const here = await starter(nodes[0]!, "cancel");
  nodes[0]!.link.cut();
  here.connection.onClosed(1006);
  await clock.advance(LOOK_MS * 8);
  expect(isRunning(nodes[0]!)).toBe(true);
  nodes[0]!.link.heal();
  await clock.advance(LOOK_MS);
  expect(isRunning(nodes[0]!)).toBe(false);
});

test("a store that hangs is asked once, not again and again", async () => {
  const { nodes, clock } = await cluster();
  const here = await starter(nodes[0]!, "cancel");
  const { link } = nodes[0]!;
  const askedBefore = link.callCount("readRoster");
  link.silence();
  here.connection.onClosed(1006);
  await clock.advance(4 * LOOK_MS);
  // The round that looks at all rosters asks too, every 5 s.
  expect(link.callCount("readRoster") - askedBefore).toBe(1);
  expect(isRunning(nodes[0]!)).toBe(true);
});

test("watchers of a dead node do not count for longer than its lease", async () => {
  const { nodes, clock } = await cluster();
  await watcher(nodes[1]!, "there");
  const here = await starter(nodes[0]!, "cancel");
  here.connection.onClosed(1006);
  nodes[1]!.kill();
  await clock.advance(LEASE_TTL_MS / 2);
  expect(isRunning(nodes[0]!)).toBe(true);
  await clock.advance(LEASE_TTL_MS);
  expect(isRunning(nodes[0]!)).toBe(false);
});

test("a watcher that comes back to this node in time keeps it running", async () => {
  const { nodes, clock } = await cluster();
  const here = await starter(nodes[0]!, { cancel_after: 5 });
  for (let count = 0; count < 4; count += 1) {
    const { connection } = here;
    if (count === 0) connection.onClosed(1006);
    await clock.advance(4_000);
    const again = await nodes[0]!.connect("starter", connection.session.id);
    await clock.advance(500);
    again.connection.onClosed(1006);
  }
  expect(isRunning(nodes[0]!)).toBe(true);
});
