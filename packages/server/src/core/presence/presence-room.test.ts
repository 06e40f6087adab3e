import type { PresenceMember } from "@tachikoma/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SharedMemory } from "../../stores/memory/memory-store.ts";
import type { RosterState } from "../../stores/store.ts";
import type { RosterChange } from "../cluster/hints.ts";
import type { Subscriber } from "../delivery/subscriber.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { formatEntry } from "./presence-entry.ts";
import { PresenceRoom } from "./presence-room.ts";

const ROSTER = { tenant: "acme", kind: "presence", name: "room:1" } as const;
const NOW_MS = 1_000;

/** A reader that holds what it was told, as a client would. */
class Reader {
  readonly list = new Map<string, unknown>();
  readonly events: string[] = [];

  onPresence(_key: unknown, text: string): void {
    const { event, members } = JSON.parse(text) as {
      event: string;
      members: { client_id: string; state: unknown }[];
    };
    this.events.push(event);
    if (event === "members") this.list.clear();
    for (const { client_id: clientId, state } of members) {
      // An event says what was not so before, or the list was wrong.
      if (event === "join") expect(this.list.has(clientId)).toBe(false);
      if (event === "leave" || event === "update") expect(this.list.has(clientId)).toBe(true);
      if (event === "leave") this.list.delete(clientId);
      else this.list.set(clientId, state);
    }
  }
}

/** A roster whose readings are answered when the test says so. */
class World {
  readonly memory = new SharedMemory(seededRandom(1));
  readonly readers: Reader[] = [];
  readonly room: PresenceRoom;
  #setCount = 0;
  #reading: { readonly state: RosterState; readonly answer: (state: RosterState) => void } | undefined;

  constructor() {
    this.memory.leases.acquire("node:a", "a", 1e9, NOW_MS, "{}");
    this.room = new PresenceRoom({
      key: { tenant: "acme", channel: "room:1" },
      read: () =>
        new Promise((answer) => {
          this.#reading = { state: this.#state(), answer };
        }),
      readers: () => this.readers as unknown as Subscriber[],
    });
  }

  enroll(id: string, clientId: string, state: number): RosterChange {
    this.#setCount += 1;
    const value = formatEntry({ clientId, state, setAtMs: this.#setCount, claimNumber: 1 });
    const entry = { id, lease: "node:a", value };
    return { id, value, version: this.memory.rosters.enroll({ roster: ROSTER, entry, nowMs: NOW_MS })! };
  }

  strike(id: string): RosterChange | undefined {
    const entry = this.#state().entries.find((one) => one.id === id);
    return entry === undefined ? undefined : { id, version: this.memory.rosters.strike(ROSTER, entry)! };
  }

  join(): void {
    const reader = new Reader();
    this.readers.push(reader);
    void this.room.show(reader as unknown as Subscriber);
  }

  /** Answers what was asked for, with what was there when it was asked for. */
  async answer(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.answer(reading.state);
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }

  async quiet(): Promise<void> {
    while (this.#reading !== undefined) await this.answer();
  }

  /** Client and state, the latest of its sessions. */
  get truth(): [string, unknown][] {
    const latest = new Map<string, { state: unknown; setAtMs: number }>();
    for (const { value } of this.#state().entries) {
      const entry = JSON.parse(value) as { clientId: string; state: unknown; setAtMs: number };
      if ((latest.get(entry.clientId)?.setAtMs ?? 0) < entry.setAtMs) latest.set(entry.clientId, entry);
    }
    return [...latest].map(([clientId, { state }]): [string, unknown] => [clientId, state]).sort();
  }

  #state(): RosterState {
    return this.memory.rosters.read(ROSTER, NOW_MS);
  }
}

interface RosterAct {
  readonly kind: "enroll" | "strike";
  readonly session: number;
  readonly fate: "now" | "late" | "lost" | "twice";
}

type Act = RosterAct | { readonly kind: "answer" | "join" | "deliver" };

function isRosterAct(act: Act): act is RosterAct {
  return act.kind === "enroll" || act.kind === "strike";
}

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("enroll" as const, "strike" as const),
      session: fc.nat(4),
      fate: fc.constantFrom("now" as const, "late" as const, "lost" as const, "twice" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("answer" as const, "join" as const, "deliver" as const) }),
  },
);

test("PRE-2 PRE-4 whatever order changes come in, late, twice or not at all, readers end up with what is true", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const world = new World();
      const late: RosterChange[] = [];
      const take = (change: RosterChange) => void world.room.take(change);
      for (const one of acts) {
        if (one.kind === "answer") await world.answer();
        else if (one.kind === "join") world.join();
        else if (one.kind === "deliver") {
          // The latest first: as wrong as it gets.
          for (const change of late.splice(0).reverse()) take(change);
        } else if (isRosterAct(one)) {
          const id = `s${one.session}`;
          const change =
            one.kind === "enroll"
              ? world.enroll(id, `client-${one.session % 3}`, world.readers.length)
              : world.strike(id);
          if (change === undefined) continue;
          if (one.fate === "now" || one.fate === "twice") take(change);
          if (one.fate === "late" || one.fate === "twice") late.push(change);
        }
        await world.settle();
      }
      for (const change of late) take(change);
      world.join();
      // What was lost is found by the periodic look.
      const refreshing = world.room.refresh();
      await world.quiet();
      await refreshing;
      expect(
        world.room
          .members()
          ?.map(({ clientId, state }: PresenceMember) => [clientId, state])
          .sort(),
      ).toEqual(world.truth);
      for (const reader of world.readers) expect([...reader.list].sort()).toEqual(world.truth);
    }),
    { numRuns: 1_000 },
  );
});

test("a change that follows on what is known needs no reading", async () => {
  const world = new World();
  world.enroll("s1", "ann", 1);
  world.join();
  await world.answer();
  await world.room.take(world.enroll("s2", "bob", 2));
  await world.room.take(world.strike("s1")!);
  expect(world.readers[0]!.events).toEqual(["members", "join", "leave"]);
  expect([...world.readers[0]!.list]).toEqual([["bob", 2]]);
});

test("a room without readers to come takes no note of changes", async () => {
  const world = new World();
  await world.room.take(world.enroll("s1", "ann", 1));
  expect(world.room.members()).toBeUndefined();
});
