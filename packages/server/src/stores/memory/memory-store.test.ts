import { expect, test } from "vitest";
import { append, bodiesOf, seededRandom } from "../contract/contract-fixture.ts";
import { storeContract } from "../contract.ts";
import { createMemoryStore, SharedMemory } from "./memory-store.ts";

let seed = 1;

storeContract("memory", async () => {
  const store = createMemoryStore({ random: seededRandom(seed++) });
  return { store, dispose: () => store.close() };
});

storeContract(
  "shared memory",
  async () => {
    const memory = new SharedMemory(seededRandom(seed++));
    const store = memory.open();
    return { store, openAnother: async () => memory.open(), dispose: () => store.close() };
  },
  { slackRecords: 0, isShared: true },
);

test("is the same again for the same seed and the same calls", async () => {
  const run = async () => {
    const store = createMemoryStore({ random: seededRandom(7) });
    return [
      await append(store, ["1", "2"]),
      await append(store, ["3"]),
      await store.logState({ tenant: "acme", channel: "chat:1" }),
    ];
  };
  expect(await run()).toEqual(await run());
});

test("keeps everything for whoever opens it after a close", async () => {
  const store = createMemoryStore({ random: seededRandom(1) });
  await append(store, ["1"]);
  const lease = (await store.acquireLease("execution:1", "node-a", 1000, 0, "{}"))!;
  await store.close();
  expect(await append(store, ["2"])).toMatchObject({ firstSeq: 2 });
  expect(await bodiesOf(store)).toEqual(["1", "2"]);
  expect(await store.renewLease("execution:1", lease.token, 1000, 500)).toBe(true);
});

test("answers without timers", async () => {
  const store = createMemoryStore({ random: seededRandom(1) });
  let isAnswered = false;
  void append(store, ["1"]).then(() => {
    isAnswered = true;
  });
  // Microtasks only: a simulation that owns all timers sees the answer at once.
  for (let turn = 0; turn < 10 && !isAnswered; turn++) await Promise.resolve();
  expect(isAnswered).toBe(true);
});
