import { expect, test } from "vitest";
import { FrameBatch } from "./frame-batch.ts";

function handCranked() {
  const tasks: (() => void)[] = [];
  return {
    scheduler: {
      schedule(task: () => void) {
        tasks.push(task);
        return () => {
          const index = tasks.indexOf(task);
          if (index !== -1) tasks.splice(index, 1);
        };
      },
    },
    frame() {
      for (const task of tasks.splice(0)) task();
    },
    tasks,
  };
}

test("what arrives within a frame is applied together and in order", () => {
  const frames = handCranked();
  const applied: (readonly number[])[] = [];
  const batch = new FrameBatch<number>((items) => applied.push(items), frames.scheduler);
  batch.add(1);
  batch.add(2);
  expect(frames.tasks).toHaveLength(1);
  frames.frame();
  batch.add(3);
  frames.frame();
  expect(applied).toEqual([[1, 2], [3]]);
});

test("a batch does not grow without bound while no frame is made", () => {
  const frames = handCranked();
  const sizes: number[] = [];
  const batch = new FrameBatch<number>((items) => sizes.push(items.length), frames.scheduler);
  for (let item = 0; item < 5_000; item += 1) batch.add(item);
  expect(sizes).toEqual([2_000, 2_000]);
  frames.frame();
  expect(sizes).toEqual([2_000, 2_000, 1_000]);
});

test("cleared items are never applied", () => {
  const frames = handCranked();
  const applied: (readonly number[])[] = [];
  const batch = new FrameBatch<number>((items) => applied.push(items), frames.scheduler);
  batch.add(1);
  batch.clear();
  frames.frame();
  expect(applied).toEqual([]);
});
