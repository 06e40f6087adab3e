import { expect, test } from "vitest";
import { FencedWrites } from "./fenced-writes.ts";

const fence = (write: number, token = 1) => ({ lease: "execution:1", token, write });
const resultOf = (firstSeq: number) => ({
  epoch: "e",
  firstSeq,
  lastSeq: firstSeq,
  tag: "t",
  timeMs: 1,
  isDuplicate: false,
});

test("a write that was rolled back was never made", () => {
  const writes = new FencedWrites();
  writes.note(fence(1), resultOf(1));
  writes.commit();
  writes.note(fence(2), resultOf(2));
  expect(writes.earlier(fence(2))).toEqual({ ...resultOf(2), isDuplicate: true });
  writes.forget();
  expect(writes.earlier(fence(2))).toBeUndefined();
  expect(writes.earlier(fence(1))).toEqual({ ...resultOf(1), isDuplicate: true });
});

test("a lease whose release was rolled back still knows its last write", () => {
  const writes = new FencedWrites();
  writes.note(fence(3), resultOf(3));
  writes.commit();
  writes.drop("execution:1");
  expect(writes.earlier(fence(3))).toBeUndefined();
  writes.forget();
  expect(writes.earlier(fence(3))).toMatchObject({ isDuplicate: true });
  writes.drop("execution:1");
  writes.commit();
  expect(writes.earlier(fence(3))).toBeUndefined();
});

test("a late write is refused under its token, and knows nothing of another", () => {
  const writes = new FencedWrites();
  writes.note(fence(5), resultOf(5));
  expect(() => writes.earlier(fence(4))).toThrow(expect.objectContaining({ code: "FENCED" }));
  expect(writes.earlier(fence(1, 2))).toBeUndefined();
});
