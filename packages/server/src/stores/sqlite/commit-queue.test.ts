import { TachikomaError } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import { CommitQueue } from "./commit-queue.ts";
import type { Answers, Batch, WriteCall } from "./sqlite-call.ts";

const LIMITS = { maxQueuedCalls: 10_000, maxQueuedBytes: 64 * 1024 * 1024 };

/** A queue whose thread is this test. */
function makeQueue(limits = LIMITS) {
  const posted: Batch[] = [];
  const queue = new CommitQueue((batch) => posted.push(batch), limits);
  const write = (name: string, byteCount = 1) => queue.write(writeCall(name), byteCount);
  const read = (name: string) => queue.read({ name: "logState", args: [{ tenant: "t", channel: name }] });
  /** Answers the last batch: each call with its own name. */
  const answer = () => {
    const { writes, reads } = posted.at(-1)!;
    if (writes.length > 0) queue.settleWrites(answersOf(namesOf(writes)));
    if (reads.length > 0) queue.settleReads(answersOf(namesOf(reads)));
  };
  const shape = () => posted.map(({ writes, reads }) => [namesOf(writes), namesOf(reads)]);
  return { queue, posted, write, read, answer, shape };
}

function writeCall(name: string): WriteCall {
  return { name: "deleteLog", args: [{ tenant: "t", channel: name }] };
}

function answersOf(values: readonly unknown[]): Answers {
  return { values, failures: new Map() };
}

function namesOf(calls: Batch["writes"] | Batch["reads"]): string[] {
  return calls.map(({ args: [key] }) => (key as { channel: string }).channel);
}

/** Lets what waits for the end of the task run. */
const endOfTask = () => Promise.resolve();

describe("commit queue", () => {
  test("sends a lone call at the end of the task", async () => {
    const { write, answer, shape } = makeQueue();
    const answered = write("a");
    expect(shape()).toEqual([]);
    await endOfTask();
    expect(shape()).toEqual([[["a"], []]]);
    answer();
    expect(await answered).toBe("a");
  });

  test("sends what is called in one task together, and what is called meanwhile together after it", async () => {
    const { write, read, answer, shape } = makeQueue();
    void write("a");
    void write("b");
    await endOfTask();
    void write("c");
    await endOfTask();
    void read("d");
    void write("e");
    await endOfTask();
    expect(shape()).toEqual([[["a", "b"], []]]);
    answer();
    await endOfTask();
    expect(shape()).toEqual([
      [["a", "b"], []],
      [["c", "e"], ["d"]],
    ]);
  });

  test("confirms writes before the reads of their batch are answered, and sends the next batch after those", async () => {
    const { queue, write, read, shape } = makeQueue();
    const written = write("a");
    void read("b");
    await endOfTask();
    void write("c");
    queue.settleWrites(answersOf(["done"]));
    expect(await written).toBe("done");
    expect(shape()).toHaveLength(1);
    queue.settleReads(answersOf(["seen"]));
    await endOfTask();
    expect(shape()).toHaveLength(2);
  });

  test("bounds a batch by its content, but takes at least one write", async () => {
    const { write, answer, shape } = makeQueue();
    const mib = 1024 * 1024;
    for (const [name, byteCount] of [
      ["a", 3 * mib],
      ["b", mib],
      ["c", 1],
      ["d", 20 * mib],
      ["e", 1],
    ] as const) {
      void write(name, byteCount);
    }
    for (let round = 0; round < 3; round++) {
      await endOfTask();
      answer();
    }
    await endOfTask();
    expect(shape().map(([writes]) => writes)).toEqual([["a", "b"], ["c"], ["d"], ["e"]]);
  });

  test("bounds a batch by its calls, and neither writes nor reads wait for the end of the others", async () => {
    const { write, read, answer, posted } = makeQueue();
    for (let index = 0; index < 5000; index++) void write(`w${index}`);
    await endOfTask();
    answer();
    for (let index = 0; index < 100; index++) void read(`r${index}`);
    for (let index = 0; index < 10; index++) void write(`late${index}`);
    const sizes = () => posted.map(({ writes, reads }) => [writes.length, reads.length]);
    for (let round = 0; round < 5; round++) {
      await endOfTask();
      if (round < 4) answer();
    }
    // Reads were called after 5000 writes and do not overtake those; the late writes do not wait for all reads.
    expect(sizes()).toEqual([
      [2048, 0],
      [2048, 0],
      [914, 32],
      [0, 32],
      [0, 32],
      [0, 4],
    ]);
  });

  test("refuses beyond its limits, and takes more when there is room", async () => {
    const { write, read, answer } = makeQueue({ maxQueuedCalls: 2, maxQueuedBytes: 100 });
    const calls = Promise.allSettled([write("a", 60), write("b", 41), write("c", 40), read("d")]);
    await endOfTask();
    answer();
    expect(await calls).toMatchObject([
      { value: "a" },
      {
        reason: {
          code: "STORE_UNAVAILABLE",
          message: "101 bytes would wait for the store, the limit is 100",
        },
      },
      { value: "c" },
      { reason: { code: "STORE_UNAVAILABLE", message: "2 calls wait for the store, the limit is 2" } },
    ]);
    const later = write("e", 100);
    await endOfTask();
    answer();
    expect(await later).toBe("e");
  });

  test("passes failures to the calls that they belong to", async () => {
    const { queue, write } = makeQueue();
    const calls = Promise.allSettled([write("a"), write("b"), write("c")]);
    await endOfTask();
    const failures = new Map([[1, { code: "FENCED", message: "no", cause: "why" } as const]]);
    queue.settleWrites({ values: ["a", undefined, "c"], failures });
    expect(await calls).toMatchObject([
      { value: "a" },
      { reason: { code: "FENCED", message: "no", cause: { message: "why" } } },
      { value: "c" },
    ]);
  });

  test("goes on after a batch that could not be sent", async () => {
    let isBroken = true;
    const queue = new CommitQueue(() => {
      if (isBroken) throw new Error("could not be cloned");
    }, LIMITS);
    const first = queue.write(writeCall("a"), 1);
    await expect(first).rejects.toMatchObject({ code: "INTERNAL" });
    isBroken = false;
    const second = queue.write(writeCall("b"), 1);
    await endOfTask();
    queue.settleWrites(answersOf(["b"]));
    expect(await second).toBe("b");
  });

  test("drains: answers what was taken, refuses what comes, resolves at the end", async () => {
    const { queue, write, answer } = makeQueue();
    const first = write("a");
    await endOfTask();
    const second = write("b");
    let isDrained = false;
    const drained = queue.drain(new TachikomaError("STORE_UNAVAILABLE", "closed")).then(() => {
      isDrained = true;
    });
    await expect(write("c")).rejects.toMatchObject({ message: "closed" });
    answer();
    expect(await first).toBe("a");
    await endOfTask();
    expect(isDrained).toBe(false);
    answer();
    expect(await second).toBe("b");
    await drained;
  });

  test("fails: rejects what is under way, what waits and what comes", async () => {
    const { queue, write, read } = makeQueue();
    const calls = [write("a"), read("b")];
    await endOfTask();
    calls.push(write("c"), read("d"));
    queue.fail(new TachikomaError("STORE_UNAVAILABLE", "died"));
    calls.push(write("e"));
    for (const outcome of await Promise.allSettled(calls))
      expect(outcome).toMatchObject({ reason: { message: "died" } });
    expect(queue.isIdle).toBe(true);
  });
});
