import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../platform/system-clock.ts";
import { append, bodiesOf, CHAT, message, NOW_MS, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { storeContract } from "../contract.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { NodesElsewhere } from "../sqlite/node-state.ts";
import { openSqliteStore } from "../sqlite/sqlite-store.ts";
import type { HintListener, Store } from "../store.ts";
import { openRemoteStore, type RemoteStoreOptions } from "./remote-store.ts";
import { StoreServer } from "./store-server.ts";
import { FrameReader, frameOf, type Reply, WIRE_VERSION } from "./wire.ts";

const makeFolder = tempFolders();
let seed = 1;

type OpenStore = (folder: string, nodesElsewhere: NodesElsewhere) => Promise<Store>;

/** A store that is served at a socket, and the nodes that have it. */
class ServedStore {
  readonly folder: string;
  readonly #open: OpenStore;
  readonly #nodes: Store[] = [];
  readonly dropped: string[] = [];
  #store: Store | undefined;
  server: StoreServer | undefined;

  constructor(folder: string, open: OpenStore) {
    this.folder = folder;
    this.#open = open;
  }

  get path(): string {
    return join(this.folder, "store.sock");
  }

  async start(nodesElsewhere: NodesElsewhere = "new"): Promise<this> {
    this.#store = await this.#open(this.folder, nodesElsewhere);
    this.server = await StoreServer.open({
      store: this.#store,
      path: this.path,
      onNodeDropped: (reason) => this.dropped.push(reason),
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.server?.close();
    await this.#store?.close();
    this.server = undefined;
    this.#store = undefined;
  }

  async node(options: Partial<RemoteStoreOptions> = {}): Promise<Store> {
    const random = seededRandom(seed++);
    const node = await openRemoteStore({ path: this.path, clock: systemClock, random, ...options });
    this.#nodes.push(node);
    return node;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()));
    await this.stop();
  }
}

const onSqlite = (folder: string, nodesElsewhere: NodesElsewhere) =>
  openSqliteStore({ path: join(folder, "tachikoma.db"), random: seededRandom(seed++), nodesElsewhere });
const onMemory = async () => createMemoryStore({ random: seededRandom(seed++) });

const contractOn = (name: string, open: OpenStore, slackRecords: number) =>
  storeContract(
    name,
    async () => {
      const served = await new ServedStore(await makeFolder(), open).start();
      return {
        store: await served.node(),
        openAnother: () => served.node(),
        dispose: () => served.dispose(),
      };
    },
    { slackRecords, isShared: true },
  );

contractOn("remote sqlite", onSqlite, 20);
contractOn("remote memory", onMemory, 0);

let served: ServedStore | undefined;
afterEach(async () => {
  await served?.dispose();
  served = undefined;
});

async function serveSqlite(): Promise<ServedStore> {
  served = await new ServedStore(await makeFolder(), onSqlite).start();
  return served;
}

function listener(): HintListener & { readonly lost: () => number } {
  const onHintsLost = vi.fn();
  return { onHead: vi.fn(), onNote: vi.fn(), onHintsLost, lost: () => onHintsLost.mock.calls.length };
}

const untilServing = (node: Store) => vi.waitFor(() => node.ping(), { timeout: 10_000, interval: 10 });

describe("remote store, whose process starts again", () => {
  test("refuses what it cannot ask, goes on afterwards, and says that hints may be lost", async () => {
    const { stop, start } = bound(await serveSqlite());
    const storeReconnected = vi.fn();
    const node = await served!.node({ observer: { storeReconnected } });
    const heard = listener();
    node.listen(heard);
    await node.follow(CHAT);
    const first = await append(node, ["1"]);
    await stop();
    await expect(append(node, ["no"])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(heard.lost()).toBe(0);
    await start("known");
    await untilServing(node);
    expect(heard.lost()).toBe(1);
    expect(storeReconnected).toHaveBeenCalledTimes(1);
    expect(await append(node, ["2"])).toMatchObject({ epoch: first.epoch, firstSeq: 2 });
    expect(await bodiesOf(node)).toEqual(["1", "2"]);
  });

  test("follows again what it followed", async () => {
    const { stop, start } = bound(await serveSqlite());
    const [here, there] = [await served!.node(), await served!.node()];
    const heard = listener();
    there.listen(heard);
    await there.follow(CHAT);
    await stop();
    await start("known");
    await Promise.all([untilServing(here), untilServing(there)]);
    await append(here, ["1"]);
    await vi.waitFor(() =>
      expect(heard.onHead).toHaveBeenCalledWith(CHAT, expect.objectContaining({ seq: 1 })),
    );
  });

  test("rejects what was under way, and never does it twice under its number", async () => {
    const { stop, start } = bound(await serveSqlite());
    const node = await served!.node();
    const lease = (await node.acquireLease("execution:1", "a", 60_000, NOW_MS, "{}"))!;
    const fence = { lease: lease.name, token: lease.token, write: 1 };
    const done = await append(node, ["1"], { fence });
    await stop();
    await start("known");
    await untilServing(node);
    expect(await append(node, ["1"], { fence })).toEqual({ ...done, isDuplicate: true });
    expect(await append(node, ["2"], { fence: { ...fence, write: 2 } })).toMatchObject({ firstSeq: 2 });
    await expect(append(node, ["1"], { fence })).rejects.toMatchObject({ code: "FENCED" });
    expect(await bodiesOf(node)).toEqual(["1", "2"]);
  });

  test("keeps the rosters of nodes that live, with their versions", async () => {
    const { stop, start } = bound(await serveSqlite());
    const node = await served!.node();
    const roster = { tenant: "acme", kind: "presence", name: "chat:1" } as const;
    const entry = { id: "s1", lease: "node:a", value: '"here"' };
    await node.acquireLease("node:a", "a", 60_000, NOW_MS, "{}");
    await node.enroll({ roster, entry, nowMs: NOW_MS });
    const before = await node.readRoster(roster, NOW_MS);
    expect(before.entries).toEqual([entry]);
    await stop();
    await start("known");
    await untilServing(node);
    expect(await node.readRoster(roster, NOW_MS)).toEqual(before);
    expect(await node.enroll({ roster, entry: { ...entry, id: "s2" }, nowMs: NOW_MS })).toBe(
      before.version + 1,
    );
  });

  test("takes nodes of before for dead where it is told that they are", async () => {
    const { stop, start } = bound(await serveSqlite());
    const node = await served!.node();
    const roster = { tenant: "acme", kind: "places", name: "phone" } as const;
    await node.acquireLease("node:a", "a", 60_000, NOW_MS, "{}");
    await node.acquireLease("execution:1", "a", 60_000, NOW_MS, "{}");
    await node.enroll({ roster, entry: { id: "s1", lease: "node:a", value: "{}" }, nowMs: NOW_MS });
    await stop();
    await start("new");
    await untilServing(node);
    expect((await node.readRoster(roster, NOW_MS)).entries).toEqual([]);
    expect((await node.expiredLeases("", NOW_MS, 10)).map(({ name }) => name).sort()).toEqual([
      "execution:1",
      "node:a",
    ]);
  });
});

describe("remote store, bounds", () => {
  test("refuses calls beyond what may wait", async () => {
    await serveSqlite();
    const node = await served!.node({ maxWaitingCalls: 2 });
    const asked = [node.ping(), node.ping(), node.ping()];
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(outcomes[2]).toMatchObject({ reason: { code: "STORE_UNAVAILABLE" } });
  });

  test("refuses content beyond what may wait, and takes it when there is room", async () => {
    await serveSqlite();
    const node = await served!.node({ maxWaitingBytes: 10_000 });
    const body = `"${"x".repeat(6_000)}"`;
    const [first, second] = await Promise.allSettled([append(node, [body]), append(node, [body])]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
    expect(await append(node, [body])).toMatchObject({ firstSeq: 2 });
  });

  test("carries more in one turn than a frame holds, in order", async () => {
    await serveSqlite();
    const node = await served!.node();
    const bodies = Array.from({ length: 40 }, (_, index) => `"${index} ${"é".repeat(60_000)}"`);
    const appended = await Promise.all(bodies.map((body) => append(node, [body])));
    expect(appended.map(({ firstSeq }) => firstSeq)).toEqual(bodies.map((_, index) => index + 1));
    expect(await bodiesOf(node)).toEqual(bodies);
  });

  test("refuses alone what no frame can carry", async () => {
    await serveSqlite();
    const node = await served!.node({ maxWaitingBytes: 1e9 });
    const huge = node.append({
      key: CHAT,
      records: [message(`"${"x".repeat(65 * 1024 * 1024)}"`)],
      nowMs: NOW_MS,
      retention: { maxRecords: 10, maxBytes: 1e9, maxAgeMs: 1e9 },
    });
    const [refused, taken] = await Promise.allSettled([huge, append(node, ["1"])]);
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
    expect(taken).toMatchObject({ status: "fulfilled", value: { firstSeq: 1 } });
  });

  test("answers what was called before it was closed, and refuses what comes after", async () => {
    await serveSqlite();
    const node = await served!.node();
    const appends = [append(node, ["1"]), append(node, ["2"])];
    const closed = node.close();
    await expect(append(node, ["3"])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await closed;
    expect((await Promise.all(appends)).map(({ firstSeq }) => firstSeq)).toEqual([1, 2]);
  });

  test("cannot be opened where nobody serves", async () => {
    const path = join(await makeFolder(), "nobody.sock");
    await expect(
      openRemoteStore({ path, clock: systemClock, random: seededRandom(1) }),
    ).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });
});

describe("store server", () => {
  test("cuts off what is no node, and serves the others", async () => {
    const { path, dropped } = await serveSqlite();
    const node = await served!.node();
    const strangers = [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.from([0, 0, 0, 2, 1, 2])];
    for (const bytes of strangers) {
      const socket = connectSocket(path);
      socket.resume().end(bytes);
      await once(socket, "close");
    }
    expect(dropped).toHaveLength(2);
    await node.ping();
  });

  test("says so to a node of another release", async () => {
    const { path, dropped } = await serveSqlite();
    const socket = connectSocket(path);
    socket.resume().write(frameOf({ version: WIRE_VERSION + 1, followed: [] }));
    await once(socket, "close");
    expect(dropped).toEqual([`speaks version ${WIRE_VERSION + 1}, and this is ${WIRE_VERSION}`]);
  });

  test("keeps little for a node that does not read, and tells it afterwards what it may have missed", async () => {
    const { path } = await serveSqlite();
    const node = await served!.node();
    const socket = connectSocket(path);
    socket.write(frameOf({ version: WIRE_VERSION, followed: [CHAT] }));
    await once(socket, "readable");
    const note = JSON.stringify("x".repeat(256 * 1024));
    const noteCount = 100;
    for (let index = 0; index < noteCount; index += 1) {
      node.say(CHAT, note);
      // What was called before has been taken when this is answered.
      await node.ping();
    }
    const reader = new FrameReader();
    let heardCount = 0;
    for await (const piece of socket) {
      const replies = reader.read(piece as Buffer) as Partial<Reply>[];
      heardCount += replies.reduce((sum, { notes }) => sum + (notes?.length ?? 0), 0);
      if (replies.some(({ areHintsLost }) => areHintsLost)) break;
    }
    expect(heardCount).toBeGreaterThan(0);
    expect(heardCount).toBeLessThan(noteCount / 2);
  });

  test("forgets what a node that has gone followed", async () => {
    const { server } = await serveSqlite();
    const [here, there] = [await served!.node(), await served!.node()];
    await there.follow(CHAT);
    await there.close();
    await vi.waitFor(() => expect(server!.nodeCount).toBe(1));
    expect(await append(here, ["1"])).toMatchObject({ firstSeq: 1 });
  });
});

function bound(store: ServedStore) {
  return { stop: () => store.stop(), start: (nodes: NodesElsewhere) => store.start(nodes) };
}
