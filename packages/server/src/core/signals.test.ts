import { expect, test } from "vitest";
import { ClusterFixture, type ClusterNode } from "./testing/cluster-fixture.ts";
import type { ConnectedClient } from "./testing/core-fixture.ts";

const CHANNEL = "chat:1";

async function follower(node: ClusterNode, clientId: string): Promise<ConnectedClient> {
  const client = await node.connect(clientId);
  client.send({ type: "subscribe", channel: CHANNEL });
  await node.clock.settle();
  return client;
}

test("SIG-1 a signal reaches every other connection once, on every node, and not its sender", async () => {
  const { nodes, clock } = new ClusterFixture({ nodeCount: 3 });
  const followers = [];
  for (const [index, node] of nodes.entries()) {
    followers.push(await follower(node, `a${index}`), await follower(node, `b${index}`));
  }
  const other = await nodes[1]!.connect("elsewhere");
  followers[0]!.send({ type: "signal", channel: CHANNEL, data: { isTyping: true } });
  await clock.advance(10_000);
  const [sender, ...others] = followers;
  expect(sender!.transport.ofType("signal")).toEqual([]);
  expect(other.transport.ofType("signal")).toEqual([]);
  for (const { transport } of others) {
    expect(transport.ofType("signal")).toEqual([
      { type: "signal", channel: CHANNEL, data: { isTyping: true }, sender: "a0" },
    ]);
  }
});

test("SIG-1 it is never sent again, also to whoever comes later", async () => {
  const { nodes, clock } = new ClusterFixture({ nodeCount: 2 });
  const sender = await follower(nodes[0]!, "sender");
  sender.send({ type: "signal", channel: CHANNEL, data: 1 });
  await clock.advance(10_000);
  const late = await follower(nodes[1]!, "late");
  await clock.advance(10_000);
  expect(late.transport.ofType("signal")).toEqual([]);
});

test("SIG-2 it is dropped for a connection without room, on another node too", async () => {
  const { nodes, clock } = new ClusterFixture({ nodeCount: 2 });
  const sender = await follower(nodes[0]!, "sender");
  const slow = await follower(nodes[1]!, "slow");
  slow.transport.bufferedBytes = 1_000_000;
  sender.send({ type: "signal", channel: CHANNEL, data: 1 });
  await clock.settle();
  slow.transport.bufferedBytes = 0;
  slow.connection.onDrain();
  await clock.advance(10_000);
  expect(slow.transport.ofType("signal")).toEqual([]);
});

test("SIG-3 a sender without a subscription reaches those who follow elsewhere", async () => {
  const { nodes, clock } = new ClusterFixture({ nodeCount: 2 });
  const there = await follower(nodes[1]!, "there");
  const sender = await nodes[0]!.connect("sender");
  sender.send({ type: "signal", channel: CHANNEL, data: 1 });
  await clock.settle();
  expect(there.transport.ofType("signal")).toHaveLength(1);
});
