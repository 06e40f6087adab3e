/** Whatever happened to nodes, store and clients: in the end every roster, and every reader, says what is true. */
import { expect, test } from "vitest";
import type { RosterKey } from "../../stores/store.ts";
import { DEFAULT_NAMESPACE } from "../namespace.ts";
import type { Random } from "../ports.ts";
import type { Admitted } from "../session-server.ts";
import { ClusterFixture, type ClusterNode } from "../testing/cluster-fixture.ts";
import type { ConnectedClient } from "../testing/core-fixture.ts";
import { seededRandom } from "../testing/seeded-random.ts";

const ROOM = "room:1";
const TENANT = "default";
const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);
const EVENT_COUNT = 60;
const CLIENT_COUNT = 5;
/** Longer than a heartbeat, a lease, a look at the rosters and a retry together. */
const HEAL_MS = 90_000;

/** One client: it follows the room whenever it has a connection, and keeps its session as long as it can. */
class Visitor {
  readonly clientId: string;
  node: ClusterNode | undefined;
  client: ConnectedClient | undefined;
  sessionId: string | undefined;

  constructor(clientId: string) {
    this.clientId = clientId;
  }

  get isOnline(): boolean {
    return (
      this.client !== undefined &&
      !this.client.connection.isClosed &&
      this.client.transport.closed === undefined
    );
  }

  async connect(node: ClusterNode): Promise<void> {
    const admitted = await this.#admission(node);
    if (admitted === undefined) return;
    const client = await node.connectAdmitted(admitted);
    if (client.transport.ofType("welcome").length === 0) return;
    this.client = client;
    this.node = node;
    this.sessionId = client.connection.session.id;
    client.send({ type: "subscribe", id: "s", channel: ROOM });
  }

  /** A node whose store does not answer now refuses, and gives the place back if the answer comes after all. */
  async #admission(node: ClusterNode): Promise<Admitted | undefined> {
    let admitted: Admitted | undefined;
    let isGivenUp = false;
    const { clientId, sessionId } = this;
    node.server.admit({ credential: {}, clientId, sessionId }).then(
      (late) => {
        if (isGivenUp) late.reservation.release();
        else admitted = late;
      },
      () => {},
    );
    await node.clock.settle();
    isGivenUp = true;
    return admitted;
  }

  /** @param isNodeTold false when the node will notice by its heartbeat only */
  disconnect(isNodeTold: boolean): void {
    if (isNodeTold && this.node?.isRunning) this.client?.connection.onClosed(1006);
    this.client = undefined;
  }

  answerPings(): void {
    const pings = this.client?.transport.pings.splice(0) ?? [];
    if (this.node?.isRunning) for (const ping of pings) this.client?.connection.onPong(ping);
  }

  /** What a client that follows the events holds. */
  get list(): string[] {
    const held = new Map<string, unknown>();
    for (const { event, members } of this.client?.transport.ofType("presence") ?? []) {
      if (event === "members") held.clear();
      for (const { client_id: clientId, state } of members as { client_id: string; state: unknown }[]) {
        if (event === "leave") held.delete(clientId);
        else held.set(clientId, state);
      }
    }
    return [...held].map(([clientId, state]) => `${clientId}=${String(state)}`).sort();
  }
}

class Run {
  readonly random: Random;
  readonly cluster: ClusterFixture;
  readonly visitors = Array.from({ length: CLIENT_COUNT }, (_, index) => new Visitor(`visitor-${index}`));

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.cluster = new ClusterFixture({
      nodeCount: 3,
      seed,
      namespaces: { room: { ...DEFAULT_NAMESPACE, isPresenceEnabled: true } },
    });
  }

  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
      await this.cluster.clock.advance(Math.min(1_000, ms - passedMs));
      for (const visitor of this.visitors) visitor.answerPings();
    }
  }

  async event(): Promise<void> {
    const { cluster } = this;
    const visitor = this.pick(this.visitors);
    const node = this.pick(cluster.nodes);
    const act = this.pick([
      () => visitor.connect(node),
      () => visitor.connect(node),
      () => visitor.disconnect(this.random.fraction() < 0.7),
      () => visitor.client?.send({ type: "presence", channel: ROOM, state: this.random.id(3) }),
      () => visitor.client?.send({ type: "presence", channel: ROOM, state: this.random.id(3) }),
      () => visitor.client?.send({ type: "unsubscribe", id: "u", channel: ROOM }),
      () => visitor.client?.send({ type: "subscribe", id: "s", channel: ROOM }),
      () => (node.isPaused ? node.resume() : node.pause()),
      () => node.link.cut(),
      () => node.link.silence(),
      () => node.link.heal(),
      () => {
        node.link.isDeaf = !node.link.isDeaf;
      },
      () => node.link.loseAnswer(this.pick(["enroll", "strike", "readRoster", "acquireLease", "renewLease"])),
      () => this.replace(node),
    ]);
    await act();
    await cluster.clock.settle();
    if (this.random.fraction() < 0.6) await this.pass(this.pick([10, 300, 2_000, 7_000]));
  }

  async heal(): Promise<void> {
    for (const node of this.cluster.nodes) {
      node.resume();
      node.link.heal();
      node.link.isDeaf = false;
    }
    await this.pass(HEAL_MS);
  }

  /** A node dies, and sometimes another comes instead. */
  async replace(node: ClusterNode): Promise<void> {
    const { nodes } = this.cluster;
    if (this.random.fraction() < 0.5 || nodes.length < 2) return;
    node.kill();
    nodes.splice(nodes.indexOf(node), 1);
    for (const visitor of this.visitors) if (visitor.node === node) visitor.client = undefined;
    if (this.random.fraction() < 0.7) await this.cluster.addNode().server.open();
  }

  async idsIn(kind: RosterKey["kind"], name: string): Promise<string[]> {
    const { memory, clock } = this.cluster;
    const roster = { tenant: TENANT, kind, name };
    return memory.rosters
      .read(roster, clock.nowMs())
      .entries.map(({ id }) => id)
      .sort();
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random.fraction() * list.length)]!;
  }
}

test.each(SEEDS)("PRE-6 CON-6 seed %i: rosters and readers say what is true in the end", async (seed) => {
  const run = new Run(seed);
  const { cluster, visitors } = run;
  await cluster.open();
  for (let count = 0; count < EVENT_COUNT; count += 1) await run.event();
  await run.heal();

  // Everybody is there again; some say so.
  for (const visitor of visitors) if (!visitor.isOnline) await visitor.connect(run.pick(cluster.nodes));
  await cluster.clock.settle();
  const expected: string[] = [];
  const present = visitors.slice(0, 3);
  for (const visitor of visitors) {
    visitor.client!.send({ type: "unsubscribe", id: "u", channel: ROOM });
    visitor.client!.send({ type: "subscribe", id: "s", channel: ROOM });
  }
  await cluster.clock.settle();
  for (const visitor of present) {
    visitor.client!.send({ type: "presence", channel: ROOM, state: "final" });
    expected.push(`${visitor.clientId}=final`);
  }
  await run.pass(10_000);
  const isReading = (node: ClusterNode) => visitors.some((visitor) => visitor.node === node);
  expect(await run.idsIn("presence", ROOM)).toEqual(present.map(({ sessionId }) => sessionId).sort());
  expect(await run.idsIn("watchers", ROOM)).toEqual(
    cluster.nodes
      .filter(isReading)
      .map(({ server }) => server.nodeId)
      .sort(),
  );
  for (const visitor of visitors) {
    expect(visitor.list, visitor.clientId).toEqual(expected);
    expect(await run.idsIn("places", visitor.clientId)).toEqual([visitor.sessionId]);
  }

  // And when all have gone, nothing is left.
  for (const visitor of visitors) visitor.disconnect(true);
  await run.pass(20_000);
  for (const name of [ROOM, ...visitors.map(({ clientId }) => clientId)]) {
    for (const kind of ["presence", "watchers", "places"] as const) {
      expect(await run.idsIn(kind, name), `${kind} of ${name}`).toEqual([]);
    }
  }
});
