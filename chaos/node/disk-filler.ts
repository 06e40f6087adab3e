import { closeSync, openSync, rmSync, writeSync } from "node:fs";

const PATH = "data/filler";
const BLOCK = Buffer.alloc(64 * 1024);

/** Writes beside the database until nothing more goes in. */
export function fillDisk(): void {
  const file = openSync(PATH, "w");
  try {
    for (let size = BLOCK.length; size >= 1; size /= 2) while (hasRoomFor(file, size));
  } finally {
    closeSync(file);
  }
}

export function freeDisk(): void {
  rmSync(PATH, { force: true });
}

function hasRoomFor(file: number, size: number): boolean {
  try {
    return writeSync(file, BLOCK, 0, size) === size;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw cause;
  }
}
