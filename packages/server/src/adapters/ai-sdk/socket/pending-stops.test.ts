import { expect, test } from "vitest";
import { FakeClock } from "../../../core/testing/fake-clock.ts";
import { PendingStops } from "./pending-stops.ts";

function stopsFixture() {
  const clock = new FakeClock();
  const stopped: string[] = [];
  const stops = new PendingStops(clock);
  return {
    clock,
    stopped,
    stops,
    add: (chatId: string, name: string) => stops.add(chatId, () => stopped.push(name)),
  };
}

test("an abort stops after a moment, unless the same chat is asked for again by then", async () => {
  const { clock, stopped, stops, add } = stopsFixture();
  add("a", "a1");
  add("b", "b1");
  stops.resumed("b");
  await clock.advance(99);
  expect(stopped).toEqual([]);
  await clock.advance(1);
  expect(stopped).toEqual(["a1"]);
  await clock.advance(1_000);
  expect(stopped).toEqual(["a1"]);
});

test("a second abort of a chat does not take the place of the first, and a lost socket stops at once", async () => {
  const { clock, stopped, stops, add } = stopsFixture();
  add("a", "a1");
  add("a", "a2");
  expect(stopped).toEqual(["a1"]);
  stops.close();
  expect(stopped).toEqual(["a1", "a2"]);
  await clock.advance(1_000);
  expect(stopped).toEqual(["a1", "a2"]);
});
