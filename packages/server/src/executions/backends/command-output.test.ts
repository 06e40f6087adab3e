import { afterEach, expect, test } from "vitest";
import { FakeClock } from "../../core/testing/fake-clock.ts";
import { COMMAND_LIMITS, commandOutput } from "./command-output.ts";
import { ProcessGroup } from "./process-group.ts";
import { eventually, inTime } from "./testing/execution-context.ts";

const clock = new FakeClock();
let group: ProcessGroup | undefined;
afterEach(async () => {
  await group?.stop();
  expect(clock.pendingTimerCount).toBe(0);
});

test("a command waits while nobody reads, and goes on when somebody does", async () => {
  const totalBytes = 16 * 1024 * 1024;
  group = new ProcessGroup({
    command: ["head", "-c", String(totalBytes), "/dev/zero"],
    cwd: undefined,
    env: {},
    killGraceMs: 5_000,
    clock,
  });
  const { stdout } = group;
  let isLeaderGone = false;
  void group.ended.then(() => {
    isLeaderGone = true;
  });
  const output = commandOutput(group, COMMAND_LIMITS, clock);
  let readChars = ((await inTime("output", output.next())).value ?? "").length;
  // The buffer fills up only if nobody takes more out of it than was asked for.
  await eventually("the buffer is full", () => stdout.readableLength >= stdout.readableHighWaterMark);
  expect(stdout.readableLength).toBeLessThan(4 * stdout.readableHighWaterMark);
  expect(isLeaderGone).toBe(false);
  expect(clock.pendingTimerCount).toBe(0);

  for await (const text of output) readChars += text.length;
  expect(readChars).toBe(totalBytes);
});
