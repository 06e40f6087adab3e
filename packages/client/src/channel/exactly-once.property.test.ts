import fc from "fast-check";
import { expect, test } from "vitest";
import type { Delivery, SubscribeOptions, Subscription, TachikomaClient } from "../api.ts";
import { clientFixture, settle } from "../testing/client-fixture.ts";
import type { FakeClock } from "../testing/fake-clock.ts";
import { ModelServer } from "../testing/model-server.ts";

const CHANNEL = "chat:1";

type Step =
  | { readonly do: "append"; readonly part: string | undefined; readonly count: number }
  | { readonly do: "process" | "frame" | "deliver" | "take" | "wait"; readonly count: number }
  | {
      readonly do: "subscribe";
      readonly since: "start" | "head" | "copy";
      readonly form: "listener" | "loop";
    }
  | { readonly do: "unsubscribe" | "cut" | "crash" | "duplicate" | "trim" | "replace" | "loseTail" };

const count = fc.integer({ min: 1, max: 6 });
const STEPS = fc.array(
  fc.oneof(
    { arbitrary: move("frame"), weight: 6 },
    { arbitrary: move("process"), weight: 6 },
    { arbitrary: move("deliver"), weight: 8 },
    { arbitrary: move("take"), weight: 3 },
    { arbitrary: move("wait"), weight: 2 },
    {
      arbitrary: fc
        .record({ part: fc.constantFrom(undefined, "a", "a", "a", "b"), count })
        .map((fields): Step => ({ do: "append", ...fields })),
      weight: 8,
    },
    {
      arbitrary: fc
        .record({
          since: fc.constantFrom("start" as const, "head" as const, "copy" as const),
          form: fc.constantFrom("listener" as const, "loop" as const),
        })
        .map((fields): Step => ({ do: "subscribe", ...fields })),
      weight: 3,
    },
    { arbitrary: fc.constantFrom<Step>({ do: "cut" }, { do: "crash" }, { do: "unsubscribe" }), weight: 2 },
    {
      arbitrary: fc.constantFrom<Step>({ do: "trim" }, { do: "replace" }, { do: "loseTail" }),
      weight: 1,
    },
  ),
  { maxLength: 80, size: "max" },
);

function move(what: "process" | "frame" | "deliver" | "take" | "wait"): fc.Arbitrary<Step> {
  return count.map((steps): Step => ({ do: what, count: steps }));
}

/** One local reader, and what it has read since its start or its last reset. */
class Reader {
  readonly subscription: Subscription;
  text = "";
  /** Where the text begins. */
  from: string | undefined;
  resetCount = 0;
  #iterator: AsyncIterator<Delivery> | undefined;
  #pending: Promise<void> | undefined;

  constructor(client: TachikomaClient, since: "start" | "head" | string, form: "listener" | "loop") {
    const isPosition = since !== "start" && since !== "head";
    const place: SubscribeOptions = isPosition ? { position: since } : { since };
    this.from = place.position;
    this.subscription = client.channel(CHANNEL).subscribe({ ...place, maxBufferedDeliveries: 3 });
    this.subscription.on("subscribed", ({ position }) => {
      this.from ??= position;
    });
    if (form === "listener") this.subscription.on("delivery", (delivery) => this.#read(delivery));
    else this.#iterator = this.subscription[Symbol.asyncIterator]();
  }

  /** Takes what is there, at most so many. */
  async take(maxCount: number): Promise<void> {
    for (let taken = 0; taken < maxCount; taken += 1) {
      if (this.#iterator === undefined || this.#pending !== undefined) return;
      this.#pending = this.#iterator.next().then((result) => {
        this.#pending = undefined;
        if (result.done !== true) this.#read(result.value);
      });
      await settle();
    }
  }

  #read(delivery: Delivery): void {
    if (delivery.type === "reset") {
      this.text = "";
      this.from = delivery.position;
      this.resetCount += 1;
    }
    if (delivery.type === "message") this.text += String(delivery.data);
    if (delivery.type === "chunk") this.text += String(delivery.chunk["delta"]);
  }
}

class World {
  readonly server: ModelServer;
  readonly client: TachikomaClient;
  readonly clock: FakeClock;
  readonly errors: Error[] = [];
  readers: Reader[] = [];
  #recordCount = 0;

  constructor() {
    const fixture = clientFixture();
    this.client = fixture.client;
    this.clock = fixture.clock;
    this.client.on("error", (error) => this.errors.push(error));
    // The client has made its first socket already: it is told to come back to this server.
    this.server = new ModelServer(fixture.network);
    this.client.dropConnection();
    this.clock.advance(1_000);
  }

  async run(step: Step): Promise<void> {
    const log = this.server.log(CHANNEL);
    switch (step.do) {
      case "append":
        for (let index = 0; index < step.count; index += 1) {
          this.#recordCount += 1;
          log.append(`[${this.#recordCount}]`, step.part);
        }
        break;
      case "process":
        this.server.process(step.count);
        break;
      case "frame":
        this.server.frame(step.count);
        break;
      case "deliver":
        this.server.deliver(step.count);
        break;
      case "take":
        for (const reader of this.readers) await reader.take(step.count);
        break;
      case "wait":
        this.clock.advance(step.count * 200);
        break;
      case "subscribe":
        this.#subscribe(step);
        break;
      case "unsubscribe":
        this.readers.shift()?.subscription.unsubscribe();
        break;
      case "cut":
        this.client.dropConnection();
        break;
      case "trim":
        // Only of records that nobody is being sent: a server resets those who are.
        this.server.crash();
        log.trim(2);
        break;
      case "replace":
        this.server.crash();
        log.replace(`e${this.#recordCount + 1}`);
        break;
      case "loseTail":
        this.server.crash();
        log.loseTail(2);
        break;
      case "crash":
        this.server.crash();
        break;
    }
    await settle();
  }

  /** Until everything has arrived. */
  async finish(): Promise<void> {
    for (let round = 0; round < 400; round += 1) {
      this.clock.advance(1_000);
      this.server.process(100);
      this.server.frame(100);
      this.server.deliver(100);
      await settle();
      for (const reader of this.readers) await reader.take(100);
      await settle();
      const isOnline = this.client.status.state === "online";
      if (isOnline && this.server.isQuiet && (this.readers.length === 0 || this.server.isFollowed)) return;
    }
    throw new Error("The client and the server do not come to rest");
  }

  #subscribe({ since, form }: Extract<Step, { do: "subscribe" }>): void {
    if (this.readers.length >= 4) return;
    const copied = this.readers.at(-1);
    // A loop that is behind must not be copied from where the wire is, but from what it has handed out.
    const place = since === "copy" ? (copied?.subscription.position ?? "start") : since;
    this.readers.push(new Reader(this.client, place, form));
  }
}

test("each reader gets each record once and in order, or a reset", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, async (steps) => {
      const world = new World();
      for (const step of steps) await world.run(step);
      await world.finish();
      expect(world.errors).toEqual([]);
      const log = world.server.log(CHANNEL);
      for (const reader of world.readers) {
        const [epoch, seq] = (reader.from ?? "").split(".");
        expect(epoch).toBe(log.epoch);
        const expected = log.historyAfter(Number(seq)).map((record) => record.text);
        expect(reader.text).toBe(expected.join(""));
        expect(reader.subscription.position?.split(".")[1]).toBe(String(log.head.seq));
      }
      world.client.close();
    }),
    { numRuns: 1500 },
  );
}, 60_000);
