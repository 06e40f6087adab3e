import { expect, test } from "vitest";
import { holderIn, holderText } from "./lock-holder.ts";

const LOCKS = `1: POSIX  ADVISORY  READ  111 fe:01:2531452 128 128
2: POSIX  ADVISORY  WRITE 222 fe:01:2531452 1073741825 1073742335
2: -> POSIX  ADVISORY  WRITE 333 fe:01:2531452 1073741825 1073742335
3: FLOCK  ADVISORY  WRITE 444 fe:01:99 0 EOF
4: POSIX  ADVISORY  WRITE 0 00:2a:7 0 EOF
5: OFDLCK ADVISORY  WRITE 555 08:11:12 0 EOF
`;

test.each([
  ["who has the write lock, and not who reads or waits", 0xfe01, 2_531_452, 222],
  ["nobody for another file of the same number", 0xfd01, 2_531_452, undefined],
  ["nobody for a lock of another kind", 0xfe01, 99, undefined],
  ["nobody who cannot be seen from here", 0x2a, 7, undefined],
  ["who has it through an open file", 0x0811, 12, 555],
])("%s", (_, dev, ino, pid) => {
  expect(holderIn(LOCKS, dev, ino)).toBe(pid);
});

test("is the subject of a sentence", () => {
  expect(holderText(12)).toBe("process 12");
  expect(holderText(process.pid)).toBe(`this process (${process.pid})`);
  expect(holderText(undefined)).toBe("another process");
});
