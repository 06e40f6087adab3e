/**
 * What one run of the server leaves for the next to judge. With `process-crash` durability the end of the log may be lost
 * with the power, and the numbers of its records would be given again. So when such a run has not ended in an orderly way
 * and the machine may have gone down with it, every log gets a new epoch.
 */
import { readFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { Durability } from "./sqlite-call.ts";

export interface LastRun {
  readonly durability: Durability;
  /** Identifies one start of the machine; empty where that is not known. */
  readonly bootId: string;
  readonly isClean: boolean;
}

export function isContinuityProven(lastRun: LastRun | undefined, bootId: string): boolean {
  if (lastRun === undefined || lastRun.isClean || lastRun.durability === "power-loss") return true;
  return lastRun.bootId !== "" && lastRun.bootId === bootId;
}

/** Only Linux tells. Elsewhere every disorderly end of a `process-crash` run counts as a power loss. */
export function currentBootId(): string {
  if (process.platform !== "linux") return "";
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // A sandbox may hide it; not knowing is the safe answer.
    return "";
  }
}

export function readLastRun(db: DatabaseSync): LastRun | undefined {
  const row = db.prepare("SELECT durability, boot_id, is_clean FROM last_run").get();
  if (row === undefined) return undefined;
  return {
    durability: row["durability"] as Durability,
    bootId: row["boot_id"] as string,
    isClean: row["is_clean"] === 1,
  };
}

/** Must be written with `synchronous=FULL`: it is what later proves that the rest was, or was not. */
export function writeLastRun(db: DatabaseSync, run: LastRun): void {
  db.exec("BEGIN IMMEDIATE; DELETE FROM last_run");
  db.prepare("INSERT INTO last_run VALUES (?, ?, ?)").run(run.durability, run.bootId, run.isClean ? 1 : 0);
  db.exec("COMMIT");
}
