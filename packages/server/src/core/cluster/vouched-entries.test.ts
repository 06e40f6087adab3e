import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SharedMemory } from "../../stores/memory/memory-store.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { NodeClock } from "../testing/node-clock.ts";
import { NodeLink } from "../testing/node-link.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import type { RosterChange } from "./hints.ts";
import { type EntryJudgement, VouchedEntries } from "./vouched-entries.ts";

const ROSTER = { tenant: "acme", kind: "places", name: "phone" } as const;
const LEASE = "node:a";
const RETRY_MS = 5_000;

async function setUp(judge: () => EntryJudgement = () => "ours") {
  const clock = new FakeClock();
  const memory = new SharedMemory(seededRandom(1));
  const link = new NodeLink(memory.open(), new NodeClock(clock));
  const lease = { name: LEASE, isHeld: true };
  for (const name of [LEASE, "node:b"]) memory.leases.acquire(name, name, 3_600_000, clock.nowMs(), "{}");
  const changes: RosterChange[] = [];
  const entries = new VouchedEntries({
    store: link.store,
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    kind: "places",
    lease,
    judge,
    onChanged: (_, change) => changes.push(change),
  });
  const stored = () =>
    memory.rosters.read(ROSTER, clock.nowMs()).entries.map((entry) => [entry.id, entry.value, entry.lease]);
  const enrollElsewhere = (id: string, value: string) =>
    memory.rosters.enroll({ roster: ROSTER, entry: { id, value, lease: "node:b" }, nowMs: clock.nowMs() });
  return { clock, memory, link, lease, changes, entries, stored, enrollElsewhere };
}

test("the first wish goes out in its turn, and of those that wait only the last", async () => {
  const { entries, link, clock, changes } = await setUp();
  const puts = ["1", "2", "3", "4"].map((value) => entries.put(ROSTER, "s", value));
  expect(link.callCount("enroll")).toBe(1);
  await clock.settle();
  expect(await Promise.all(puts)).toEqual(["stored", "stored", "stored", "stored"]);
  expect(changes.map(({ value }) => value)).toEqual(["1", "4"]);
});

test("what is refused for want of room leaves what was there", async () => {
  const { entries, clock, stored, enrollElsewhere } = await setUp();
  await entries.put(ROSTER, "s", "1", 1);
  enrollElsewhere("other", "x");
  expect(await entries.put(ROSTER, "s", "2", 1)).toBe("full");
  expect(await entries.put(ROSTER, "new", "1", 1)).toBe("full");
  await clock.settle();
  expect(stored()).toEqual([
    ["s", "1", LEASE],
    ["other", "x", "node:b"],
  ]);
  entries.drop(ROSTER, "s");
  await clock.settle();
  expect(stored()).toEqual([["other", "x", "node:b"]]);
  expect(entries.isVouching).toBe(false);
});

test("a drop does not touch what another node enrolled since", async () => {
  const { entries, clock, stored, enrollElsewhere, changes } = await setUp();
  await entries.put(ROSTER, "s", "1");
  enrollElsewhere("s", "1");
  entries.drop(ROSTER, "s");
  await clock.settle();
  expect(stored()).toEqual([["s", "1", "node:b"]]);
  expect(changes).toHaveLength(1);
});

describe("a look at the roster", () => {
  test.each([
    ["ours", [["s", "1", LEASE]], [["s", "1", LEASE]]],
    ["theirs", [["s", "9", "node:b"]], [["s", "1", LEASE]]],
    ["moved", [["s", "9", "node:b"]], []],
  ] as const)("%s: what stands there then, and when theirs has gone", async (judgement, then, afterwards) => {
    const { entries, clock, memory, stored, enrollElsewhere } = await setUp(() => judgement);
    await entries.put(ROSTER, "s", "1");
    enrollElsewhere("s", "9");
    await entries.look(ROSTER);
    await clock.settle();
    expect(stored()).toEqual(then);
    memory.rosters.strike(ROSTER, { id: "s", value: "9", lease: "node:b" });
    await entries.look(ROSTER);
    await clock.settle();
    expect(stored()).toEqual(afterwards);
  });

  test("puts nothing back while the lease is lost", async () => {
    const { entries, clock, memory, link, lease } = await setUp();
    await entries.put(ROSTER, "s", "1");
    memory.rosters.strikeLease(LEASE);
    lease.isHeld = false;
    await entries.look(ROSTER);
    await clock.settle();
    expect(link.callCount("enroll")).toBe(1);
  });

  test("does not judge what is being changed", async () => {
    const { entries, clock, stored } = await setUp();
    await entries.put(ROSTER, "s", "1");
    const looking = entries.look(ROSTER);
    const putting = entries.put(ROSTER, "s", "2");
    await Promise.all([looking, putting]);
    await clock.settle();
    expect(stored()).toEqual([["s", "2", LEASE]]);
  });
});

test("with the lease everything comes back that is still wanted, however long the store takes", async () => {
  const { entries, clock, memory, link, stored } = await setUp();
  await entries.put(ROSTER, "s", "1");
  await entries.put(ROSTER, "gone", "1");
  memory.rosters.strikeLease(LEASE);
  entries.drop(ROSTER, "gone");
  link.cut();
  entries.reaffirm();
  await clock.advance(RETRY_MS * 3);
  expect(stored()).toEqual([]);
  link.heal();
  await clock.advance(RETRY_MS);
  expect(stored()).toEqual([["s", "1", LEASE]]);
});

test("an entry that was struck without an answer is enrolled again when it is wanted as before", async () => {
  const { entries, clock, link, stored } = await setUp();
  await entries.put(ROSTER, "s", "1");
  link.loseAnswer("strike");
  entries.drop(ROSTER, "s");
  await clock.settle();
  expect(stored()).toEqual([]);
  await entries.put(ROSTER, "s", "1");
  expect(stored()).toEqual([["s", "1", LEASE]]);
});

type Act =
  | { readonly kind: "put"; readonly id: string; readonly value: string }
  | { readonly kind: "drop"; readonly id: string }
  | { readonly kind: "fail" | "lose"; readonly call: "enroll" | "strike" }
  | { readonly kind: "cut" | "heal" | "wait" };

const call = fc.constantFrom("enroll" as const, "strike" as const);
const id = fc.constantFrom("s1", "s2");
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("put" as const), id, value: fc.constantFrom("1", "2", "3") }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("drop" as const), id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("fail" as const, "lose" as const), call }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("cut" as const, "heal" as const, "wait" as const) }),
  },
);

test("whatever fails, and whether it was carried out or not, the store has in the end what was wanted last", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const { entries, clock, link, stored } = await setUp();
      const wanted = new Map<string, string>();
      for (const one of acts) {
        if (one.kind === "put") {
          wanted.set(one.id, one.value);
          entries.put(ROSTER, one.id, one.value).catch(() => undefined);
        } else if (one.kind === "drop") {
          wanted.delete(one.id);
          entries.drop(ROSTER, one.id);
        } else if (one.kind === "fail") link.failNext(one.call);
        else if (one.kind === "lose") link.loseAnswer(one.call);
        else if (one.kind === "cut") link.cut();
        else if (one.kind === "heal") link.heal();
        else await clock.advance(1_000);
      }
      link.heal();
      await clock.advance(RETRY_MS * 2);
      expect(stored().sort()).toEqual([...wanted].map(([key, value]) => [key, value, LEASE]).sort());
      expect(clock.pendingTimerCount).toBe(0);
    }),
    { numRuns: 300 },
  );
});
