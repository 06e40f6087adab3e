/** Streams on several nodes: each of them a service of its own on a store that they share. */
import { TachikomaError } from "@tachikoma/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClusterFixture } from "../../core/testing/cluster-fixture.ts";
import { seededRandom } from "../../core/testing/seeded-random.ts";
import type { Store } from "../../stores/store.ts";
import { bytePieces } from "./record-codec.ts";
import { type AppendRequest, type CreateRequest, StreamService } from "./stream-service.ts";

const NAME = { tenant: "default", path: "s" };
const TEXT: CreateRequest = {
  contentType: "text/plain",
  lifetime: {},
  isClosed: false,
  fork: undefined,
  pieces: () => [],
};

class Nodes {
  readonly cluster = new ClusterFixture();

  service(index: number, store: Store = this.cluster.node(index).link.store): StreamService {
    const { server } = this.cluster.node(index);
    const { clock } = this.cluster;
    return new StreamService({
      hub: server.hub,
      store,
      clock,
      random: seededRandom(100 + index),
      nodeId: server.nodeId,
      limits: { maxStreamBytes: 2_000_000 },
    });
  }

  both(): readonly [StreamService, StreamService] {
    return [this.service(0), this.service(1)];
  }
}

function content(text: string, more: Partial<AppendRequest> = {}): AppendRequest {
  const bytes = Buffer.from(text);
  return {
    producer: undefined,
    streamSeq: undefined,
    isClosing: false,
    contentType: "text/plain",
    byteCount: bytes.length,
    pieces: bytePieces(bytes),
    ...more,
  };
}

const closing: AppendRequest = { ...content(""), isClosing: true, contentType: undefined };

async function textOf(service: StreamService, name = NAME): Promise<string> {
  const { state } = await service.use(name);
  const texts: Buffer[] = [];
  for await (const { bytes } of service.content.after(name, state, state.start)) texts.push(bytes);
  return Buffer.concat(texts).toString();
}

const codeOf = (thrown: unknown) => (thrown as { readonly code: string }).code;

describe("two nodes", () => {
  test("that append at once lose nothing and mix nothing", async () => {
    const services = new Nodes().both();
    await services[0].create(NAME, TEXT);
    const words = Array.from({ length: 40 }, (_, index) => `<${index}>`);
    await Promise.all(words.map((word, index) => services[index % 2]!.append(NAME, content(word))));
    const text = await textOf(services[1]);
    expect(text.match(/<\d+>/g)!.sort()).toEqual([...words].sort());
    expect(text).toHaveLength(words.join("").length);
    expect(await textOf(services[0])).toBe(text);
  });

  test("that get the same batches of a producer store each once, in order", async () => {
    const services = new Nodes().both();
    await services[0].create(NAME, TEXT);
    for (let seq = 0; seq < 20; seq += 1) {
      const request = content(`${seq},`, { producer: { id: "p", epoch: 0, seq } });
      const outcomes = await Promise.all([0, 1, 0, 1].map((index) => services[index]!.append(NAME, request)));
      expect(outcomes.map(({ decision }) => decision).sort()).toEqual([
        "append",
        "duplicate",
        "duplicate",
        "duplicate",
      ]);
    }
    expect(await textOf(services[0])).toBe(Array.from({ length: 20 }, (_, seq) => `${seq},`).join(""));
  });

  test("agree on what came before the close and what after it", async () => {
    const services = new Nodes().both();
    await services[0].create(NAME, TEXT);
    const appends = Array.from({ length: 10 }, (_, index) => services[0].append(NAME, content(`<${index}>`)));
    const closed = services[1].append(NAME, closing);
    const outcomes = await Promise.allSettled(appends);
    const { state } = await closed;
    const stored = outcomes.flatMap(({ status }, index) => (status === "fulfilled" ? [`<${index}>`] : []));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(codeOf(outcome.reason)).toBe("CONFLICT");
    }
    expect(await textOf(services[0])).toBe(stored.join(""));
    expect((await services[0].look(NAME)).state.tail).toEqual(state.tail);
  });

  test("create one stream, whoever is first", async () => {
    const services = new Nodes().both();
    const created = await Promise.all([0, 1, 0, 1].map((index) => services[index]!.create(NAME, TEXT)));
    expect(created.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(created.map(({ state }) => state.config.life)).size).toBe(1);
  });
});

test("an append whose answer was lost is known when it is sent again", async () => {
  const nodes = new Nodes();
  const [service] = nodes.both();
  await service.create(NAME, TEXT);
  const { hub } = nodes.cluster.node(0).server;
  const append = hub.append.bind(hub);
  hub.append = async (...args) => {
    hub.append = append;
    await append(...args);
    throw new TachikomaError("STORE_UNAVAILABLE");
  };
  const request = content("once", { producer: { id: "p", epoch: 0, seq: 0 } });
  await expect(service.append(NAME, request)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect((await service.append(NAME, request)).decision).toBe("duplicate");
  expect(await textOf(service)).toBe("once");
});

describe("forks", () => {
  const fork = { ...TEXT, fork: { from: "", sourcePath: "s", offset: undefined, subOffset: 0 } };
  const FORK = { tenant: "default", path: "f" };

  test("that were announced and never made hold their source for a minute", async () => {
    const nodes = new Nodes();
    const [service, other] = nodes.both();
    await service.create(NAME, { ...TEXT, pieces: () => content("kept").pieces });
    // The node is lost between the two steps.
    const { hub } = nodes.cluster.node(1).server;
    const append = hub.append.bind(hub);
    let appendCount = 0;
    hub.append = (...args) => {
      appendCount += 1;
      return appendCount === 1 ? append(...args) : Promise.reject(new TachikomaError("STORE_UNAVAILABLE"));
    };
    await expect(other.create(FORK, fork)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect((await service.look(NAME)).state.forks.size).toBe(1);
    await nodes.cluster.clock.advance(61_000);
    await service.delete(NAME);
    await expect(service.look(NAME)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("keep what they show over the deletion of their source, and let it go with their own", async () => {
    const [service, other] = new Nodes().both();
    await service.create(NAME, { ...TEXT, pieces: () => content("kept").pieces });
    await other.create(FORK, fork);
    await service.delete(NAME);
    await expect(other.look(NAME)).rejects.toMatchObject({ code: "GONE" });
    await other.append(FORK, content(" and more"));
    expect(await textOf(service, FORK)).toBe("kept and more");
    await service.delete(FORK);
    await expect(other.look(NAME)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await other.create(NAME, TEXT)).isNew).toBe(true);
  });

  test("go only so deep", async () => {
    const [service] = new Nodes().both();
    await service.create(NAME, { ...TEXT, pieces: () => content("0").pieces });
    let depth = 0;
    const deeper = async (): Promise<void> => {
      depth += 1;
      const path = `f${depth}`;
      const sourcePath = depth === 1 ? "s" : `f${depth - 1}`;
      await service.create({ tenant: "default", path }, { ...fork, fork: { ...fork.fork, sourcePath } });
      await service.append({ tenant: "default", path }, content("+"));
      return deeper();
    };
    await expect(deeper()).rejects.toMatchObject({ code: "CONFLICT" });
    expect(depth).toBe(33);
    expect(await textOf(service, { tenant: "default", path: "f32" })).toBe(`0${"+".repeat(32)}`);
  });
});

describe("time", () => {
  const sliding = { ...TEXT, lifetime: { ttlSecs: 100 } };

  test("begins anew with each use, on whichever node; a look is none", async () => {
    const nodes = new Nodes();
    const [service, other] = nodes.both();
    const { clock } = nodes.cluster;
    await service.create(NAME, sliding);
    await clock.advance(90_000);
    await other.use(NAME);
    await clock.advance(90_000);
    await service.look(NAME);
    await clock.advance(9_000);
    await service.append(NAME, content("x"));
    await clock.advance(99_000);
    expect(await textOf(other)).toBe("x");
    await clock.advance(102_000);
    await expect(service.look(NAME)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(other.append(NAME, content("y"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await other.create(NAME, sliding)).isNew).toBe(true);
  });

  test("that is over is seen to by one of the nodes, and nothing of the content stays", async () => {
    const nodes = new Nodes();
    const [service, other] = nodes.both();
    const { clock } = nodes.cluster;
    await service.create(NAME, { ...sliding, pieces: () => content("secret").pieces });
    await service.create({ tenant: "default", path: "long" }, { ...TEXT, lifetime: { ttlSecs: 1_000 } });
    await clock.advance(102_000);
    await Promise.all([service.endSome(10), other.endSome(10)]);
    const { store } = nodes.cluster.node(0).link;
    const read = await store.read({
      key: { tenant: "default", channel: "~stream:s" },
      afterSeq: 0,
      maxRecords: 100,
      maxBytes: 1e6,
    });
    expect(read!.records.map(({ body }) => body).join()).not.toContain("secret");
    expect(await store.expiredLeases("stream:", clock.nowMs() + 1e9, 10)).toHaveLength(1);
    await other.look({ tenant: "default", path: "long" });
  });
});

test("a node that knows nothing of a stream finds in its log what the node knows that wrote it", async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("append" as const), text: fc.string({ minLength: 1 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("batch" as const), id: fc.constantFrom("p", "q") }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("big" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("close" as const, "delete" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("fork" as const), path: fc.constantFrom("f", "g") }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), async (steps) => {
      const nodes = new Nodes();
      const [service] = nodes.both();
      const seqs = new Map<string, number>();
      await service.create(NAME, TEXT);
      for (const taken of steps) {
        await taking(service, taken, seqs).catch((thrown: unknown) => {
          expect(["CONFLICT", "GONE", "NOT_FOUND", "RECORD_TOO_LARGE"]).toContain(codeOf(thrown));
        });
      }
      for (const path of ["s", "f", "g"]) {
        const name = { tenant: "default", path };
        const warm = await service.look(name).catch(codeOf);
        const cold = await nodes.service(1).look(name).catch(codeOf);
        if (typeof warm === "string") expect(cold).toBe(warm);
        else {
          const { checkpointSeq: _, bytesSinceCheckpoint: __, ...state } = warm.state;
          expect(cold).toMatchObject({ head: warm.head, state });
          expect(await textOf(nodes.service(1), name)).toBe(await textOf(service, name));
        }
      }
    }),
    { numRuns: 60 },
  );
});

type Step =
  | { readonly kind: "append"; readonly text: string }
  | { readonly kind: "batch"; readonly id: string }
  | { readonly kind: "big" | "close" | "delete" }
  | { readonly kind: "fork"; readonly path: string };

async function taking(service: StreamService, step: Step, seqs: Map<string, number>): Promise<unknown> {
  switch (step.kind) {
    case "append":
      return service.append(NAME, content(step.text));
    case "big":
      return service.append(NAME, content("x".repeat(300_000)));
    case "batch": {
      const seq = seqs.get(step.id) ?? 0;
      seqs.set(step.id, seq + 1);
      return service.append(NAME, content(step.id, { producer: { id: step.id, epoch: 0, seq } }));
    }
    case "close":
      return service.append(NAME, closing);
    case "delete":
      await service.delete(NAME);
      seqs.clear();
      return service.create(NAME, TEXT);
    case "fork": {
      const fork = { from: "", sourcePath: "s", offset: undefined, subOffset: 0 };
      return service.create({ tenant: "default", path: step.path }, { ...TEXT, fork });
    }
  }
}
