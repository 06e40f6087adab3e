import { afterEach, beforeEach, expect, test } from "vitest";
import { CommitLine } from "./commit-line.ts";

const unhandled: unknown[] = [];
const remember = (cause: unknown) => unhandled.push(cause);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", remember);
});
afterEach(() => process.off("unhandledRejection", remember));

function lineOver(send: (args: readonly string[]) => Promise<unknown>): CommitLine {
  return new CommitLine({ send, confirmation: { kind: "replica" }, confirmTimeoutMs: 50 });
}

test("a connection that is lost fails the writes and what confirms them, and no rejection is left over", async () => {
  const lost = new Error("Socket closed unexpectedly");
  const line = lineOver(() => Promise.reject(lost));
  await expect(line.submit(["SET", "a", "1"], true)).rejects.toBe(lost);
  // Node reports what nobody handles in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});

test("a write whose confirmation fails is not answered", async () => {
  const line = lineOver((args) => Promise.resolve(args[0] === "WAIT" ? 0 : "OK"));
  await expect(line.submit(["SET", "a", "1"], true)).rejects.toThrow("no replica had it within 50 ms");
  expect(await line.submit(["GET", "a"], false)).toBe("OK");
});
