import { afterEach, expect, test } from "vitest";
import { Contender, type ContenderName } from "../contender.ts";
import { idleHeartbeat } from "./idle-heartbeat.ts";
import { lateJoiner } from "./late-joiner.ts";
import { wireBytes } from "./wire-bytes.ts";
import type { Figures, Work } from "./work.ts";

const started: Contender[] = [];
afterEach(() => Promise.all(started.splice(0).map((contender) => contender.dispose())));

/** Tiny, on a core that others use: that it works, not what it measures. */
async function figuresOf(work: Work, name: ContenderName): Promise<Figures> {
  const { settings } = work;
  const contender = await Contender.start(name, { isPinned: false, profileFolder: undefined, settings });
  started.push(contender);
  const { figures, faults } = await work.run(contender);
  expect(faults).toEqual([]);
  return figures;
}

test("an answer over SSE takes the bytes that its events and chunks have", async () => {
  const { wireBytesPerToken } = await figuresOf(
    wireBytes({ tokensPerSec: 1_000, tokenCount: 100 }),
    "ai-sdk-sse",
  );
  // `data: {"type":"text-delta","id":"0","delta":" the"}\n\n` in a chunk is 58 bytes and 4 more or less for its text.
  expect(wireBytesPerToken).toBeGreaterThan(55);
  expect(wireBytesPerToken).toBeLessThan(65);
});

test("the same answer out of a log is what the model said, however it was merged", async () => {
  const work = wireBytes({ tokensPerSec: 1_000, tokenCount: 100 });
  expect((await figuresOf(work, "tachikoma-memory")).wireBytesPerToken).toBeGreaterThan(4);
});

test("joiners read a whole answer beside live ones", async () => {
  const size = { tokenCount: 300, streamCount: 3, tokensPerSec: 100, windowMs: 500 };
  const figures = await figuresOf(lateJoiner(size), "tachikoma-memory");
  expect(figures.frameCount).toBeGreaterThan(0);
  expect(figures.recordCount).toBeGreaterThan(0);
  expect(figures.othersP99Ratio).toBeGreaterThan(0);
});

test.each(["plain-ws", "socket.io", "tachikoma-memory"] as const)(
  "idle sessions of %s outlive their heartbeats",
  async (name) => {
    const size = { connectionCount: 10, pingIntervalMs: 200, beatCount: 3 };
    expect((await figuresOf(idleHeartbeat(size), name)).cpuPercent).toBeGreaterThanOrEqual(0);
  },
);
