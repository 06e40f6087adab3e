import { expect, test } from "vitest";
import { FakeClock } from "../core/testing/fake-clock.ts";
import { HandshakeLane } from "./handshake-lane.ts";

function laneFixture(maxRunning: number) {
  const clock = new FakeClock();
  const lane = new HandshakeLane({ clock, maxRunning });
  const entered: string[] = [];
  const ends = new Map<string, () => void>();
  const enter = (name: string, isResuming: boolean) =>
    lane.enter(isResuming).then((end) => {
      entered.push(name);
      ends.set(name, end);
    });
  return { clock, entered, enter, end: (name: string) => ends.get(name)!() };
}

test("so many run at a time, then those that resume go first, each kind in its order", async () => {
  const { clock, entered, enter, end } = laneFixture(2);
  for (const [name, isResuming] of Object.entries({
    a: false,
    b: true,
    c: false,
    d: false,
    e: true,
    f: true,
  })) {
    enter(name, isResuming);
  }
  await clock.settle();
  expect(entered).toEqual(["a", "b"]);
  for (const name of ["a", "b", "e", "f", "c"]) {
    end(name);
    await clock.settle();
  }
  expect(entered).toEqual(["a", "b", "e", "f", "c", "d"]);
});

test("one that ends at once does not let a herd through in one turn", async () => {
  const clock = new FakeClock();
  const lane = new HandshakeLane({ clock, maxRunning: 3 });
  let turn = 0;
  const turns: number[] = [];
  const herd = Array.from({ length: 10 }, async () => {
    const end = await lane.enter(true);
    turns.push(turn);
    end();
  });
  const countTurns = () => {
    turn += 1;
    if (turn < 20) clock.defer(countTurns);
  };
  clock.defer(countTurns);
  await clock.settle();
  await Promise.all(herd);
  expect(turns).toHaveLength(10);
  for (let number = 0; number < 20; number += 1) {
    expect(turns.filter((seen) => seen === number).length).toBeLessThanOrEqual(3);
  }
});

test("who ends twice gives back one place", async () => {
  const { clock, entered, enter, end } = laneFixture(1);
  for (const name of ["a", "b", "c"]) enter(name, false);
  await clock.settle();
  end("a");
  end("a");
  await clock.settle();
  expect(entered).toEqual(["a", "b"]);
});
