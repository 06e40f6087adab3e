import { expect, test } from "vitest";
import { FakeClock } from "../../core/testing/fake-clock.ts";
import { StoreHealth } from "./store-health.ts";

function healthFixture() {
  const clock = new FakeClock();
  const pings: PromiseWithResolvers<void>[] = [];
  const ping = () => {
    const answer = Promise.withResolvers<void>();
    pings.push(answer);
    return answer.promise;
  };
  return { clock, pings, health: new StoreHealth({ ping, clock }) };
}

test("many questions at once are one ping, and its answer holds for half a second", async () => {
  const { clock, pings, health } = healthFixture();
  const questions = [health.isServing(), health.isServing(), health.isServing()];
  pings[0]!.resolve();
  expect(await Promise.all(questions)).toEqual([true, true, true]);
  await clock.advance(499);
  expect(await health.isServing()).toBe(true);
  expect(pings).toHaveLength(1);
  await clock.advance(1);
  const again = health.isServing();
  pings[1]!.reject(new Error("away"));
  expect(await again).toBe(false);
  expect(await health.isServing()).toBe(false);
  expect(pings).toHaveLength(2);
  expect(clock.pendingTimerCount).toBe(0);
});

test("a store that hangs is away after a second, and is not asked again before it has answered", async () => {
  const { clock, pings, health } = healthFixture();
  for (let round = 0; round < 5; round += 1) {
    const question = health.isServing();
    await clock.advance(1_000);
    expect(await question).toBe(false);
    await clock.advance(500);
  }
  expect(pings).toHaveLength(1);
  const question = health.isServing();
  pings[0]!.resolve();
  expect(await question).toBe(true);
  await clock.advance(500);
  health.isServing();
  expect(pings).toHaveLength(2);
});
