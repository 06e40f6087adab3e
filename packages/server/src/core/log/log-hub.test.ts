import { expect, test } from "vitest";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import { DEFAULT_NAMESPACE, NamespaceTable } from "../namespace.ts";
import { silentObserver } from "../observer.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { LogHub } from "./log-hub.ts";

const BODY = JSON.stringify("x".repeat(840));
/** With what a record costs beside its body, each is a little over a thousand bytes. */
const MAX_HOT_BYTES = 20_000;

function fixture() {
  const clock = new FakeClock();
  const hub = new LogHub({
    store: createMemoryStore({ random: seededRandom(1) }),
    clock,
    namespaces: new NamespaceTable({}, DEFAULT_NAMESPACE, 3_600_000),
    observer: silentObserver,
    ring: { maxRecords: 100, maxBytes: 100_000 },
    maxHotBytes: MAX_HOT_BYTES,
    closeIdleLogAfterMs: 60_000,
    onAdvance() {},
    onReadersChanged() {},
    onReadChanged() {},
  });
  const keyOf = (index: number) => ({ tenant: "t", channel: `chat:${index}` });
  const fill = async (index: number) => {
    await hub.open(keyOf(index));
    await hub.append(keyOf(index), [{ type: "message", body: BODY }]);
  };
  const isHot = (index: number) => hub.peek(keyOf(index))!.ring.recordCount > 0;
  return { clock, hub, fill, isHot, keyOf };
}

test("hot records stay under their bound: logs that were used longest ago are emptied, a few at a time", async () => {
  const { clock, hub, fill, isHot } = fixture();
  for (let index = 0; index < 100; index += 1) {
    await fill(index);
    await clock.advance(1_000);
    expect(hub.hotBytes).toBeLessThanOrEqual(MAX_HOT_BYTES);
  }
  const hot = Array.from({ length: 100 }, (_, index) => index).filter(isHot);
  expect(hot.at(-1)).toBe(99);
  expect(hot[0]).toBe(100 - hot.length);
  expect(hot.length).toBeGreaterThan(15);
});

test("a log that is used again is not the next to be emptied", async () => {
  const { clock, fill, isHot } = fixture();
  for (let index = 0; index < 30; index += 1) {
    await fill(index);
    await clock.advance(1_000);
    await fill(0);
    await clock.advance(1_000);
  }
  expect(isHot(0)).toBe(true);
});

test("an idle log is closed, and what it held is not counted any more", async () => {
  const { clock, hub, fill, keyOf } = fixture();
  await fill(1);
  await clock.advance(59_000);
  hub.tidy();
  expect(hub.openLogCount).toBe(1);
  await clock.advance(1_000);
  hub.tidy();
  expect(hub.openLogCount).toBe(0);
  expect(hub.hotBytes).toBe(0);
  expect(hub.peek(keyOf(1))).toBeUndefined();
});
